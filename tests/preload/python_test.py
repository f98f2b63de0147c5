#!/usr/bin/env python3
"""Python's own tests of one of its modules, by the host's Python under libhakmem.so.

usage: python_test.py MODULE [PATTERN...]     PATTERN: only these of its tests

What fails without the library too is not for us to judge: such a run is skipped.
"""
import subprocess
import sys
import tempfile

from harness import Case, counted

# Debian's: it has its tests in a package of their own, libpython3.N-testsuite.
PYTHON = "/usr/bin/python3"
DEADLINE_S = 1500


def run(words, preloaded):
    # Its allocator is switched off both times, so that the runs differ by the library alone.
    env = Case.environment(preloaded, PYTHONMALLOC="malloc")
    with tempfile.TemporaryDirectory(prefix="hkpy-") as folder:
        return subprocess.run([PYTHON, "-m", "test", *words], env={**env, "HOME": folder, "TMPDIR": folder},
                              cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace", check=False,
                              timeout=DEADLINE_S)


def main():
    module, *patterns = sys.argv[1:]
    try:
        subprocess.run([PYTHON, "-c", f"import test.{module}"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        print(f"skipped: {PYTHON} has no test.{module}: libpython3.N-testsuite is not installed")
        return 77
    words = [module, "-v"]
    for pattern in patterns:
        words += ["-m", pattern]
    ours = run(words, True)
    if ours.returncode == 0:
        counted("programs", "python3")
        return 0
    if run(words, False).returncode != 0:
        print(f"skipped: {module} fails without the library as well")
        return 77
    print(f"exit status {ours.returncode}\n{ours.stdout[-20000:]}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
