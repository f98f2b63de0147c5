#!/usr/bin/env python3
"""HAKMEM_TRACE says which way calls took, HAKMEM_HARDEN takes modes; what is wrong in them is told and passed over.

usage: diversions_test.py PROGRAM     (some_calls.c)
"""

import os
import re
import subprocess
import sys
import tempfile
import unittest

PROGRAM = sys.argv.pop()
ROUTE = re.compile(r"hakmem: route (?P<thread>\d+) (?P<number>\d+) (?P<call>\w+\(.*?\))(?: = 0x[0-9a-f]+)?: "
                   r"(?P<way>.+)")


def run(*arguments, **settings):
    env = {**os.environ, "LD_PRELOAD": os.environ["HAKMEM_LIB"], **settings}
    done = subprocess.run([PROGRAM, *arguments], env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=True)
    return done.stdout, done.stderr.splitlines()


class Route(unittest.TestCase):
    def routes(self, lines):
        matches = [ROUTE.fullmatch(line) for line in lines]
        self.assertTrue(all(matches), [line for line, match in zip(lines, matches) if not match])
        return matches

    def ways(self, lines, call):
        return [match["way"] for match in self.routes(lines) if match["call"].startswith(call)]

    def test_each_way_is_told(self):
        _, lines = run(HAKMEM_TRACE="route:100000")
        self.assertRegex(self.ways(lines, "malloc(100)")[0], "^class 112, ")
        self.assertIn("big, not cached", self.ways(lines, "malloc(100000)")[0])
        self.assertIn("big, kept one", self.ways(lines, "malloc(99999)")[0])
        self.assertIn("huge, not cached", self.ways(lines, "malloc(5000000)")[0])
        resized = [way for way in self.ways(lines, "realloc(")]
        self.assertIn("stays", resized)
        self.assertIn("moved", resized)
        self.assertEqual(len(self.ways(lines, "aligned(200, aligned to 128)")), 1)
        small = self.ways(lines, "malloc(48)")
        self.assertEqual(len(small), 3000)
        self.assertEqual({way.split(",")[1].split()[0] for way in small}, {"hit", "refill"})
        self.assertTrue(any("new slab" in way for way in small))
        freed = " ".join(self.ways(lines, "free("))
        for way in ("class 48, hit", "bin full: flush of", "big", "huge"):
            self.assertIn(way, freed)

    def test_refills_add_up(self):
        """Every block of a class that a refill brought or that was freed before is what a hit takes."""
        _, lines = run(HAKMEM_TRACE="route:100000")
        small = self.ways(lines, "malloc(48)")
        brought = sum(int(way.split("refill of ")[1].split()[0]) for way in small if "refill of" in way)
        self.assertGreaterEqual(brought, 3000 - 100)

    def test_it_ends(self):
        for calls in (1, 7, 40):
            _, lines = run(HAKMEM_TRACE=f"route:{calls}")
            self.assertEqual([int(match["number"]) for match in self.routes(lines)], list(range(1, calls + 1)))

    def test_a_thousand_without_a_number(self):
        _, lines = run(HAKMEM_TRACE="route")
        self.assertEqual(len(self.routes(lines)), 1000)

    def test_into_a_file(self):
        with tempfile.TemporaryDirectory(prefix="hakmem-") as folder:
            path = os.path.join(folder, "trace")
            _, lines = run("fork", HAKMEM_TRACE="route:100000", HAKMEM_TRACE_FILE=path)
            self.assertEqual(lines, [])
            with open(path, encoding="ascii") as trace:
                told = self.routes(trace.read().splitlines())
        self.assertEqual(len({match["thread"] for match in told}), 2)

    def test_without_it_nothing_is_said(self):
        self.assertEqual(run("fork")[1], [])

    def test_of_checked_calls(self):
        out, lines = run(HAKMEM_TRACE="route:500", HAKMEM_HARDEN="1")
        self.assertEqual(out, "usable 100\n")
        self.assertEqual(len(self.routes(lines)), 500)
        self.assertIn("quarantined", " ".join(self.ways(lines, "free(")))


class Words(unittest.TestCase):
    def test_modes_are_taken(self):
        words = ("1", "all", "double-free", "sized,canary", " zero , random", "guard:10,quarantine:1MiB", "quarantine")
        for mode in words:
            self.assertEqual(run("fork", HAKMEM_HARDEN=mode), ("usable 100\nusable 100\n", []), mode)

    def test_nothing_asked_for(self):
        for mode in ("", "0", ",", " "):
            self.assertEqual(run(HAKMEM_HARDEN=mode), ("usable 112\n", []), mode)

    def test_mistakes_are_told_and_the_rest_holds(self):
        for mode, said in (("canry,sized", "canry"), ("guard:0,sized", "guard: '0'"), ("sized:3,zero", "sized:3"),
                           ("quarantine:much", "much"), ("x" * 500 + ",zero", "x" * 40)):
            out, lines = run(HAKMEM_HARDEN=mode)
            self.assertEqual((out, len(lines)), ("usable 100\n", 1), mode)
            self.assertRegex(lines[0], "^hakmem: HAKMEM_HARDEN: .*; ignored$")
            self.assertIn(said, lines[0])

    def test_mistakes_in_a_trace(self):
        for trace in ("rout", "routes", "route:", "route:0", "route:x", "route 5"):
            _, lines = run(HAKMEM_TRACE=trace)
            self.assertEqual(len(lines), 1, trace)
            self.assertRegex(lines[0], "^hakmem: HAKMEM_TRACE: .*; ignored$")
        self.assertRegex(run(HAKMEM_TRACE="route", HAKMEM_TRACE_FILE="/" + "x" * 300)[1][0], "HAKMEM_TRACE_FILE")


if __name__ == "__main__":
    unittest.main()
