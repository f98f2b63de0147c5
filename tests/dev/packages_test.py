#!/usr/bin/env python3
"""packaging/packages.sh chooses by what a release has, says what it leaves out, and shows what apt does.

apt-get, apt-cache and dpkg-query are stand-ins that know the versions below, which are those of real releases.
"""
import os
import pty
import shutil
import subprocess
import tempfile
import unittest

SOURCE = os.environ["HAKMEM_SOURCE"]
TABLE = os.path.join(SOURCE, "packaging", "dependencies.tsv")
DISTRIBUTIONS = ("debian", "ubuntu", "fedora")

# Of the names of which a release has one and another has not: what it has. All else of the table is in each.
PARTICULAR = {
    "bookworm": "libmimalloc2.0 libtcmalloc-minimal4 libpython3.11-testsuite postgresql-server-dev-15 redis "
                "libclang-rt-dev libclang-rt-14-dev",
    "trixie": "libmimalloc3 libtcmalloc-minimal4t64 libpython3.13-testsuite postgresql-server-dev-17 redis "
              "libclang-rt-dev",
    "sid": "libmimalloc3 libtcmalloc-minimal4t64 libpython3.13-testsuite libpython3.14-testsuite "
           "libpython3.15-testsuite postgresql-server-dev-18 redis libclang-rt-dev",
}
VERSIONS = {
    "bookworm": {"python3": "3.11.2-1+b1", "postgresql": "15+248+deb12u1", "ruby": "1:3.1"},
    "trixie": {"python3": "3.13.5-1", "postgresql": "17+278", "ruby": "1:3.3+b1"},
    "sid": {"python3": "3.14.3-1", "postgresql": "18+291", "ruby": "1:3.3+b1"},
}

TOOLS = {
    "dpkg-query": """
for name in "$@"; do
    if grep -qxF -e "$name" "$FAKE/installed"; then echo "$name installed"; fi
done
""",
    "apt-cache": """
shift
for name in "$@"; do
    version=$(awk -v name="$name" '$1 == name { print $2 }' "$FAKE/known")
    if [ -n "$version" ]; then
        printf '%s:\\n  Installed: (none)\\n  Candidate: %s\\n' "$name" "$version"
        printf '  Version table:\\n     %s 500\\n' "$version"
    fi
done
""",
    "apt-get": """
simulate= names= install=
while [ $# -gt 0 ]; do
    case $1 in
    -o) shift ;;
    -s) simulate=1 ;;
    install) install=1 ;;
    -* | update) ;;
    *) names="$names $1" ;;
    esac
    shift
done
[ -n "$install" ] || { echo update >>"$FAKE/calls"; exit 0; }
echo "${simulate:+try}${simulate:-install}$names" >>"$FAKE/calls"
for name in $names; do
    if grep -qxF -e "$name" "$FAKE/broken"; then echo "E: $name has unmet dependencies" >&2; exit 100; fi
done
[ -z "$simulate" ] || exit 0
percent=0
while [ $percent -lt 100 ]; do
    echo "pmstatus:some-package:$percent.5000:Unpacking some-package (amd64)" >&3
    echo "Unpacking some-package (1.0) ..."
    percent=$((percent + 2))
done
failed=
for name in $names; do
    if grep -qxF -e "$name" "$FAKE/unruly"; then failed=1; else echo "$name" >>"$FAKE/installed"; fi
done
[ -z "$failed" ] || { echo "E: a maintainer script failed" >&2; exit 100; }
""",
    "sudo": 'exec "$@"\n',
}

# The functions that would change this host are put aside.
NEED = """
set -euo pipefail
say() { printf '%s\\n' "$*" >&2; }
die() { say "dev: $*"; exit 1; }
source packaging/packages.sh
distribution() { echo debian; }
release_name() { echo "this release"; }
have_lists() { true; }
hold_services() { true; }
drop_policy() { true; }
disable_new_services() { true; }
need "$@"
"""


def rows():
    with open(TABLE, encoding="utf-8") as file:
        lines = [line.rstrip("\n").split("\t") for line in file if not line.startswith("#")]
    return [dict(zip(lines[0], line)) for line in lines[1:]]


def plain_names():
    """The names of Debian's that are in each release."""
    particular = {name for text in PARTICULAR.values() for name in text.split()}
    names = {name for row in rows() for name in row["debian"].split(" / ") if name != "-" and "<" not in name}
    return sorted(names - particular - {"libmimalloc2"})


class Packages(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="hkdev-")
        self.addCleanup(shutil.rmtree, self.dir)
        for name, text in TOOLS.items():
            path = os.path.join(self.dir, name)
            with open(path, "w", encoding="utf-8") as file:
                file.write("#!/bin/sh\n" + text)
            os.chmod(path, 0o755)
        for name in ("installed", "known", "broken", "unruly", "calls"):
            self.write(name, [])

    def write(self, name, lines):
        with open(os.path.join(self.dir, name), "w", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in lines)

    def read(self, name):
        with open(os.path.join(self.dir, name), encoding="utf-8") as file:
            return file.read().splitlines()

    def release(self, codename, without=()):
        known = {name: "1.0" for name in plain_names() + PARTICULAR[codename].split()}
        known.update(VERSIONS[codename])
        self.write("known", [f"{name} {version}" for name, version in known.items() if name not in without])

    def need(self, *groups, **more):
        env = {**os.environ, "PATH": f"{self.dir}:{os.environ['PATH']}", "FAKE": self.dir}
        more.setdefault("stderr", subprocess.PIPE)
        done = subprocess.run(["bash", "-c", NEED, "need", *groups], cwd=SOURCE, env=env, text=True, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, **more)
        self.assertEqual(done.stdout, "", "the output of a command of ./dev is its own")
        return done

    def test_each_release_has_its_names(self):
        for codename, text in PARTICULAR.items():
            with self.subTest(codename):
                self.write("installed", [])
                self.release(codename)
                done = self.need("build", "test", "suites", "lint")
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertNotIn("left out", done.stderr)
                got = set(self.read("installed"))
                python = f"libpython{VERSIONS[codename]['python3'][:4]}-testsuite"
                wanted = {name for name in text.split() if "testsuite" not in name} | {python}
                wanted -= {"redis", "libclang-rt-14-dev"}  # second names of what is there by its first
                self.assertEqual(wanted - got, set())
                self.assertEqual({name for name in got if "testsuite" in name}, {python})
                self.assertLessEqual(got, set(plain_names()) | wanted | set(VERSIONS[codename]))

    def test_a_release_as_it_is_installed_is_left_alone(self):
        self.release("trixie")
        self.assertEqual(self.need("build", "test").returncode, 0)
        self.write("calls", [])
        done = self.need("build", "test")
        self.assertEqual((done.returncode, done.stderr, self.read("calls")), (0, "", []))

    def test_a_second_name_that_is_installed_will_do(self):
        self.release("sid")
        self.need("build", "demo")
        self.write("installed", ["redis" if name == "redis-server" else name for name in self.read("installed")])
        self.write("calls", [])
        self.assertEqual(self.need("build", "demo").stderr, "")
        self.assertEqual(self.read("calls"), [])

    def test_an_optional_one_is_left_out(self):
        self.release("sid", without=["libmimalloc3", "valgrind", "postgresql"])
        done = self.need("build", "test", "suites")
        self.assertEqual(done.returncode, 0, done.stderr)
        for said in ("dev: left out: mimalloc in ./dev bench (this release has no libmimalloc2.0 / libmimalloc2 / "
                     "libmimalloc3)", "left out: tests that count instructions (this release has no valgrind)",
                     "left out: the test suite of PostgreSQL (this release has no postgresql-server-dev-N)"):
            self.assertIn(said, done.stderr)
        self.assertIn("nginx", self.read("installed"))
        # It is said again, and nothing is asked of the archive again.
        self.write("calls", [])
        self.assertIn("has no valgrind)", self.need("build", "test", "suites").stderr)
        self.assertEqual(self.read("calls"), [])

    def test_a_required_one_is_missed(self):
        self.release("trixie", without=["libuv1-dev"])
        done = self.need("build")
        self.assertEqual(done.returncode, 1)
        self.assertIn("this release has no package libuv1-dev", done.stderr)
        self.assertEqual(self.read("installed"), [])

    def test_what_cannot_be_installed_is_left_out(self):
        self.release("sid")
        self.write("broken", ["nodejs"])
        done = self.need("build", "test")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("nodejs has unmet dependencies", done.stderr)
        self.assertIn("dev: left out: the test of node (nodejs cannot be installed now)", done.stderr)
        self.assertIn("nginx", self.read("installed"))
        self.assertNotIn("nodejs", self.read("installed"))

    def test_what_fails_while_it_is_installed_is_left_out(self):
        self.release("sid")
        self.write("unruly", ["memcached"])
        done = self.need("build", "test")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("E: a maintainer script failed", done.stderr)
        self.assertIn("dev: left out: the test of memcached (memcached cannot be installed now)", done.stderr)
        self.write("unruly", ["memcached", "libcmocka-dev"])
        self.write("installed", [])
        done = self.need("build", "test")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("dev: could not install: libcmocka-dev\n", done.stderr)

    def test_what_must_be_there_and_cannot_be_installed_ends_it(self):
        self.release("sid")
        self.write("broken", ["cmake"])
        done = self.need("build")
        self.assertEqual(done.returncode, 1)
        self.assertIn("could not install", done.stderr)

    def test_progress_in_plain_lines(self):
        self.release("trixie")
        lines = [line for line in self.need("build").stderr.splitlines() if "installing" in line and "%" in line]
        self.assertEqual(lines[0], "dev: installing 0%: Unpacking some-package (amd64)")
        self.assertEqual(len(lines), 10)

    def test_progress_on_a_terminal(self):
        self.release("trixie")
        main, other = pty.openpty()
        done = self.need("build", stderr=other)
        os.close(other)
        seen = b""
        try:
            while more := os.read(main, 65536):
                seen += more
        except OSError:
            pass  # the end, of a terminal
        os.close(main)
        self.assertEqual(done.returncode, 0)
        self.assertEqual(seen.count(b"\r\x1b[Kdev: installing "), 50)
        self.assertTrue(seen.endswith(b"\r\x1b[K"), seen[-80:])


class Lists(unittest.TestCase):
    def dev(self, *words):
        return subprocess.run([os.path.join(SOURCE, "dev"), "deps", *words], capture_output=True, text=True,
                              check=False, stdin=subprocess.DEVNULL)

    def test_the_table(self):
        for row in rows():
            with self.subTest(row.get("debian")):
                self.assertEqual(set(row), {"groups", "need", "debian", "ubuntu", "fedora", "for"})
                self.assertIn(row["need"], ("required", "optional"))
                self.assertTrue(all(row.values()), row)
                self.assertNotEqual(row["debian"], "=")
                # What ./dev installs are alternatives alone.
                self.assertNotIn(", ", row["debian"] + row["ubuntu"])

    def test_each_group_for_each(self):
        groups = sorted({group for row in rows() for group in row["groups"].split(",")})
        for name in DISTRIBUTIONS:
            for group in groups:
                done = self.dev("--list", "--for", name, group)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertRegex(done.stdout, r"^\S.* (required|optional) ")
                self.assertNotRegex(done.stdout, r"<|^[=-] ")
                if name != "debian":
                    self.assertIn("on paper", done.stderr)
        self.assertIn("libpythonN-testsuite (N: the version of python3)", self.dev("--list", "--for", "debian").stdout)

    def test_this_system(self):
        if not shutil.which("dpkg-query"):
            self.skipTest("no Debian system")
        done = self.dev("--list", "build")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"(?m)^cmake +installed +building$")

    def test_what_it_does_not_take(self):
        for words, said in ((["nosuch"], "no such group 'nosuch'"),
                            (["--list", "--for", "plan9"], "no names for 'plan9'"),
                            (["--list", "--for"], "takes debian, ubuntu or fedora"), (["--lst"], "no option '--lst'"),
                            (["--for", "fedora"], "goes with --list"), (["build", "test"], "one group")):
            done = self.dev(*words)
            self.assertEqual(done.returncode, 1, words)
            self.assertIn(said, done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
