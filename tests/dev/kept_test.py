#!/usr/bin/env python3
"""tests/support/kept.py: of a test that is killed, or whose keepers are, nothing stays behind; its status is told."""
import os
import select
import signal
import subprocess
import sys
import unittest

SUPPORT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support")

# Says which processes there are. Each holds one end of a pipe: whoever has the other one sees when all are gone. Of the
# children one is in a session of its own, and two lose their parent.
TEST = """
import os, subprocess, sys
import kept
started = os.getpid()
kept.begin()
held = int(sys.argv[1])
for command in ("sleep 600", "exec setsid sleep 600", "(sleep 600 & sleep 600 &) ; sleep 600"):
    subprocess.Popen(["sh", "-c", command], pass_fds=[held])
print(started, os.getppid(), os.getpid(), flush=True)
line = sys.stdin.readline()
sys.exit(int(line) if line else 1)
"""

DEADLINE_S = 120


class Kept(unittest.TestCase):
    def start(self):
        """The process, the pids of it, its keeper and the test, and what ends when all of them have ended."""
        end, held = os.pipe()
        self.addCleanup(os.close, end)
        process = subprocess.Popen([sys.executable, "-c", TEST, str(held)], stdin=subprocess.PIPE, pass_fds=[held],
                                   stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": SUPPORT})
        os.close(held)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stdin.close)
        self.addCleanup(process.kill)
        return process, [int(word) for word in process.stdout.readline().split()], end

    def check_all_gone(self, end):
        self.assertTrue(select.select([end], [], [], DEADLINE_S)[0], "something was left behind")
        self.assertEqual(os.read(end, 1), b"")

    def test_whoever_is_killed(self):
        for which in range(3):
            for number in (signal.SIGKILL, signal.SIGTERM):
                with self.subTest(which=which, number=number):
                    process, pids, end = self.start()
                    self.assertEqual(pids[0], process.pid)
                    self.assertEqual(len(set(pids)), 3)
                    self.assertFalse(select.select([end], [], [], 0)[0])
                    os.kill(pids[which], number)
                    self.check_all_gone(end)
                    self.assertNotEqual(process.wait(DEADLINE_S), 0)

    def test_its_exit_status(self):
        for status in (0, 1, 77):
            process, _, end = self.start()
            process.stdin.write(b"%d\n" % status)
            process.stdin.flush()
            self.assertEqual(process.wait(DEADLINE_S), status)
            self.check_all_gone(end)


if __name__ == "__main__":
    unittest.main()
