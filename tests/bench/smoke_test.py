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
import xml.etree.ElementTree

import tuning

HERE = pathlib.Path(__file__).resolve().parent
BUILD = os.environ["HAKMEM_BUILD"]
LIB = os.environ["HAKMEM_LIB"]
ALONE = os.path.join(BUILD, "lib/alone/libhakmem.so")
DAEMON = os.path.join(BUILD, "daemon/hakmemd")
# Each benchmark program with arguments that make a short run; True where it has a floor.
PROGRAMS = {
    "random_mixed": ("1000 16 64 64 2", True),
    "pairs": ("1000 64 first", True),
    "handoff": ("1000 16 64 both", True),
    "relay": ("1000 16 64 2", False),
    "big": ("1000 32 64 8 pages", False),
    "brief": ("1000 2 10", False),
    "burst": ("1000 16 64 64 random", False),
    "calls": ("1000 aligned 16 64 64 64", False),
    "crowd": ("1000 16 64 2 2", False),
    "drift": ("4096 random", False),
    "growth": ("1000 string", False),
    "idle": ("1000 4", False),
    "sharing": ("1000 2 8 passive", False),
    "table": ("1000 1000", False),
    "tiny": ("report", False),
    "words": ("1000", False),
}
# What each must refuse, with a message.
BAD_ARGUMENTS = {
    "pairs": ("0 64 first", "-1 64 first", "10 64x first", "10 64", "10 64 half", "9e9 64 first",
              "99999999999999999999999 64 first"),
    "random_mixed": ("10 64 16", "10 16 64 1000", "10 16 64 64 65"),
    "handoff": ("10 64 64 neither", "10 64 32 one"),
    "relay": ("10 64 64 65",),
    "big": ("10 64 64 8 ends", "10 32 64 8 middle", "10 32 64 5000 ends"),
    "brief": ("10 65 10", "10 1 5000"),
    "burst": ("10 16 64 64 sorted", "10 64 16 64 lifo"),
    "calls": ("10 calloc 16 64 64 64", "10 aligned 16 64 64", "10 aligned 16 64 64 24", "10 malloc 16 64 64"),
    "crowd": ("10 16 64 17 1", "10 16 64 1"),
    "drift": ("4096 backwards", "0 random"),
    "growth": ("10 rope", "10"),
    "idle": ("10 30001",),
    "launch": ("0 true", "1"),
    "sharing": ("10 65 8 active", "10 2 8 both"),
    "table": ("10", "10 0", "10 99999999999"),
    "words": ("-5", ""),
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


def is_built(name):
    """words is C++, which not every build has."""
    return name != "words" or os.path.exists(os.path.join(BUILD, "tests/bench/bench.words"))


class Programs(unittest.TestCase):
    def test_each_is_tried_here(self):
        sources = {path.stem for path in HERE.glob("*.c*") if path.suffix in (".c", ".cpp")}
        self.assertEqual(sources - {"harness", "allocator", "probe", "launch"}, set(PROGRAMS))

    def test_each_reports_one_line(self):
        for name, (arguments, has_floor) in PROGRAMS.items():
            with self.subTest(name):
                if not is_built(name):
                    continue
                result = program(name, *arguments.split(), BENCH_EXPECT="libc")
                self.assertEqual(result.returncode, 0, result.stderr)
                measured = json.loads(result.stdout)
                self.assertEqual(measured["program"], name)
                self.assertGreaterEqual(measured["ops"], 1000 if name != "tiny" else 1)
                for key in ("ns", "peak_rss_kib", "rss_kib"):
                    self.assertGreater(measured[key], 0, key)
                self.assertEqual(measured["floor_ns"] > 0, has_floor)
                self.assertIn("libc.so", measured["allocator"])

    def test_each_refuses_another_allocator(self):
        for name, (arguments, _) in PROGRAMS.items():
            with self.subTest(name):
                if not is_built(name):
                    continue
                result = program(name, *arguments.split(), BENCH_EXPECT="/usr/lib/libother.so")
                self.assertEqual(result.returncode, 3)
                self.assertEqual(result.stdout, "")
                self.assertIn("refusing to report", result.stderr)

    def test_bad_arguments_are_named(self):
        for name, lines in BAD_ARGUMENTS.items():
            for arguments in lines:
                with self.subTest(f"{name} {arguments}"):
                    if not is_built(name):
                        continue
                    result = program(name, *arguments.split())
                    self.assertEqual(result.returncode, 2)
                    self.assertNotEqual(result.stderr, "")

    def test_launch_measures_what_it_starts(self):
        result = program("launch", "3", "sh", "-c", "echo not to be seen; [ -z \"$LD_PRELOAD\" ]")
        self.assertEqual(result.returncode, 0, result.stderr)
        measured = json.loads(result.stdout)
        self.assertEqual(measured["ops"], 3)
        for key in ("ns", "cpu_ns", "peak_rss_kib"):
            self.assertGreater(measured[key], 0, key)
        for command, named in ((["false"], "status 1"), (["sh", "-c", "kill -9 $$"], "signal 9"),
                               (["/nonexistent/program"], "/nonexistent/program")):
            result = program("launch", "3", *command)
            self.assertEqual(result.returncode, 1)
            self.assertEqual(result.stdout, "")
            self.assertIn(named, result.stderr)

    @unittest.skipUnless(os.path.exists(LIB), "libhakmem.so is not built")
    def test_a_preload_is_noticed(self):
        result = program("pairs", "1000", "64", "first", LD_PRELOAD=LIB, BENCH_EXPECT="libc")
        self.assertEqual(result.returncode, 3)
        result = program("pairs", "1000", "64", "first", LD_PRELOAD=LIB, BENCH_EXPECT=LIB)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(json.loads(result.stdout)["allocator"], os.path.realpath(LIB))

    def test_the_probe_says_who_serves_a_program(self):
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "probe")
            probe = os.path.join(BUILD, "tests/bench/libbenchprobe.so")
            result = run(["/bin/true"], LD_PRELOAD=probe, BENCH_PROBE=file)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertIn("libc.so", pathlib.Path(file).read_text(encoding="utf-8"))


class Runner(unittest.TestCase):
    @unittest.skipUnless(os.path.exists(LIB), "libhakmem.so is not built")
    def test_every_row_is_measured_drawn_and_written_down(self):
        with tempfile.TemporaryDirectory() as folder:
            files = {kind: os.path.join(folder, f"samples.{kind}") for kind in ("json", "markdown", "svg")}
            options = [word for kind, file in files.items() for word in (f"--{kind}", file)]
            result = bench("--quick", "--runs", "1", "--against", "glibc,hakmem", *options)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertEqual(result.stdout, "")
            again = bench("--from", files["json"])
            contents = {kind: pathlib.Path(file).read_text(encoding="utf-8") for kind, file in files.items()}
            self.assertEqual(sorted(os.listdir(folder)), sorted(os.path.basename(f) for f in files.values()))
        left_out = {line.split(": ")[2] for line in result.stderr.splitlines() if ": left out: " in line}
        unfit = {tuple(words.split(" with ")) for words in left_out if " with " in words}
        left_out = {name for name in left_out if " with " not in name}
        self.assertLessEqual(unfit, {("redis", "glibc"), ("redis", "hakmem")})
        listed = {line.split()[0] for line in bench("--list").stdout.splitlines()}
        document = json.loads(contents["json"])
        self.assertEqual({row["name"] for row in document["rows"]}, listed - left_out)
        self.assertTrue(left_out <= {"redis", "python", "sqlite", "gcc", "words"}, left_out)
        drawn = xml.etree.ElementTree.fromstring(contents["svg"])
        titles = [title.text for title in drawn.iter("{http://www.w3.org/2000/svg}title")]
        for row in document["rows"]:
            for name, library in (("glibc", "libc.so"), ("hakmem", os.path.realpath(LIB))):
                if (row["name"], name) in unfit:
                    continue
                served_by = row["allocators"][name]["samples"][0]["allocator"]
                self.assertIn(library, served_by, row["name"])
            if not unfit & {(row["name"], "glibc"), (row["name"], "hakmem")}:
                self.assertIn(f"| {row['name']}, {row['unit']} |", contents["markdown"])
                self.assertTrue(any(t.startswith(f"{row['name']}, hakmem: ") for t in titles), row["name"])
        self.assertIn("(samples.svg)", contents["markdown"])
        shown = contents["markdown"].replace("\n![Speed of each allocator in each row, glibc = 1](samples.svg)\n", "")
        self.assertEqual(again.stdout, shown + "\n", again.stderr)
        self.assertIn("| **all rows** |", contents["markdown"])

    def test_reports_what_was_asked_for(self):
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "samples.json")
            result = bench("random-256", "pair-64-*", "relay", "handoff-64", "--quick", "--runs", "2",
                           "--against", "glibc", "--json", file)
            self.assertEqual(result.returncode, 0, result.stderr)
            document = json.loads(pathlib.Path(file).read_text(encoding="utf-8"))
        names = ["random-256", "pair-64-first", "pair-64-whole", "handoff-64", "relay-1", "relay-2"]
        self.assertEqual([row["name"] for row in document["rows"]], names)
        for row in document["rows"]:
            figures = row["allocators"]["glibc"]
            self.assertEqual(len(figures["samples"]), 2)
            self.assertLessEqual(figures["min"], figures["median"])
            self.assertLessEqual(figures["median"], figures["max"])
            self.assertIn(f"| {row['name']}, ", result.stdout)
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
            (["--svg", "/nonexistent/file.svg"], "/nonexistent/file.svg"),
            (["--json", "/"], "--json"),
            (["--from", "/nonexistent.json"], "/nonexistent.json"),
            (["--from", __file__], "--from"),
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

    @unittest.skipUnless(os.path.exists(LIB), "libhakmem.so is not built")
    def test_takes_several_values_of_a_tunable(self):
        result = bench("pair-64-first", "--quick", "--runs", "1", "--values", "bin_cap=8,32")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("| group | rows | hakmem+bin_cap=8 | hakmem+bin_cap=32 |", result.stdout)
        for values, named in (("bin_cap", "TUNABLE=VALUE"), ("bin_cap=8,,9", "TUNABLE=VALUE"),
                             ("bin_capp=8", "nearest: bin_cap"), ("bin_cap=1", "out of range")):
            result = bench("pair-64-first", "--quick", "--values", values)
            self.assertEqual(result.returncode, 2)
            self.assertIn(named, result.stderr)

    @unittest.skipUnless(os.path.exists(LIB), "libhakmem.so is not built")
    def test_sweeps_tunables_into_a_page(self):
        with tempfile.TemporaryDirectory() as folder:
            page, samples = os.path.join(folder, "page.md"), os.path.join(folder, "samples.json")
            place = "<!-- made: {0} -->\nold\n<!-- end of {0} -->\n"
            pathlib.Path(page).write_text("Before.\n" + place.format("sweep") + "Between.\n" + place.format("bin_cap"),
                                          encoding="utf-8")
            result = bench("--sweep", "pair-64-first", "big-1m-ends", "--values", "bin_cap=32,128,256", "--quick",
                           "--runs", "2", "--markdown", page, "--json", samples)
            self.assertEqual(result.returncode, 0, result.stderr)
            text = pathlib.Path(page).read_text(encoding="utf-8")
            document = json.loads(pathlib.Path(samples).read_text(encoding="utf-8"))
        self.assertNotIn("old", text)
        self.assertIn("| `bin_cap` | 32 | 128 | 256 (default) |", text)
        for row in ("pair-64-first", "big-1m-ends"):
            self.assertIn(f"\n| {row} | ", text)
            self.assertEqual(len(document["rows"][row]["hakmem+bin_cap=256"]), 2)
        self.assertLess(text.index("Before."), text.index("To repeat it"))
        self.assertLess(text.index("Between."), text.index("| `bin_cap`"))

    @unittest.skipUnless(os.path.exists(LIB), "libhakmem.so is not built")
    def test_compares_huge_pages(self):
        result = bench("--thp", "pair-64-first", "--quick", "--runs", "1")
        if result.returncode == 2 and "transparent_hugepage" in result.stderr:
            self.skipTest(result.stderr.splitlines()[-1])
        self.assertEqual(result.returncode, 0, result.stderr)
        for setting in ("off", "madvise"):
            self.assertIn(f"\n| pair-64-first, `thp={setting}` | ", result.stdout)

    @unittest.skipUnless(os.path.exists(DAEMON) and os.path.exists(ALONE), "not built with a segment and a daemon")
    def test_prices_the_control_plane_with_a_daemon_that_looks(self):
        with tempfile.TemporaryDirectory() as folder:
            samples = os.path.join(folder, "samples.json")
            result = bench("--price", "random-256", "start", "--quick", "--runs", "1", "--json", samples)
            self.assertEqual(result.returncode, 0, result.stderr)
            document = json.loads(pathlib.Path(samples).read_text(encoding="utf-8"))
        self.assertIn("| **all rows** | 2 | ", result.stdout)
        for row, greetings in (("random-256", 1), ("start", 31)):
            without, looked_at = (document["rows"][row][name][0] for name in ("without", "with"))
            self.assertEqual(without["allocator"], os.path.realpath(ALONE))
            self.assertEqual(without["detail"]["daemon"]["hellos"], 0)
            self.assertEqual(looked_at["allocator"], os.path.realpath(LIB))
            self.assertEqual(looked_at["detail"]["daemon"]["hellos"], greetings)
            # Half of the operations and more are allocations, each of them counted.
            self.assertGreater(looked_at["detail"]["daemon"]["allocs"], looked_at["ops"] // 2)

    def test_bad_questions_are_named(self):
        with tempfile.TemporaryDirectory() as folder:
            page = os.path.join(folder, "page.md")
            pathlib.Path(page).write_text("No place for anything.\n", encoding="utf-8")
            for arguments, named in (
                (["--price", "--sweep"], "not allowed with"),
                (["--price", "--against", "glibc"], "--against"),
                (["--thp", "--values", "bin_cap=8"], "--values"),
                (["--sweep", "no-such-row"], "no-such-row"),
                (["--sweep", "--values", "no_such=8"], "one of refill_batch"),
                (["--price", "--build", folder], "is not built"),
                (["--thp", "--build", folder], "not built"),
            ):
                with self.subTest(arguments):
                    result = bench("pair-64-first", *arguments) if arguments[-1] != "no-such-row" else bench(*arguments)
                    self.assertEqual(result.returncode, 2)
                    self.assertIn(named, result.stderr)
            if os.path.exists(LIB):
                result = bench("--sweep", "pair-64-first", "--values", "bin_cap=8", "--markdown", page)
                self.assertEqual(result.returncode, 2)
                self.assertIn("made: sweep", result.stderr)

    def test_the_page_of_tuning_has_a_place_for_each_tunable(self):
        page = (HERE / "../../docs/tuning.md").read_text(encoding="utf-8")
        for name in ("sweep", "thp", *tuning.PLAN):
            self.assertIn(f"<!-- made: {name} -->\n", page)
        # Those whose values are amounts: what a sweep can put in order.
        self.assertLessEqual(set(tuning.PLAN), set(tuning.defaults()))

    def test_lists_its_rows(self):
        result = bench("--list")
        self.assertEqual(result.returncode, 0)
        self.assertIn("random-mixed", result.stdout)


if __name__ == "__main__":
    unittest.main()
