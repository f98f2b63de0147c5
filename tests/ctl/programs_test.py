"""What run and enable say of programs that preloading does no good, or harm: real programs of each kind, made here.

A kind whose compiler or library is not there is left out, and said so.
"""
import os
import resource
import shutil
import struct
import subprocess
import unittest

from fake_daemon import FakeDaemon
from tool import BUILD, TOOL, Case, environment

LIBRARY = os.environ.get("HAKMEM_LIB", os.path.join(BUILD, "lib", "libhakmem.so"))

CC = shutil.which("cc") or shutil.which("gcc")

PLAIN = '#include <stdlib.h>\nint main(void) { void *volatile p = malloc(10); free(p); return 7; }\n'
OWN = """
#include <stddef.h>
static char pool[1 << 20];
static size_t at;
void *malloc(size_t n) { at += 64 + (n + 63) / 64 * 64; return pool + (at - n) / 16 * 16; }
void free(void *p) { (void)p; }
void *calloc(size_t n, size_t m) { return malloc(n * m); }
void *realloc(void *p, size_t n) { (void)p; return malloc(n); }
int main(void) { void *volatile p = malloc(10); free(p); return 7; }
"""
ASKS = "extern void *NAME(unsigned long, int);\nint main(void) { return NAME(1, 0) ? 7 : 8; }\n"
GIVES = "void *NAME(unsigned long n, int f) { static char block[64]; (void)n, (void)f; return block; }\n"


def image_of(entries, strings, machine):
    """An ELF program for that machine of a dynamic section alone: its entries (tag, value), and their strings."""
    place, start = 0x10000, 64 + 2 * 56
    entries = [*entries, (5, place + start), (10, len(strings))]  # DT_STRTAB, DT_STRSZ
    at = start + len(strings)
    section = b"".join(struct.pack("<qQ", *e) for e in [*entries, (0, 0)])
    segments = [(1, 5, 0, place, place, at, at, 4096),
                (2, 6, at, place + at, place + at, len(section), len(section), 8)]
    head = b"\x7fELF\2\1\1".ljust(16, b"\0")
    head += struct.pack("<HHIQQQIHHHHHH", 3, machine, 1, 0, 64, 0, 0, 64, 56, 2, 64, 0, 0)
    return head + b"".join(struct.pack("<IIQQQQQQ", *s) for s in segments) + strings + section


class Hostile(Case):
    """Programs that are made to cost who looks at them memory, or time without end."""

    def test_what_is_kept_is_bounded(self):
        with open(TOOL, "rb") as f:
            image = f.read()
        if any(name in image for name in (b"__asan_report_", b"__tsan_func_entry", b"__msan_warning")):
            self.skipTest("a sanitizer reserves more than the limit that is set here")
        machine = struct.unpack_from("<H", image, 18)[0]
        needed, run_path, dirs = 1, 29, 30000  # no longer than a run path that is looked at: 64 KiB
        path = os.path.join(self.dir, "hostile")
        for what, entries, strings in (
                ("one long run path, again and again", [(run_path, 1)] * 4000, b"\0" + b"/x" * (4 << 20) + b"\0"),
                ("long names", [(needed, 1 + i) for i in range(250)], b"\0" + b"n" * (16 << 20) + b"\0"),
                ("many directories", [(run_path, 1), *[(needed, 2 * dirs + 2 + i) for i in range(250)]],
                 b"\0" + b"/:" * dirs + b"\0" + b"n" * 250 + b".so\0"),
                ("many names", [(needed, 1 + 9 * i) for i in range(4000)],
                 b"\0" + b"".join(b"/%d/" % i + b"n" * (6 - len(b"%d" % i)) + b"\0" for i in range(4000)))):
            with open(path, "wb") as f:
                f.write(image_of(entries, strings, machine))
            os.chmod(path, 0o755)
            status, _, err = self.at(
                "run", "--", path, env=environment(HAKMEM_LIBRARY=os.environ["HAKMEM_MARKER"]),
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (200 << 20, 200 << 20)))
            # The tool came to its end, and the kernel has refused the program or ended it.
            self.assertIn("nothing can be preloaded", err, (what, status))
            self.assertNotIn("memory", err, what)


@unittest.skipUnless(CC, "no C compiler here")
class Kinds(Case):
    def setUp(self):
        super().setUp()
        self.daemon = FakeDaemon(self.dir, [])
        self.addCleanup(self.daemon.stop)
        self.library = os.environ["HAKMEM_MARKER"]

    def make(self, name, source, *flags):
        """A program of that source; the test is skipped where it cannot be made."""
        path, text = os.path.join(self.dir, name), os.path.join(self.dir, name + ".c")
        with open(text, "w", encoding="utf-8") as f:
            f.write(source)
        done = subprocess.run([CC, "-o", path, text, *flags], capture_output=True, text=True, check=False)
        if done.returncode:
            self.skipTest(f"{CC} {' '.join(flags)}: {done.stderr.splitlines()[-1]}")
        return path

    def write(self, name, data, mode=0o755):
        path = os.path.join(self.dir, name)
        with open(path, "wb") as f:
            f.write(data)
        os.chmod(path, mode)
        return path

    def changed(self, path, name, change):
        with open(path, "rb") as f:
            image = bytearray(f.read())
        change(image)
        return self.write(name, image)

    def run_it(self, *words, library=None, **changes):
        """What comes of `run`: (exit status, what it said)."""
        status, _, err = self.at("run", *words, env=environment(HAKMEM_LIBRARY=library or self.library, **changes))
        return status, err

    def refused(self, path, *parts):
        """It is not started, with a reason and a way out; with --force it is tried."""
        status, err = self.run_it("--", path)
        self.assertEqual(status, 126)
        self.assertTrue(err.startswith(f"hakmemctl: {path} cannot run on hakmem: "), err)
        for part in (*parts, "not started; --force starts it all the same\n"):
            self.assertIn(part, err)
        forced = self.run_it("--force", "--", path)[1]
        self.assertTrue(forced.startswith(f"hakmemctl: warning: {path} cannot run on hakmem: "), forced)
        self.assertNotIn("not started", forced)

    def warned(self, path, *parts, how="will not run on hakmem", status=7, **more):
        got, err = self.run_it("--", path, **more)
        if status is not None:  # the library that is preloaded here is no allocator, and stands back for nobody
            self.assertEqual(got, status, err)
        self.assertTrue(err.startswith(f"hakmemctl: warning: {path} {how}: "), err)
        for part in parts:
            self.assertIn(part, err)

    def silent(self, path, status=7, **more):
        self.assertEqual(self.run_it("--", path, **more), (status, ""))

    def test_what_is_as_it_should_be(self):
        self.silent(self.make("plain", PLAIN))

    def test_static(self):
        self.warned(self.make("static", PLAIN, "-static"), "it is statically linked", "libhakmem.a")

    def test_musl(self):
        def change(image):
            at = image.index(b"/ld-linux")
            start = image.rindex(b"/lib", 0, at)
            end = image.index(b"\0", at)
            image[start:end] = b"/lib/ld-musl-x.so.1".ljust(end - start, b"\0")

        path = self.changed(self.make("glibc", PLAIN), "musl", change)
        self.refused(path, "made for musl", "__register_atfork", "/lib/ld-musl-x.so.1")

    @unittest.skipUnless(shutil.which("musl-gcc") and os.path.exists(LIBRARY), "no musl-gcc, or no library here")
    def test_musl_in_truth(self):
        """What is foretold comes true."""
        path, source = os.path.join(self.dir, "musl"), os.path.join(self.dir, "musl.c")
        with open(source, "w", encoding="utf-8") as f:
            f.write(PLAIN)
        subprocess.run(["musl-gcc", "-o", path, source], check=True)
        self.refused(path, "made for musl")
        status, err = self.run_it("--force", "--", path, library=LIBRARY)
        self.assertEqual(status, 127)
        self.assertIn("__register_atfork: symbol not found", err.splitlines()[-1])

    def test_other_machines(self):
        plain = self.make("plain", PLAIN)
        for name, at, value in (("machine", 18, 22), ("class", 4, 1), ("order", 5, 2)):
            def change(image, at=at, value=value):
                image[at] = value

            path = self.changed(plain, name, change)
            _, err = self.run_it("--", path)
            self.assertIn(f"{path} will not run on hakmem: it is for another kind of machine", err)

    def test_own_allocators(self):
        self.warned(self.make("own", OWN), "defines malloc and free itself")
        self.warned(self.make("exported", OWN, "-rdynamic"), "defines malloc and free itself")
        named = self.make("named", OWN + GIVES.replace("NAME", "mallocx"))
        self.warned(named, "defines malloc and free itself, and they serve it (jemalloc)")
        self.assertNotIn("in part", self.run_it("--", named)[1])
        hidden = self.make("prefixed", PLAIN + GIVES.replace("NAME", "je_mallocx"))
        self.warned(hidden, "jemalloc: je_mallocx", how="runs on hakmem in part")
        self.silent(self.make("stripped", PLAIN + GIVES.replace("NAME", "je_mallocx"), "-s"))

    def test_functions_that_nobody_else_finds(self):
        static = "".join(f"static __attribute__((used)) void *my_{name}(void) __asm__(\"{name}\");\n"
                         f"static __attribute__((used)) void *my_{name}(void) {{ return 0; }}\n"
                         for name in ("malloc", "free"))
        self.silent(self.make("local", static + "int main(void) { return 7; }\n"))

    def stub(self, name, function):
        return self.make(name, GIVES.replace("NAME", function), "-shared", "-fPIC", f"-Wl,-soname,{name}")

    def test_another_allocators_functions(self):
        here = ("-Wl,-rpath,$ORIGIN", f"-L{self.dir}")
        jemalloc = self.stub("libj.so", "mallocx")
        self.stub("libt.so", "tc_malloc")
        self.stub("libp.so", "_rjem_malloc")
        asks = self.make("asks", ASKS.replace("NAME", "mallocx"), *here, "-lj")
        self.refused(asks, "jemalloc's own functions", "(asks: mallocx)")
        # What the library that is preloaded has is served.
        self.silent(asks, library=jemalloc)
        self.assertIn("which libhakmem.so serves (asks: mallocx)", self.run_it("-v", "--", asks, library=jemalloc)[1])
        # Under names of its own it has a free() of its own.
        self.warned(self.make("asks-prefixed", ASKS.replace("NAME", "_rjem_malloc"), *here, "-lp"),
                    "(asks-prefixed: _rjem_malloc)", how="runs on hakmem in part")
        self.warned(self.make("asks-tc", ASKS.replace("NAME", "tc_malloc"), *here, "-lt"), "(asks-tc: tc_malloc)",
                    how="runs on hakmem in part")

    def test_functions_that_a_library_asks_for(self):
        here = ("-Wl,-rpath,$ORIGIN", f"-L{self.dir}")
        self.stub("libj.so", "mallocx")
        middle = "extern void *mallocx(unsigned long, int);\nvoid *middle(void) { return mallocx(1, 0); }\n"
        self.make("libm1.so", middle, "-shared", "-fPIC", "-Wl,-soname,libm1.so", *here, "-lj")
        program = self.make("outer", "extern void *middle(void);\nint main(void) { return middle() ? 7 : 8; }\n", *here,
                            "-lm1", f"-Wl,-rpath-link,{self.dir}")
        self.refused(program, "(libm1.so: mallocx)")
        # The same, found by LD_LIBRARY_PATH.
        os.mkdir(os.path.join(self.dir, "elsewhere"))
        moved = self.make("elsewhere/outer",
                          "extern void *middle(void);\nint main(void) { return middle() ? 7 : 8; }\n", f"-L{self.dir}",
                          "-lm1", f"-Wl,-rpath-link,{self.dir}")
        self.assertEqual(self.run_it("--", moved, LD_LIBRARY_PATH=self.dir)[0], 126)

    def test_as_many_directories_as_are_looked_at(self):
        """Of a run path the first 64: what the last of them has is told of, what one behind it has is not."""
        here = ("-Wl,-rpath,$ORIGIN", f"-L{self.dir}")
        self.stub("libj.so", "mallocx")
        os.mkdir(os.path.join(self.dir, "at"))
        self.make("at/libfar.so",
                  "extern void *mallocx(unsigned long, int);\nvoid *far(void) { return mallocx(1, 0); }\n", "-shared",
                  "-fPIC", "-Wl,-soname,libfar.so", f"-Wl,-rpath,{self.dir}", *here, "-lj")
        source = "extern void *far(void);\nint main(void) { return far() ? 7 : 8; }\n"
        for before in (63, 64):
            dirs = ":".join([*(f"/nonexistent/{i}" for i in range(before)), f"{self.dir}/at"])
            path = self.make(f"by-{before}", source, f"-Wl,-rpath,{dirs}", f"-L{self.dir}/at", "-lfar",
                             f"-Wl,-rpath-link,{self.dir}")
            if before == 63:
                self.refused(path, "(libfar.so: mallocx)")
            else:
                self.silent(path)

    @unittest.skipUnless(shutil.which("strace"), "no strace here")
    def test_what_a_program_names_is_opened_only_if_it_is_a_file(self):
        """A needed library and an interpreter that are FIFOs: to open a device would do what the device does."""
        self.stub("libf.so", "nothing")
        program = self.make("names", PLAIN, "-Wl,-rpath,$ORIGIN", "-Wl,--no-as-needed", f"-L{self.dir}", "-lf")
        units = os.path.join(self.dir, "root", "etc/systemd/system")
        os.makedirs(units)
        os.makedirs(os.path.join(self.dir, "root", "opt"))
        os.makedirs(os.path.join(self.dir, "root", "usr/lib"))
        shutil.copy(self.library, os.path.join(self.dir, "root", "usr/lib/libhakmem.so"))
        shutil.copy(program, os.path.join(self.dir, "root", "opt"))
        os.mkfifo(os.path.join(self.dir, "root", "opt/libf.so"))
        script = self.write("root/opt/script", b"#!/opt/libf.so\n")
        trace = os.path.join(self.dir, "trace")
        for name, said in (("names", ""), ("script", "it may not be executed")):
            with open(os.path.join(units, f"{name}.service"), "w", encoding="utf-8") as f:
                f.write(f"[Service]\nExecStart=/opt/{name}\n")
            _, out, err = self.ctl("-e", "trace=file", "-o", trace, TOOL, "enable", "--root",
                                   os.path.join(self.dir, "root"), name, tool="strace")
            with open(trace, encoding="utf-8") as f:
                opens = [line for line in f if "/libf.so" in line]
            if not opens and "wrote" not in out:
                self.skipTest("nothing can be traced here: " + err)
            self.assertTrue(opens)
            self.assertEqual([line for line in opens if "O_PATH" not in line], [])
            self.assertIn(said, err)
        self.assertTrue(os.path.exists(script))

    def test_linked_with_hakmem(self):
        source = OWN + "const char *hakmem_version(void) { return \"\"; }\n"
        self.silent(self.make("linked", source))
        self.silent(self.make("linked-static", source, "-static"))

    def test_sanitizers(self):
        for name, full in (("address", "AddressSanitizer"), ("thread", "ThreadSanitizer"), ("leak", "LeakSanitizer")):
            self.warned(self.make(name, PLAIN, f"-fsanitize={name}"),
                        f"whose own allocator serves it: hakmem stands back ({full})", status=None)

    def test_sanitizers_that_are_linked_in(self):
        held = PLAIN.replace("int main", "void __asan_init(void) { }\nint main")
        self.warned(self.make("asan", held), "(AddressSanitizer)")
        self.warned(self.make("msan", held.replace("asan", "msan")), "(MemorySanitizer)")

    def test_go(self):
        section = '__attribute__((section(".go.buildinfo"))) int build = 1;\n'
        self.warned(self.make("go", section + PLAIN), "written in Go", "GOMEMLIMIT")

    def test_scripts(self):
        static = self.make("static", PLAIN, "-static")
        by = "its interpreter"
        first = self.write("first", f"#!{static} -x\n".encode())
        status, err = self.run_it("--", first)
        self.assertEqual(status, 7)
        self.assertTrue(err.startswith(f"hakmemctl: warning: {first}: {by} {static} will not run on hakmem: it is "))
        second = self.write("second", f"#! {first}\n".encode())
        self.assertIn(f"{by} {static}", self.run_it("--", second)[1])
        for words in ("static", "-S static -x", "-S -i A=b static", static):
            env_script = self.write("by-env", f"#!/usr/bin/env {words}\n".encode())
            err = self.run_it("--", env_script, PATH=self.dir + ":" + os.environ["PATH"])[1]
            self.assertIn(f"{by} {static} will not run on hakmem", err, words)
        for words in ("-u NAME static", "-uNAME static", "-C / static", "--unset NAME --chdir=/ static", "-i static",
                      "- static", "-- static", "-- A=b static", "-iu NAME -- static", "--argv0 NAME static"):
            for split in ("-S ", "-S", "-iS ", "--split-string="):
                env_script = self.write("by-env", f"#!/usr/bin/env {split}{words}\n".encode())
                err = self.run_it("--", env_script, PATH=self.dir + ":" + os.environ["PATH"])[1]
                self.assertIn(f"{by} {static} will not run on hakmem", err, split + words)
        self.silent(self.write("shell", b"#!/bin/sh\nexit 7\n"))
        self.silent(self.write("no-first-line", b"exit 7\n"))
        endless = self.write("endless", f"#!{self.dir}/endless\n".encode())
        self.assertNotIn("Traceback", self.run_it("--", endless)[1])

    def test_the_program_that_env_starts(self):
        static, path = self.make("static", PLAIN, "-static"), self.dir + ":" + os.environ["PATH"]
        for words in (["static"], ["-u", "NAME", "static", "x"], ["-C", "/", "static"], ["A=b c", "static"],
                      ["--", "static"], ["-uNAME", "A=b", "static"], [static], ["-S", "A=b static"], ["-SA=b static"]):
            status, err = self.run_it("--", "env", *words, PATH=path)
            self.assertEqual(status, 7, words)
            self.assertTrue(err.startswith(f"hakmemctl: warning: {static} will not run on hakmem: it is "), err)
        # Nothing is preloaded into these.
        for words in ("-i static", "- static", "-u LD_PRELOAD static", "LD_PRELOAD= static",
                      "--ignore-environment static"):
            self.assertEqual(self.run_it("--", "env", *words.split(), PATH=path)[1].count("hakmem: it is"), 0, words)

    def test_what_env_finds_in_path_is_what_execvp_finds(self):
        static = self.make("static", PLAIN, "-static")
        script = self.write("by-env", b"#!/usr/bin/env tool\n")
        dirs = [os.path.join(self.dir, name) for name in ("folder", "data", "program")]
        for path in dirs:
            os.mkdir(path)
        os.mkdir(os.path.join(dirs[0], "tool"))
        self.write("data/tool", b"no program", 0o644)
        before = os.getcwd()
        self.addCleanup(os.chdir, before)
        os.chdir(dirs[2])

        def said(*path):
            return self.run_it("--", script, PATH=":".join(path))[1]

        self.assertIn(f"its interpreter {dirs[0]}/tool: it may not be executed",
                      said(dirs[0], dirs[1]))
        shutil.copy(static, os.path.join(dirs[2], "tool"))
        found = f"its interpreter {dirs[2]}/tool will not run on hakmem: it is statically linked"
        self.assertIn(found, said(*dirs))
        for path in (("",), ("", dirs[1]), (dirs[0], ""), (dirs[0], "", dirs[1])):
            self.assertIn(found, said("/nonexistent", *path), path)
        os.chdir(self.dir)
        self.assertIn(found, said("program"))
        self.assertEqual(self.run_it("--", script, PATH="/nonexistent")[1].count("its interpreter"), 0)

    @unittest.skipUnless(os.geteuid() == 0, "takes root")
    def test_more_rights(self):
        path = self.make("rights", PLAIN)
        os.chmod(self.dir, 0o755)
        os.chown(path, 1, 1)
        os.chmod(path, 0o4755)
        self.warned(path, "more rights", "(set-user-ID)")
        os.chmod(path, 0o2755)
        self.warned(path, "(set-group-ID)")
        os.chown(path, 0, 0)
        os.chmod(path, 0o6755)
        self.silent(path)
        if shutil.which("setpriv"):
            os.chown(path, 1, 1)
            os.chmod(path, 0o4755)
            _, _, err = self.ctl("--no-new-privs", TOOL, "--runtime-dir", self.dir, "run", "--", path, tool="setpriv",
                                 env=environment(HAKMEM_LIBRARY=self.library))
            self.assertEqual(err, "")

    def test_damaged_files(self):
        """Whatever is missing of a program, or wrong in it, the tool says something and goes on."""
        plain = self.make("plain", PLAIN)
        with open(plain, "rb") as f:
            image = f.read()
        for size in (*range(0, 70, 7), *range(70, len(image), len(image) // 40)):
            path = self.write("cut", image[:size])
            status, _, err = self.at("run", "-v", "--", path, env=environment(HAKMEM_LIBRARY=self.library),
                                     preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)))
            # It came to an end of its own: it became what is left of the program, or said that there is none.
            self.assertTrue("preloading " in err or status == 126, (size, status, err))
        damaged = self.changed(plain, "damaged", lambda image: image.__setitem__(slice(32, 40), b"\xff" * 8))
        self.assertIn("a damaged ELF file", self.run_it("--", damaged)[1])


class Units(Case):
    """The program of a unit, found as systemd finds it."""

    def setUp(self):
        super().setUp()
        self.root = os.path.join(self.dir, "root")
        for name in ("etc/systemd/system", "usr/lib/systemd/system", "usr/bin", "opt"):
            os.makedirs(os.path.join(self.root, name))
        os.chmod(self.dir, 0o755)
        shutil.copy(os.environ["HAKMEM_MARKER"], os.path.join(self.root, "usr/lib/libhakmem.so"))
        self.musl = "/opt/musl"
        with open(os.path.realpath("/bin/true"), "rb") as f:
            image = f.read()
        at = image.index(b"/ld-linux")
        start, end = image.rindex(b"/lib", 0, at), image.index(b"\0", at)
        image = image[:start] + b"/lib/ld-musl-x.so.1".ljust(end - start, b"\0") + image[end:]
        with open(self.root + self.musl, "wb") as f:
            f.write(image)
        os.chmod(self.root + self.musl, 0o755)

    def enable(self, *settings, words=(), drop_in=None):
        path = os.path.join(self.root, "usr/lib/systemd/system/x.service")
        with open(path, "w", encoding="utf-8") as f:
            f.write("[Service]\n" + "\n".join(settings) + "\n")
        if drop_in:
            os.makedirs(path + ".d", exist_ok=True)
            with open(path + ".d/10-x.conf", "w", encoding="utf-8") as f:
                f.write("[Service]\n" + "\n".join(drop_in) + "\n")
        status, out, err = self.ctl("enable", "--root", self.root, *words, "x")
        self.ctl("disable", "--root", self.root, "x")
        return status, out, err

    def test_a_program_that_would_not_start(self):
        for command in (self.musl, f"-@{self.musl} name -x", f"!!{self.musl}", f":{self.musl}", "musl-by-name"):
            if command == "musl-by-name":
                os.rename(self.root + self.musl, self.root + "/usr/bin/" + command)
            status, out, err = self.enable(f"ExecStart={command}")
            self.assertEqual((status, out), (1, ""), command)
            self.assertIn("x.service: /", err)
            self.assertIn("cannot run on hakmem: it is made for musl", err)
            self.assertIn("x.service: not enabled, since it would not start; --force does it all the same", err)

    def test_a_program_that_env_starts(self):
        shutil.copy(os.path.realpath("/usr/bin/env"), self.root + "/usr/bin/env")
        for words in (self.musl, f"-u NAME {self.musl} -x", f"A=b {self.musl}"):
            status, _, err = self.enable(f"ExecStart=/usr/bin/env {words}")
            self.assertEqual(status, 1, words)
            self.assertIn(f"{self.musl} cannot run on hakmem: it is made for musl", err)
        self.assertEqual(self.enable(f"ExecStart=/usr/bin/env -i {self.musl}")[0], 0)

    def test_forced(self):
        status, out, err = self.enable(f"ExecStart={self.musl}", words=["--force"])
        self.assertEqual(status, 0)
        self.assertIn("warning: x.service: /opt/musl cannot run on hakmem", err)
        self.assertIn("wrote", out)

    def test_drop_ins_count(self):
        status, _, err = self.enable("ExecStart=/usr/bin/nothing", drop_in=["ExecStart=", f"ExecStart={self.musl}"])
        self.assertEqual(status, 1, err)
        status, _, err = self.enable(f"ExecStart={self.musl}", drop_in=["ExecStart=", "ExecStart=/usr/bin/nothing"])
        self.assertEqual((status, err), (0, ""))

    def test_every_program_of_a_unit(self):
        status, _, err = self.enable("Type=oneshot", "ExecStart=/usr/bin/nothing", f"ExecStart={self.musl}")
        self.assertEqual(status, 1, err)

    def test_what_is_not_there_or_not_known_is_no_obstacle(self):
        for command in ("/usr/bin/nothing", "/usr/bin/%i", "$WHAT", "nothing"):
            self.assertEqual(self.enable(f"ExecStart={command}")[::2], (0, ""), command)

    def test_links_stay_inside_of_the_root(self):
        os.symlink(self.musl, self.root + "/usr/bin/link")
        self.assertEqual(self.enable("ExecStart=/usr/bin/link")[0], 1)

    @unittest.skipUnless(os.geteuid() == 0, "takes root")
    def test_rights_are_those_of_the_unit(self):
        path = self.root + "/opt/rights"
        shutil.copy(os.path.realpath("/bin/true"), path)
        os.chmod(path, 0o4755)
        said = lambda *settings: self.enable("ExecStart=/opt/rights", *settings)[2]
        self.assertEqual(said(), "")
        self.assertIn("(set-user-ID)", said("User=somebody"))
        self.assertIn("(set-user-ID)", said("DynamicUser=yes"))
        self.assertEqual(said("User=somebody", "NoNewPrivileges=yes"), "")
        self.assertEqual(self.enable("ExecStart=+/opt/rights", "User=somebody")[2], "")


if __name__ == "__main__":
    unittest.main()
