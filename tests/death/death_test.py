#!/usr/bin/env python3
"""Each misuse ends its program by SIGABRT, with one line on standard error that says what was wrong.

usage: death_test.py PROGRAM [NAME...]     the program of misuse.c or hardened.c; NAME: only these

Those of hardened.c name the mode that catches them, and may end by a page fault without a word. Each is tried
under that mode alone, under all together, and, where it can be, where checks begin while the program runs.
"""

import os
import re
import resource
import signal
import subprocess
import sys
import unittest

PROGRAM = sys.argv[1]
LEVELS = {"double-free": "double-free", "sized": "canary", "canary": "canary", "quarantine": "all"}  # of the tunable
UNKNOWN = {"free_never_allocated"}  # nothing is known there of a block that no checked call has given out
HANDLED = {"and_report", "and_report_big"}  # these have a handler, which prints after the pointer


def run(*arguments, mode=None):
    env = {**os.environ, "LD_PRELOAD": os.environ["HAKMEM_LIB"]}
    if mode is not None:
        env["HAKMEM_HARDEN"] = mode
    return subprocess.run([PROGRAM, *arguments], env=env,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)))


class Misuse(unittest.TestCase):
    def check(self, name, said, mode=None, number="ABRT"):
        done = run(name, mode=mode)
        pointer, _, after = done.stdout.partition("\n")
        self.assertEqual(done.returncode, -signal.Signals[f"SIG{number}"],
                         f"{'nobody noticed' if done.returncode == 3 else 'ended otherwise'}; {done.stderr}")
        self.assertEqual(after, "signal 6\n" if name in HANDLED else "")
        if said == "":
            self.assertEqual(done.stderr, "")
            return
        self.assertRegex(done.stderr, r"\Ahakmem: [^\n]*" + said.replace("PTR", re.escape(pointer)) + r"[^\n]*\n\Z")

    def check_switched(self, name, said, level):
        """A canary's room may make a block's class the next one."""
        done = run(name, level)
        pointer = done.stdout.partition("\n")[0]
        said = said.replace("64 bytes", "(64|80) bytes").replace("PTR", re.escape(pointer))
        self.assertEqual(done.returncode, -signal.SIGABRT,
                         f"{'nobody noticed' if done.returncode == 3 else 'ended otherwise'}; {done.stderr}")
        self.assertRegex(done.stderr, r"\Ahakmem: [^\n]*" + said + r"[^\n]*\n\Z")

    def check_with_all(self, name, mode):
        """Another mode may be the first to see it."""
        figures = "," + mode if ":" in mode else ""
        done = run(name, mode="1" + figures)
        self.assertIn(done.returncode, (-signal.SIGABRT, -signal.SIGSEGV), f"nobody noticed; {done.stderr}")


def add(name, said, mode=None, number="ABRT"):
    setattr(Misuse, f"test_{name}", lambda self: self.check(name, said, mode, number))
    if mode is not None:
        setattr(Misuse, f"test_all_{name}", lambda self: self.check_with_all(name, mode))
        level = LEVELS.get(mode.partition(":")[0])
        if level is not None and name not in UNKNOWN:
            setattr(Misuse, f"test_switched_{name}", lambda self: self.check_switched(name, said, level))


if __name__ == "__main__":
    listed = subprocess.run([PROGRAM], env={**os.environ, "HAKMEM_TEST_ANY_MALLOC": "1"}, capture_output=True,
                            text=True, check=True).stdout.splitlines()
    for row in listed:
        if not sys.argv[2:] or row.split("\t")[0] in sys.argv[2:]:
            add(*row.split("\t"))
    result = unittest.main(argv=sys.argv[:1], exit=False).result
    if not result.wasSuccessful():
        sys.exit(1)
    print(f"counted: misuse {result.testsRun}")
