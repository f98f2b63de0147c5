#!/usr/bin/env python3
"""packaging/gdb against programs that say themselves what is true of them: live, in cores of gcore's and the kernel's.

usage: gdb_test.py SUBJECT IMPOSTOR. The library is HAKMEM_LIB; all but one test take a copy of it without symbols and
debug information. Skipped (77) where there is no gdb with Python, or where it may not trace.
"""

import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

SOURCE = os.environ["HAKMEM_SOURCE"]
SCRIPT = os.path.join(SOURCE, "packaging", "gdb", "libhakmem-gdb.py")
SUBJECT, IMPOSTOR = map(os.path.abspath, sys.argv[1:3])
SKIP = 77
WITHIN = 240


def environment(**more):
    clean = {name: value for name, value in os.environ.items()
             if not name.startswith(("HAKMEM_", "LD_PRELOAD", "DEBUGINFOD"))}
    return {**clean, "HAKMEM_RUNTIME_DIR": "/nonexistent/hakmem", **more}


def gdb(*commands, program=None, pid=None, core=None):
    """What gdb prints for each of the commands, in a list; errors too."""
    arguments = ["gdb", "-nx", "-batch", "-iex", "set auto-load off", "-iex", "set debuginfod enabled off",
                 "-iex", "set width 0", "-ex", f"source {SCRIPT}"]
    arguments += [program] if program else []
    arguments += ["-p", str(pid)] if pid else []
    arguments += ["-c", core] if core else []
    for command in commands:
        arguments += ["-ex", "echo @@\\n", "-ex", command]
    run = subprocess.run(arguments, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                         timeout=WITHIN, check=False, stdin=subprocess.DEVNULL)
    parts = run.stdout.split("@@\n")[1:]
    # What gdb says of the registers of each thread that is looked at, in cores of kernels newer than it.
    return ["".join(line for line in part.splitlines(True) if "in core file too small" not in line and line.strip())
            for part in parts]


class Subject:
    """A program under the library, which has said its facts and waits."""

    def __init__(self, program, *arguments, library=None, folder=None, **settings):
        preload = {"LD_PRELOAD": library} if library else {}
        self.popen = subprocess.Popen([program, *arguments], stdout=subprocess.PIPE, text=True, cwd=folder,
                                      env=environment(**preload, **settings))
        self.pid, self.facts = self.popen.pid, []
        for line in self.popen.stdout:
            if line == "ready\n":
                return
            self.facts.append(line.rstrip("\n"))
        raise AssertionError(f"{program} has ended: {self.popen.wait()}")

    def of(self, kind):
        return [fact.split(" ", 2)[1:] for fact in self.facts if fact.startswith(kind + " ")]

    def end(self, number=signal.SIGKILL):
        """Its wait status."""
        if self.popen.returncode is not None:
            return 0
        os.kill(self.pid, number)
        _, status = os.waitpid(self.pid, 0)
        self.popen.returncode = -number
        self.popen.stdout.close()
        return status


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="hakmem-gdb-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.library = os.path.join(self.folder, "libhakmem.so.0")
        strip = shutil.which("strip")
        if strip:
            subprocess.run([strip, "--strip-all", "-o", self.library, os.environ["HAKMEM_LIB"]], check=True)
        else:
            shutil.copy(os.environ["HAKMEM_LIB"], self.library)

    def start(self, *arguments, program=SUBJECT, **more):
        subject = Subject(program, *arguments, **{"library": self.library, "folder": self.folder, **more})
        self.addCleanup(subject.end)
        return subject


class Facts(Case):
    """Each fact of the subject's against what the script says."""

    def check(self, subject, **where):
        """where: as gdb() has it."""
        whats = subject.of("what")
        said = gdb(*[f"hakmem what {address}" for address, _ in whats], "hakmem slabs", "hakmem heaps", "hakmem info",
                   **where)
        for (address, expected), answer in zip(whats, said):
            with self.subTest(address=address, expected=expected):
                self.assertRegex(answer, re.compile(expected.replace("\\n", "\n"), re.MULTILINE))
        self.check_tables(subject, *said[len(whats):])

    def check_tables(self, subject, slabs, heaps, info):
        rows = {row.split()[0]: row.split() for row in slabs.splitlines()}
        for size, count in subject.of("live"):
            self.assertEqual(rows[size][3], count, slabs)
            self.assertEqual(int(rows[size][2]), sum(map(int, rows[size][3:6])), slabs)
        for number, lwp in subject.of("thread"):
            self.assertRegex(heaps, rf"\blive .*\bthread {number} \(LWP {lwp}\b")
        for live, in_bins in subject.of("totals"):
            self.assertEqual(sum(map(int, re.findall(r"(\d+) blocks? live", info))), int(live), info)
            self.assertEqual(sum(int(row.split()[3]) for row in heaps.splitlines()[1:]), int(in_bins), heaps)

    def test_live(self):
        subject = self.start()
        self.check(subject, pid=subject.pid)

    def test_live_with_symbols(self):
        subject = self.start(library=os.environ["HAKMEM_LIB"])
        self.check(subject, pid=subject.pid)

    def test_checked(self):
        subject = self.start("checked", HAKMEM_HARDEN="canary,quarantine")
        self.check(subject, pid=subject.pid)
        self.assertIn("checked    yes: state, canary, quarantine", gdb("hakmem info", pid=subject.pid)[0])

    def test_core_of_gcore(self):
        subject = self.start()
        core = os.path.join(self.folder, "dump")
        run = subprocess.run(["gcore", "-o", core, str(subject.pid)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             text=True, check=False)
        if run.returncode != 0:
            self.skipTest(f"gcore: {run.stdout}")
        subject.end()
        self.check(subject, program=SUBJECT, core=f"{core}.{subject.pid}")

    def test_core_of_the_kernels(self):
        _, most = resource.getrlimit(resource.RLIMIT_CORE)
        if most != resource.RLIM_INFINITY:
            self.skipTest("no core files here (RLIMIT_CORE)")
        resource.setrlimit(resource.RLIMIT_CORE, (most, most))
        subject = self.start()
        before = set(os.listdir(self.folder))
        status = subject.end(signal.SIGABRT)
        fresh = sorted(set(os.listdir(self.folder)) - before)
        if not os.WCOREDUMP(status) or not fresh:
            self.skipTest("no core was dumped here (kernel.core_pattern)")
        self.check(subject, program=SUBJECT, core=os.path.join(self.folder, fresh[0]))


class Commands(Case):
    """What is typed, and what is wrong."""

    def test_help(self):
        prefix, what = gdb("help hakmem", "help hakmem what")
        for command in ("info", "heaps", "bins", "slabs", "what"):
            self.assertIn(f"hakmem {command}", prefix)
        self.assertIn("hakmem what POINTER", what)

    def test_expressions(self):
        subject = self.start()
        address = subject.of("what")[0][0]
        said = gdb(f"set $p = (char *) {address}", "hakmem what $p", "hakmem what $p + 1",
                   "hakmem what &subject_global", "hakmem what *(int *) &subject_global", "hakmem what main",
                   pid=subject.pid)
        self.assertIn(f"{address}: ", said[1])
        self.assertIn(f": 1 byte into {address}: ", said[2])
        self.assertIn("in the program (subject_global", said[3])
        self.assertIn("0x1: not mapped", said[4])
        self.assertIn("in the program (main", said[5])

    def test_bins_and_slabs(self):
        subject = self.start()
        size = subject.of("live")[0][0]
        mine, first, slabs, own = gdb("hakmem bins", "hakmem bins 1", f"hakmem slabs {int(size) - 1}", "hakmem slabs",
                                      pid=subject.pid)
        self.assertIn(f"(LWP {subject.pid}", mine.splitlines()[0])
        self.assertRegex(mine, rf"(?m)^ *{size}  ")
        self.assertIn("heap 1", first.splitlines()[0])
        rows = [row.split() for row in slabs.splitlines()[2:]]
        self.assertEqual(len(rows), int(slabs.split()[0]))
        total = next(row.split() for row in own.splitlines() if row.split()[0] == size)
        self.assertEqual(len(rows), int(total[1]))
        self.assertEqual(sum(int(row[2]) for row in rows), int(total[3]) + int(total[4]))

    def test_own_memory(self):
        subject = self.start()
        window = int(re.search(r"window +(0x[0-9a-f]+)", gdb("hakmem info", pid=subject.pid)[0]).group(1), 16)
        heaps = window - (4 << 30) - (512 << 10)
        meta, record, heap = gdb(f"hakmem what {window - (64 << 20) + 2}", f"hakmem what {heaps - 1000}",
                                 f"hakmem what {heaps + 20000}", pid=subject.pid)
        self.assertIn("the meta word of slab 1", meta)
        self.assertIn("records of slabs", record)
        self.assertIn("the bins of heap 1", heap)

    def test_mistakes(self):
        subject = self.start()
        said = gdb("hakmem what", "hakmem bins 99", "hakmem bins x", "hakmem slabs 40000", "hakmem slabs x",
                   "hakmem info x", "hakmem what 'x y", pid=subject.pid)
        for answer, expected in zip(said, ("which pointer?", "'99' is no heap: there are 1 to 2", "'x' is no heap",
                                           "no size class has blocks of 40000 bytes: they have 16 to 32768",
                                           "'x' is no size in bytes", "hakmem info takes no argument, not 'x'", "")):
            self.assertIn(expected, answer)
            self.assertNotIn("Traceback", answer)

    def test_no_process(self):
        self.assertIn("no process and no core", gdb("hakmem info", program=SUBJECT)[0])

    def test_no_library(self):
        sleeper = subprocess.Popen(["cat"], stdin=subprocess.PIPE, env=environment())
        self.addCleanup(sleeper.communicate)
        self.assertIn("no libhakmem in this process", gdb("hakmem info", pid=sleeper.pid)[0])

    def test_another_file(self):
        subject = self.start(program=IMPOSTOR, library=None)
        self.assertIn("is no description of hakmem's", gdb("hakmem info", pid=subject.pid)[0])

    def test_another_format(self):
        subject = self.start("1", program=IMPOSTOR, library=None)
        self.assertIn("describes itself in format 99, and this script reads 1", gdb("hakmem info", pid=subject.pid)[0])

    def test_a_damaged_description(self):
        subject = self.start("2", program=IMPOSTOR, library=None)
        said = gdb("hakmem info", pid=subject.pid)[0]
        self.assertIn("damaged: the library's description has 4294967295 entries", said)


def may_trace():
    """Why not, "" if gdb can do its part."""
    if not shutil.which("gdb"):
        return "no gdb"
    python = subprocess.run(["gdb", "-nx", "-batch", "-ex", "python print(6 * 7)"], capture_output=True, text=True,
                            check=False)
    if "42" not in python.stdout:
        return "this gdb has no Python"
    subject = Subject(IMPOSTOR)
    try:
        said = gdb("info threads", pid=subject.pid)
        return "" if said and "No threads" not in said[0] else "gdb may not trace here"
    finally:
        subject.end()


if __name__ == "__main__":
    reason = may_trace()
    if reason:
        print(reason, file=sys.stderr)
        sys.exit(SKIP)
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
