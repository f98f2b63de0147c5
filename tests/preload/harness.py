"""What the tests of real programs share: running one with and without libhakmem.so, and what is not installed."""
import contextlib
import glob
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import kept
from reachable import reachable

SOURCE = os.environ["HAKMEM_SOURCE"]
LIBRARY = reachable(os.environ["HAKMEM_LIB"])

# Programs that Debian keeps out of the way; of several versions of PostgreSQL the newest.
ELSEWHERE = ":".join(["/usr/sbin", *sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True,
                                           key=lambda path: [int(n) for n in path.split("/")[4].split(".")])])

# A hang ends here; nothing is measured against it.
DEADLINE_S = 240


class Clock:
    """Seconds by the clock and of processor time that was waited for, from begin on. For the tables alone."""

    def __init__(self):
        self.wall, self.used = time.monotonic(), self.children()

    @staticmethod
    def children():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    def read(self):
        return [round(time.monotonic() - self.wall, 1), round(self.children() - self.used, 1)]


class Case(unittest.TestCase):
    """A test with a folder of its own, whose path is short enough for sockets."""

    maxDiff = 4000
    programs = {}
    spent = {False: [0.0, 0.0], True: [0.0, 0.0]}
    timing = False

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="hkpre-", dir="/tmp")
        os.chmod(self.dir, 0o755)
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

    def need(self, program):
        found = shutil.which(program) or shutil.which(program, path=ELSEWHERE)
        if found is None:
            self.skipTest(f"{program} is not installed")
        Case.programs[os.path.basename(program)] = found
        return found

    @staticmethod
    @contextlib.contextmanager
    def timed(preloaded):
        """What is done inside is counted as time with or without the library, once."""
        if Case.timing:
            yield
            return
        clock, Case.timing = Clock(), True
        try:
            yield
        finally:
            Case.timing = False
            Case.spent[preloaded] = [a + b for a, b in zip(Case.spent[preloaded], clock.read())]

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)
        return self.path(name)

    def folder(self, name):
        os.makedirs(self.path(name), exist_ok=True)
        return self.path(name)

    @staticmethod
    def environment(preloaded, **more):
        made = {"PATH": os.environ["PATH"] + ":" + ELSEWHERE, "LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": "/nonexistent",
                "HAKMEM_RUNTIME_DIR": "/nonexistent/hakmem"}
        if preloaded:
            made.update(LD_PRELOAD=LIBRARY, PYTHONMALLOC="malloc")
        made.update(more)
        return made

    def run_one(self, command, preloaded, env=None, cwd=None, **more):
        """Exit status, standard output and standard error of a program that is run to its end."""
        more.setdefault("stdin", subprocess.DEVNULL)
        if "input" in more:
            del more["stdin"]
        with self.timed(preloaded):
            done = subprocess.run(command, env=self.environment(preloaded, **(env or {})), cwd=cwd or self.dir,
                                  capture_output=True, check=False, timeout=DEADLINE_S, **more)
        return done.returncode, done.stdout, done.stderr

    def same(self, command, **more):
        """Runs it without and with the library: both succeed, and say the same. What they said."""
        plain = self.run_one(command, False, **more)
        self.assertEqual(plain[0], 0, f"{command} without the library: {plain[2]!r}")
        ours = self.run_one(command, True, **more)
        self.compare(command, plain, ours)
        return plain[1]

    def compare(self, command, plain, ours):
        # Long outputs are not printed in full: the first difference is what matters.
        for what, a, b in (("standard error", plain[2], ours[2]), ("standard output", plain[1], ours[1])):
            if a != b:
                at = next((i for i, pair in enumerate(zip(a, b)) if pair[0] != pair[1]), min(len(a), len(b)))
                self.fail(f"{command}: {what} differs at byte {at}: {a[at:at + 200]!r} without the library, "
                          f"{b[at:at + 200]!r} with it; exit status {plain[0]} and {ours[0]}")
        self.assertEqual(plain[0], ours[0], f"{command}: exit status")

    def both_ways(self, act):
        """act(preloaded, folder), in a folder of its own each: what it returns is the same."""
        results = []
        for preloaded in (False, True):
            with self.timed(preloaded):
                results.append(act(preloaded, self.folder("with" if preloaded else "without")))
        self.assertEqual(results[0], results[1])
        return results[0]


def counted(kind, *names):
    """./dev test gathers these lines and closes with how many different names there were of each kind."""
    for name in names:
        print(f"counted: {kind} {name}", flush=True)


def package_version(path):
    """The version of the package that a program is from, or nothing where packages know nothing of it."""
    path = os.path.realpath(path)
    try:
        # Of what was in /bin once, packages know the old path.
        owner = subprocess.run(["dpkg", "-S", path, path.removeprefix("/usr")], capture_output=True, text=True,
                               check=False).stdout
        name = owner.split(": ")[0].split(",")[0]
        return subprocess.run(["dpkg-query", "-W", "-f=${Version}", name], capture_output=True, text=True,
                              check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""


def ran(**facts):
    """A line for the tables of docs/compatibility.md: tests/preload/compatibility.py gathers them."""
    print("ran: " + json.dumps(facts, sort_keys=True), flush=True)


def main(prefix=""):
    """Runs the tests named on the command line (all); what ctest calls one begins with the prefix. A run in which all
    were skipped ends with status 77."""
    kept.begin()
    result = unittest.main(verbosity=2, exit=False).result
    if result.wasSuccessful() and result.testsRun and len(result.skipped) == result.testsRun:
        sys.exit(77)
    if result.wasSuccessful():
        counted("programs", *sorted(Case.programs))
        names = [prefix + word.split("test_")[-1] for word in sys.argv[1:]]
        ran(test=" ".join(names) or os.path.basename(sys.argv[0]).removesuffix("_test.py"),
            programs={name: package_version(path) for name, path in sorted(Case.programs.items())},
            without=Case.spent[False], under=Case.spent[True])
    sys.exit(0 if result.wasSuccessful() else 1)
