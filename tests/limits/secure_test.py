#!/usr/bin/env python3
"""A program that runs with more rights than its caller takes nothing from the caller's environment.

usage: secure_test.py PROGRAM     (linked with libhakmem.a)

As user nobody: copies that are owned by root and set-user-id or set-group-id, and one that is neither, which shows
that the same settings do something.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest

NOBODY = 65534
PROGRAM = sys.argv.pop()


class Secure(unittest.TestCase):
    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("only root makes a program of root's")
        self.dir = tempfile.mkdtemp(prefix="hakmem-", dir="/tmp")
        self.addCleanup(shutil.rmtree, self.dir)
        os.chmod(self.dir, 0o755)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.addCleanup(self.socket.close)
        self.socket.bind(os.path.join(self.dir, "hello"))
        os.chmod(os.path.join(self.dir, "hello"), 0o666)
        self.socket.listen(8)
        self.socket.setblocking(False)

    def run_as_nobody(self, mode):
        copy = os.path.join(self.dir, f"program-{mode:o}")
        shutil.copy(PROGRAM, copy)
        os.chmod(copy, mode)
        settings = {"HAKMEM_TUNE": "no_such_tunable=1", "HAKMEM_PUBLISH": "no_such_word", "HAKMEM_LABEL": "x",
                    "HAKMEM_HARDEN": "no_such_mode", "HAKMEM_TRACE": "no_such_trace",
                    "HAKMEM_RUNTIME_DIR": self.dir}
        done = subprocess.run([copy], env=settings, user=NOBODY, group=NOBODY, extra_groups=[], check=True,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        return done.stdout, done.stderr

    def greeted(self):
        try:
            self.socket.accept()[0].close()
            return True
        except BlockingIOError:
            return False

    def test_an_ordinary_program_takes_its_settings(self):
        out, err = self.run_as_nobody(0o755)
        self.assertEqual(out, "secure 0\n")
        self.assertIn("no_such_tunable", err)
        self.assertIn("HAKMEM_PUBLISH", err)
        self.assertIn("no_such_mode", err)
        self.assertIn("HAKMEM_TRACE", err)
        self.assertTrue(self.greeted())

    def test_a_program_with_more_rights_ignores_them(self):
        if os.statvfs(self.dir).f_flag & os.ST_NOSUID:
            self.skipTest(f"{self.dir} is mounted nosuid")
        for mode in (0o4755, 0o2755):
            out, err = self.run_as_nobody(mode)
            if out == "secure 0\n":
                self.skipTest("set-user-id and set-group-id have no effect here")
            self.assertEqual((out, err), ("secure 1\n", ""), f"mode {mode:o}")
            self.assertFalse(self.greeted(), f"mode {mode:o}")


if __name__ == "__main__":
    # A test that was skipped for want of rights shows as skipped.
    result = unittest.main(exit=False).result
    sys.exit(77 if result.wasSuccessful() and result.skipped else 0 if result.wasSuccessful() else 1)
