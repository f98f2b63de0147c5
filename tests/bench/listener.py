"""A hakmemd of the measurement's own: in a private folder, sampling often, gone with the measurement."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time

import rows

# Bounds a daemon that hangs; nothing that works comes near.
DEADLINE_S = 60


def poll(condition, what):
    end = time.monotonic() + DEADLINE_S
    while not (value := condition()):
        if time.monotonic() > end:
            raise rows.Failed(f"waited in vain for {what}")
        time.sleep(0.01)
    return value


class Daemon:
    """A context: the daemon listens within it."""

    def __init__(self, build, interval_ms):
        self.program = os.path.join(build, "daemon/hakmemd")
        self.interval_ms = interval_ms

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="hakmem-bench-")
        self.runtime_dir = os.path.join(self.folder, "run")
        config = os.path.join(self.folder, "hakmemd.json")
        self.log_file = os.path.join(self.folder, "log")
        with open(config, "w", encoding="utf-8") as file:
            file.write("{}\n")
        command = [self.program, "--runtime-dir", self.runtime_dir, "--config", config,
                   "--interval-ms", str(self.interval_ms)]
        env = {key: value for key, value in os.environ.items() if not key.startswith("HAKMEM_")}
        for key in ("LD_PRELOAD", "NOTIFY_SOCKET", "RUNTIME_DIRECTORY", "LISTEN_FDS", "LISTEN_PID"):
            env.pop(key, None)
        with open(self.log_file, "wb") as log:
            self.process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stderr=log)
        try:
            poll(self.answers, "hakmemd's socket")
        except rows.Failed:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def answers(self):
        if self.process.poll() is not None:
            with open(self.log_file, encoding="utf-8", errors="replace") as file:
                raise rows.Failed(f"hakmemd ended with {self.process.returncode}: {file.read()[-500:]}")
        try:
            return self.ask("info")
        except OSError:
            return None

    def ask(self, method, **params):
        """One request; its result."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(DEADLINE_S)
            client.connect(os.path.join(self.runtime_dir, "control"))
            client.sendall(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode() + b"\n")
            with client.makefile("rb") as lines:
                answer = json.loads(lines.readline())
        if "result" not in answer:
            raise rows.Failed(f"hakmemd refused {method}: {answer['error']['message']}")
        return answer["result"]

    def seen(self):
        """Counts of what it has seen so far; exact where no process is live."""
        info = self.ask("info")
        host = self.ask("stats", scope="host", dead=True)["host"]
        return {"hellos": info["hellos_total"], "samples": info["samples_total"],
                "allocs": host["totals"]["allocs_total"]}

    def settled(self):
        """The counts, once the processes that it knows have ended."""
        poll(lambda: self.ask("info")["processes"] == 0, "the end of every process")
        return self.seen()

    def cpu_s(self):
        """Processor time that it has used."""
        with open(f"/proc/{self.process.pid}/schedstat", encoding="ascii") as file:
            return int(file.read().split()[0]) / 1e9
