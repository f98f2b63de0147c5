#!/usr/bin/env python3
"""What ./dev test ends with is what ctest ran."""
import os
import subprocess
import sys
import tempfile
import unittest

SUMMARY = os.path.join(os.environ["HAKMEM_SOURCE"], "tests", "summary.py")
TESTS = """
add_test(good true)
add_test(bad false)
add_test(missing sh -c "echo 'test_a ... skipped \\"nginx is not installed\\"'; echo OK; exit 77")
add_test(plain sh -c "echo no such thing here; exit 77")
add_test(mute sh -c "exit 77")
add_test(off true)
set_tests_properties(missing plain mute PROPERTIES SKIP_RETURN_CODE 77)
set_tests_properties(off PROPERTIES DISABLED TRUE)
"""


class Summary(unittest.TestCase):
    def test_all_kinds(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "CTestTestfile.cmake"), "w", encoding="utf-8") as file:
                file.write(TESTS)
            junit = os.path.join(folder, "tests.xml")
            subprocess.run(["ctest", "--test-dir", folder, "--output-junit", junit], capture_output=True, check=False)
            said = subprocess.run([sys.executable, "-B", SUMMARY, junit], capture_output=True, text=True, check=True)
        self.assertEqual(sorted(said.stdout.splitlines()), [
            "dev: failed: bad",
            "dev: skipped: missing: nginx is not installed",
            "dev: skipped: mute: it does not say why",
            "dev: skipped: plain: no such thing here",
            "dev: tests: 1 passed, 3 skipped, 1 failed, 1 not for this build",
        ])


if __name__ == "__main__":
    unittest.main(verbosity=2)
