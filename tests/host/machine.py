"""A booted machine: a copy of a root under systemd-nspawn, with a network and processes of its own.

It is not registered with anything, so it needs no systemd on the host, and commands are run in it by nsenter. All
that was made is taken away at the end: the machine, its copy of the root, its control groups.
"""
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time

DEADLINE_S = 300  # ends a hang; nothing is measured against it
CGROUPS = "/sys/fs/cgroup"
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root",
               "LC_ALL": "C.UTF-8", "TERM": "dumb", "DEBIAN_FRONTEND": "noninteractive", "COLUMNS": "110"}


class Failure(Exception):
    """Something was not as it should be; its text says what."""


def wait_until(condition, what, pause=0.1):
    """Polls until the condition holds, and returns what it gave."""
    end = time.monotonic() + DEADLINE_S
    while not (result := condition()):
        if time.monotonic() > end:
            raise Failure(f"waited too long: {what}")
        time.sleep(pause)
    return result


class Machine:
    """Boots on entry, is gone after exit."""

    def __init__(self, pristine, folder, bind, transcript):
        self.pristine = pristine
        self.bind = bind
        self.transcript = transcript
        self.console = os.path.join(folder, "console.log")
        self.root = tempfile.mkdtemp(prefix="machine-", dir=folder)
        self.name = f"hakmem-{os.getpid()}"
        self.process = None
        self.leader = None

    # ---- start and end ----

    def _own_groups(self):
        """Control groups to be moved into, where no systemd of the host does that."""
        hierarchies = [CGROUPS] if os.path.exists(f"{CGROUPS}/cgroup.procs") else \
            [f"{CGROUPS}/{name}" for name in sorted(os.listdir(CGROUPS))
             if os.path.exists(f"{CGROUPS}/{name}/cgroup.procs") and name in ("systemd", "unified")]
        return [f"{hierarchy}/{self.name}" for hierarchy in hierarchies]

    def _enter_groups(self):
        for group in self._own_groups():
            os.mkdir(group)
            with open(f"{group}/cgroup.procs", "w", encoding="ascii") as file:
                file.write("0")

    def __enter__(self):
        try:
            self._boot()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _boot(self):
        subprocess.run(["cp", "-a", "--one-file-system", "--reflink=auto", f"{self.pristine}/.", self.root],
                       check=True)
        command = ["systemd-nspawn", "--quiet", "--directory", self.root, "--machine", self.name, "--boot",
                   "--register=no", "--private-network", "--console=pipe", "--bind-ro", f"{self.bind}:/packages"]
        groups = None
        if not os.path.isdir("/run/systemd/system"):
            command.append("--keep-unit")
            groups = self._enter_groups
        with open(self.console, "wb") as console:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=console,
                                            stderr=subprocess.STDOUT, preexec_fn=groups)
        self.leader = wait_until(self._find_leader, "the machine to start")
        wait_until(self._is_up, "the machine to boot", 0.5)

    def _find_leader(self):
        if self.process.poll() is not None:
            with open(self.console, encoding="utf-8", errors="replace") as file:
                raise Failure("systemd-nspawn ended at once: " + file.read()[-2000:])
        # Its first child is a helper at times, and the init the one that is process 1 in its own eyes.
        with contextlib.suppress(OSError):
            with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="ascii") as file:
                for pid in file.read().split():
                    with open(f"/proc/{pid}/status", encoding="ascii") as status:
                        if any(line.startswith("NSpid:") and line.split()[2:] == ["1"] for line in status):
                            return int(pid)
        return None

    def _is_up(self):
        state = self.attempt("systemctl is-system-running", quiet=True).stdout.strip()
        return state in ("running", "degraded")

    def __exit__(self, *_):
        if self.process is not None and self.process.poll() is None:
            if self.leader is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.leader, signal.SIGRTMIN + 4)  # power off
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()  # the kernel ends all that is in its namespace
                self.process.wait()
        for group in self._own_groups():
            for folder, _, _ in os.walk(group, topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(folder)
        shutil.rmtree(self.root, ignore_errors=True)

    # ---- what is done in it ----

    def attempt(self, command, quiet=False):
        """A shell command in the machine, whatever comes of it."""
        enter = ["nsenter", f"--target={self.leader}", "--mount", "--uts", "--ipc", "--net", "--pid", "--root"]
        result = subprocess.run([*enter, "sh", "-c", f"cd /\n{command}"], stdin=subprocess.DEVNULL, capture_output=True,
                                text=True, errors="replace", env=ENVIRONMENT, check=False, timeout=2 * DEADLINE_S)
        if not quiet:
            self.transcript(f"# {command}", *(result.stdout + result.stderr).splitlines())
            if result.returncode:
                self.transcript(f"[exit status {result.returncode}]")
        return result

    def run(self, command, quiet=False):
        """A shell command in the machine that must succeed; its output."""
        result = self.attempt(command, quiet)
        if result.returncode:
            raise Failure(f"`{command}` failed with {result.returncode}: {(result.stdout + result.stderr)[-1000:]}")
        return result.stdout

    def until(self, command, what, accept=lambda result: result.returncode == 0):
        """Polls a command until it succeeds; the last time is written down."""
        wait_until(lambda: accept(self.attempt(command, quiet=True)), what, 0.2)
        return self.run(command)
