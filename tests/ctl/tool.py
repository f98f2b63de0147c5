"""What the tests of the tool share: where it is, a folder of their own, how it is run, how long is too long."""
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

SOURCE = os.environ.get("HAKMEM_SOURCE") or os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("HAKMEM_BUILD", os.path.join(SOURCE, "build"))
TOOL = os.path.join(BUILD, "ctl", "hakmemctl")

# Deadlines end a hang; nothing is measured against them.
DEADLINE_S = 120

CLEAN = ("COLUMNS", "NO_COLOR", "LD_PRELOAD", "HAKMEM_TUNE", "HAKMEM_LABEL", "HAKMEM_LIBRARY", "XDG_RUNTIME_DIR")


def environment(**changes):
    made = {k: v for k, v in os.environ.items() if k not in CLEAN}
    made["HAKMEM_RUNTIME_DIR"] = "/nonexistent/hakmem"
    # A sanitized tool that is itself run with a library preloaded (run in run) says no more than others.
    made["ASAN_OPTIONS"] = made.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
    made.update(changes)
    return {k: v for k, v in made.items() if v is not None}


def wait_until(condition, what):
    """Polls until the condition holds, and returns what it gave."""
    end = time.monotonic() + DEADLINE_S
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"waited too long: {what}")
        time.sleep(0.01)


def is_alive(pid):
    """Whether a process runs: not gone, and not a zombie that nobody has waited for."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
            return f.read().rpartition(")")[2].split()[0] not in ("Z", "X")
    except (FileNotFoundError, ProcessLookupError):
        return False


class Case(unittest.TestCase):
    """A test with a folder of its own, whose path is short enough for sockets."""

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="hkctl-", dir="/tmp")
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

    @staticmethod
    def end(process, number=signal.SIGKILL):
        """Ends a process that still runs, waits for it and closes what leads to it."""
        if process.poll() is None:
            process.send_signal(number)
        process.wait(DEADLINE_S)
        for stream in (process.stdin, process.stdout):
            if stream:
                stream.close()

    def ctl(self, *words, env=None, tool=TOOL, **more):
        """Runs hakmemctl: (exit status, standard output, standard error)."""
        done = subprocess.run([tool, *words], env=env or environment(), capture_output=True, text=True,
                              timeout=DEADLINE_S, check=False, stdin=subprocess.DEVNULL, **more)
        return done.returncode, done.stdout, done.stderr

    def at(self, *words, **more):
        """The same, in the test's own runtime directory."""
        return self.ctl("--runtime-dir", self.dir, *words, **more)

    def must(self, *words, status=0, **more):
        """Standard output of a run at the test's directory that ends as expected and complains of nothing."""
        got, out, err = self.at(*words, **more)
        self.assertEqual((got, err), (status, ""), out)
        return out
