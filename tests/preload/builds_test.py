#!/usr/bin/env python3
"""Compilers build this project under libhakmem.so, many at once; what they make is the same. And a browser."""
import os
import shutil

from harness import SOURCE, Case, main

PAGE = """<!doctype html><title>page</title><body><script>
const all = new Map();
for (let i = 0; i < 20000; i++) all.set('key' + i * 7919 % 10007, { i, text: 'x'.repeat(i % 100) });
const table = document.createElement('table');
for (let r = 0; r < 300; r++) {
  const row = table.insertRow();
  for (let c = 0; c < 10; c++) row.insertCell().textContent = r * c;
}
document.body.append(table);
const canvas = document.createElement('canvas');
canvas.width = canvas.height = 200;
const draw = canvas.getContext('2d');
for (let i = 0; i < 500; i++) { draw.fillStyle = `hsl(${i} 80% 50%)`; draw.fillRect(i % 200, i * 7 % 200, 20, 9); }
document.body.append(canvas.toDataURL().length > 1000 ? 'drawn ' : 'blank ', all.size, ' ',
                     JSON.stringify([...all]).length);
</script>"""


class Builds(Case):
    def build(self, compiler):
        """The same folder for both, one after the other: its name is in what is made."""
        self.need(compiler)
        tools = self.need("cmake"), self.need("ninja")
        made = []
        for preloaded in (False, True):
            folder = self.folder("build")
            said = self.run_one([tools[0], "-S", SOURCE, "-B", folder, "-G", "Ninja", "-DHAKMEM_TESTS=OFF",
                                 "-DCMAKE_BUILD_TYPE=RelWithDebInfo", f"-DCMAKE_C_COMPILER={compiler}"], preloaded)
            self.assertEqual(said[0], 0, said)
            said = self.run_one([tools[1], "-C", folder, "-j", "4"], preloaded)
            self.assertEqual(said[0], 0, said)
            made.append({name: open(os.path.join(root, name), "rb").read() for root, _, names in os.walk(folder)
                         for name in names if name.endswith((".so", ".a", ".o")) or name in ("hakmemd", "hakmemctl")})
            shutil.rmtree(folder)
        self.assertGreater(len(made[0]), 50)
        self.assertEqual(made[0].keys(), made[1].keys())
        self.assertEqual([name for name in made[0] if made[0][name] != made[1][name]], [])

    def test_gcc(self):
        self.build("gcc")

    def test_clang(self):
        self.build("clang")

    def test_chromium(self):
        browser, page = self.need("chromium"), self.write("page.html", PAGE)

        def show(preloaded, folder):
            status, out, err = self.run_one([browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
                                             "--disable-dev-shm-usage", f"--user-data-dir={folder}/profile",
                                             "--virtual-time-budget=5000", "--dump-dom", f"file://{page}"], preloaded,
                                            env={"HOME": folder}, cwd=folder)
            self.assertEqual(status, 0, err[-3000:])
            return out
        self.assertIn(b"drawn 10007", self.both_ways(show))


if __name__ == "__main__":
    main("builds.")
