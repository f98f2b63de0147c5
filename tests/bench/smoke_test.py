#!/usr/bin/env python3
"""Checks that the benchmarks run, that their report holds what it should, and that no program reports
figures of an allocator it was not asked for. How fast anything is passes and fails nothing."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
BUILD = os.environ["HAKMEM_BUILD"]
LIB = os.environ["HAKMEM_LIB"]
PROGRAMS = {
    "random_mixed": ["1000", "16", "64"],
    "pairs": ["1000", "64", "first"],
    "handoff": ["1000", "16", "64", "both"],
    "relay": ["1000", "16", "64", "2"],
}


def run(command, **env):
    return subprocess.run(
        command,
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def program(name, *arguments, **env):
    return run([os.path.join(BUILD, "tests/bench", f"bench.{name}"), *arguments], **env)


def bench(*arguments):
    return run([sys.executable, "-B", str(HERE / "bench.py"), "--build", BUILD, *arguments])


class Programs(unittest.TestCase):
    def test_each_reports_one_line(self):
        for name, arguments in PROGRAMS.items():
            with self.subTest(name):
                result = program(name, *arguments, BENCH_EXPECT="libc")
                self.assertEqual(result.returncode, 0, result.stderr)
                measured = json.loads(result.stdout)
                self.assertEqual(measured["program"], name)
                self.assertGreaterEqual(measured["ops"], 1000)
                for key in ("ns", "peak_rss_kib", "rss_kib"):
                    self.assertGreater(measured[key], 0, key)
                self.assertEqual(measured["floor_ns"] > 0, name != "relay")
                self.assertIn("libc.so", measured["allocator"])

    def test_each_refuses_another_allocator(self):
        for name, arguments in PROGRAMS.items():
            with self.subTest(name):
                result = program(name, *arguments, BENCH_EXPECT="/usr/lib/libother.so")
                self.assertEqual(result.returncode, 3)
                self.assertEqual(result.stdout, "")
                self.assertIn("refusing to report", result.stderr)

    @unittest.skipUnless(os.path.exists(LIB), "libhakmem.so is not built")
    def test_a_preload_is_noticed(self):
        result = program("pairs", "1000", "64", "first", LD_PRELOAD=LIB, BENCH_EXPECT="libc")
        self.assertEqual(result.returncode, 3)
        result = program("pairs", "1000", "64", "first", LD_PRELOAD=LIB, BENCH_EXPECT=LIB)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(json.loads(result.stdout)["allocator"], os.path.realpath(LIB))

    def test_bad_arguments_are_named(self):
        for arguments in ("0 64 first", "-1 64 first", "10 64x first", "10 64", "10 64 half", "9e9 64 first",
                          "99999999999999999999999 64 first"):
            with self.subTest(arguments):
                result = program("pairs", *arguments.split())
                self.assertEqual(result.returncode, 2)
                self.assertNotEqual(result.stderr, "")
        self.assertEqual(program("random_mixed", "10", "64", "16").returncode, 2)
        self.assertEqual(program("handoff", "10", "64", "64", "neither").returncode, 2)
        self.assertEqual(program("relay", "10", "64", "64", "65").returncode, 2)
        self.assertEqual(program("random_mixed", "10", "16", "64", "1000").returncode, 2)

    def test_the_probe_says_who_serves_a_program(self):
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "probe")
            probe = os.path.join(BUILD, "tests/bench/libbenchprobe.so")
            result = run(["/bin/true"], LD_PRELOAD=probe, BENCH_PROBE=file)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertIn("libc.so", pathlib.Path(file).read_text(encoding="utf-8"))


class Runner(unittest.TestCase):
    def test_reports_what_was_asked_for(self):
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "samples.json")
            result = bench("random-256", "pair-64-*", "handoff", "relay-2", "--quick", "--runs", "2",
                           "--against", "glibc", "--json", file)
            self.assertEqual(result.returncode, 0, result.stderr)
            document = json.loads(pathlib.Path(file).read_text(encoding="utf-8"))
        names = ["random-256", "pair-64-first", "pair-64-whole", "handoff-64", "handoff-mixed",
                 "handoff-both-256", "relay-2"]
        self.assertEqual([row["name"] for row in document["rows"]], names)
        for row in document["rows"]:
            figures = row["allocators"]["glibc"]
            self.assertEqual(len(figures["samples"]), 2)
            self.assertLessEqual(figures["min"], figures["median"])
            self.assertLessEqual(figures["median"], figures["max"])
            self.assertIn(f"| {row['name']} |", result.stdout)
        for key in ("cpu", "cpus", "kernel", "thp"):
            self.assertTrue(document["machine"][key], key)
        self.assertIn(document["machine"]["kernel"], result.stdout)

    def test_a_library_that_is_no_allocator_gets_no_figures(self):
        probe = os.path.join(BUILD, "tests/bench/libbenchprobe.so")
        result = bench("random-256", "--quick", "--runs", "1", "--against", f"glibc,none={probe}")
        self.assertEqual(result.returncode, 1)
        self.assertIn("refusing to report", result.stderr)
        line = next(text for text in result.stdout.splitlines() if text.startswith("| random-256"))
        self.assertIn("–", line)

    def test_bad_requests_are_named(self):
        for arguments, named in (
            (["no-such-row"], "no-such-row"),
            (["--against", "nomalloc"], "nomalloc"),
            (["--against", "x=/nonexistent.so"], "/nonexistent.so"),
            (["--against", "glibc,glibc"], "name of its own"),
            (["--against", "glibc+bin_cap=1"], "glibc+bin_cap: 1"),
            (["--against", "hakmem+bin_cap"], "TUNABLE=VALUE" if os.path.exists(LIB) else "not built"),
            (["--runs", "0"], "--runs"),
        ):
            with self.subTest(arguments):
                result = bench(*arguments)
                self.assertEqual(result.returncode, 2)
                self.assertIn(named, result.stderr)

    @unittest.skipUnless(os.path.exists(LIB), "libhakmem.so is not built")
    def test_measures_hakmem_as_tuned(self):
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "samples.json")
            name = "hakmem+bin_cap=32+thp=off"
            result = bench("pair-64-first", "--quick", "--runs", "1", "--against", f"hakmem,{name}",
                           "--json", file)
            self.assertEqual(result.returncode, 0, result.stderr)
            document = json.loads(pathlib.Path(file).read_text(encoding="utf-8"))
        self.assertEqual(document["allocators"][name]["tune"], "bin_cap=32,thp=off")
        self.assertIn(name, document["rows"][0]["allocators"])
        self.assertIn("HAKMEM_TUNE=`bin_cap=32,thp=off`", result.stdout)

    def test_lists_its_rows(self):
        result = bench("--list")
        self.assertEqual(result.returncode, 0)
        self.assertIn("random-mixed", result.stdout)


if __name__ == "__main__":
    unittest.main()
