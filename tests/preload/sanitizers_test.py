#!/usr/bin/env python3
"""A program built with a sanitizer prints the same and ends the same under libhakmem.so, and its mistakes are reported
as without it: the sanitizer's allocator stays the program's.

usage: sanitizers_test.py WATCHED_C [TEST]
"""
import re
import sys

from harness import Case, main

SOURCE_FILE = sys.argv.pop(1)
SANITIZERS = {"address": ["after-free", "behind", "leak"], "thread": ["race", "after-free"], "leak": ["leak"],
              "memory": ["uninitialised"], "undefined": []}
# gcc can link the runtime into the program too; its leak sanitizer has a test of its own.
STATIC = {"address": "-static-libasan", "thread": "-static-libtsan"}
REPORT = re.compile(rb"(?:ERROR|WARNING): (\w+Sanitizer: [a-z][a-z -]+)")
OUR_OWN = b"hakmem:"


class Sanitizers(Case):
    def build(self, compiler, sanitizer, *options):
        """None where this compiler, or what of it is installed, has no such sanitizer."""
        program = self.path(f"watched-{compiler}-{sanitizer}{'-static' if options else ''}")
        done = self.run_one([compiler, "-D_GNU_SOURCE", "-g", "-O1", "-fno-builtin", f"-fsanitize={sanitizer}",
                             SOURCE_FILE, "-o", program, "-pthread", *options], False)
        return program if done[0] == 0 else None

    def check(self, program, mistakes, env=None):
        plain, ours = (self.run_one([program, "clean"], preloaded, env=env) for preloaded in (False, True))
        self.assertEqual((plain[0], plain[2]), (0, b""), f"{program} without the library")
        self.compare([program, "clean"], plain, ours)
        for mistake in mistakes:
            plain, ours = (self.run_one([program, mistake], preloaded, env=env) for preloaded in (False, True))
            self.assertNotEqual(plain[0], 0, f"{program} {mistake}: not seen without the library")
            self.assertEqual((plain[0], plain[1]), (ours[0], ours[1]), f"{program} {mistake}: {ours[2]!r}")
            self.assertEqual(REPORT.findall(plain[2])[:1], REPORT.findall(ours[2])[:1], ours[2])
            self.assertNotIn(OUR_OWN, ours[2])

    def try_all(self, compiler):
        self.need(compiler)
        built = 0
        for sanitizer, mistakes in SANITIZERS.items():
            for options in [[], [STATIC[sanitizer]]] if compiler == "gcc" and sanitizer in STATIC else [[]]:
                program = self.build(compiler, sanitizer, *options)
                if program is not None:
                    built += 1
                    with self.subTest(f"{compiler} {sanitizer} {' '.join(options)}"):
                        self.check(program, mistakes)
        if built == 0:
            self.skipTest(f"{compiler} has no sanitizers here")

    def test_gcc(self):
        self.try_all("gcc")

    def test_clang(self):
        self.try_all("clang")

    def test_leak_sanitizer_that_is_linked_in(self):
        """Without the library gcc 12's fails before main. With it the sanitizer serves the program, and tells
        of what is lost. A program that fails both ways says nothing of the library."""
        self.need("gcc")
        program = self.build("gcc", "leak", "-static-liblsan")
        if program is None:
            self.skipTest("gcc cannot link its leak sanitizer in here")
        for job, status, reports in (("clean", 0, []), ("leak", 23, [b"LeakSanitizer: detected memory leaks"])):
            plain, ours = (self.run_one([program, job], preloaded) for preloaded in (False, True))
            if b"CHECK failed" in plain[2] and b"CHECK failed" in ours[2]:
                self.skipTest("gcc's leak sanitizer fails here, with the library and without it")
            self.assertEqual((ours[0], REPORT.findall(ours[2])), (status, reports), ours[2])
            self.assertNotIn(OUR_OWN, ours[2])
            if b"CHECK failed" not in plain[2]:
                self.assertEqual((plain[0], REPORT.findall(plain[2])), (status, reports), plain[2])

    def test_address_sanitizer_told_to_mind_the_order(self):
        """What the user says goes before what the library says."""
        self.need("gcc")
        program = self.build("gcc", "address")
        if program is None:
            self.skipTest("gcc has no address sanitizer here")
        status, _, said = self.run_one([program, "clean"], True, env={"ASAN_OPTIONS": "verify_asan_link_order=1"})
        self.assertNotEqual(status, 0)
        self.assertIn(b"runtime does not come first", said)


if __name__ == "__main__":
    main()
