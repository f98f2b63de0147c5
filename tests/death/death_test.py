#!/usr/bin/env python3
"""Each misuse ends its program by SIGABRT, with one line on standard error that says what was wrong.

usage: death_test.py MISUSE [NAME...]     the program of misuse.c; NAME: only these
"""

import os
import re
import resource
import signal
import subprocess
import sys
import unittest

PROGRAM = sys.argv[1]
HANDLED = {"and_report", "and_report_big"}  # these have a handler, which prints after the pointer


def run(*arguments):
    return subprocess.run([PROGRAM, *arguments], env={**os.environ, "LD_PRELOAD": os.environ["HAKMEM_LIB"]},
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)))


class Misuse(unittest.TestCase):
    def check(self, name, said):
        done = run(name)
        pointer, _, after = done.stdout.partition("\n")
        self.assertEqual(done.returncode, -signal.SIGABRT,
                         f"{'nobody noticed' if done.returncode == 3 else 'ended otherwise'}; {done.stderr}")
        self.assertEqual(after, "signal 6\n" if name in HANDLED else "")
        if said == "":
            self.assertEqual(done.stderr, "")
            return
        self.assertRegex(done.stderr, r"\Ahakmem: [^\n]*" + said.replace("PTR", re.escape(pointer)) + r"[^\n]*\n\Z")


def add(name, said):
    setattr(Misuse, f"test_{name}", lambda self: self.check(name, said))


if __name__ == "__main__":
    listed = subprocess.run([PROGRAM], env={**os.environ, "HAKMEM_TEST_ANY_MALLOC": "1"}, capture_output=True,
                            text=True, check=True).stdout.splitlines()
    for row in listed:
        if not sys.argv[2:] or row.split("\t")[0] in sys.argv[2:]:
            add(*row.split("\t"))
    unittest.main(argv=sys.argv[:1])
