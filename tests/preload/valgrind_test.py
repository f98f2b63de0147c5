#!/usr/bin/env python3
"""Under valgrind's tools a program prints the same with libhakmem.so as without it, and the same is found.

The tools that look at the heap put their own functions in place of malloc's family; whatever this library exports
beside those must not get past them.

usage: valgrind_test.py WATCHED [TEST]
"""
import re
import sys

from harness import Case, main

WATCHED = sys.argv.pop(1)
FOUND = 9
MEMCHECK = ["--leak-check=full", f"--error-exitcode={FOUND}"]
# Words that follow the number of a process.
SAID = re.compile(rb"^==\d+== ?", re.MULTILINE)
KIND = re.compile(rb"(Invalid \w+ of size \d+|definitely lost|Invalid free|uninitialised value)")


class Valgrind(Case):
    def watch(self, tool, options, command, preloaded):
        status, out, said = self.run_one([self.need("valgrind"), "-q", f"--tool={tool}", *options, *command], preloaded)
        return status, out, SAID.sub(b"", said)

    def both(self, tool, options, command):
        return [self.watch(tool, options, command, preloaded) for preloaded in (False, True)]

    def nothing_found(self, tool, options, command):
        plain, ours = self.both(tool, options, command)
        self.assertEqual((plain[0], plain[2]), (0, b""), f"{tool} without the library")
        self.compare([tool, *command], plain, ours)

    def found(self, mistake, kind):
        plain, ours = self.both("memcheck", MEMCHECK, [WATCHED, mistake])
        self.assertEqual(plain[0], FOUND, plain)
        self.assertEqual(ours[:2], plain[:2], ours)
        self.assertEqual(KIND.findall(plain[2]), KIND.findall(ours[2]), ours[2])
        self.assertIn(kind, KIND.findall(ours[2]))

    def test_memcheck(self):
        self.nothing_found("memcheck", MEMCHECK, [WATCHED, "clean"])

    def test_memcheck_ls(self):
        self.nothing_found("memcheck", [f"--error-exitcode={FOUND}"], ["ls", "-l", "/usr"])

    def test_memcheck_finds(self):
        self.found("after-free", b"Invalid write of size 1")
        self.found("behind", b"Invalid write of size 1")
        self.found("leak", b"definitely lost")
        self.found("uninitialised", b"uninitialised value")

    def test_whole_pages(self):
        """valgrind ends a program that calls the C library's pvalloc; this library's comes by memalign."""
        status, out, said = self.watch("memcheck", MEMCHECK, [WATCHED, "whole-pages"], True)
        self.assertEqual((status, said), (0, b""), out)

    def test_race_detectors(self):
        for tool in ("helgrind", "drd"):
            with self.subTest(tool):
                self.nothing_found(tool, [f"--error-exitcode={FOUND}"], [WATCHED, "clean"])

    def test_profilers(self):
        """massif and dhat see the program's blocks; the others, which leave malloc alone, this allocator at work."""
        for tool in ("massif", "dhat", "callgrind", "none"):
            with self.subTest(tool):
                self.nothing_found(tool, [], [WATCHED, "clean"])


if __name__ == "__main__":
    main()
