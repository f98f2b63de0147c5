"""A daemon, processes and clients for the tests of the control plane: the real ones, on real sockets.

Each test has a daemon of its own in a private directory. Nothing here waits for time to pass: it polls
for what is to happen, with deadlines that only a hang can reach. Everything is ended by pid.
"""

import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

BUILD = os.environ.get("HAKMEM_BUILD", os.path.join(os.path.dirname(__file__), "../../build"))
HAKMEMD = os.path.join(BUILD, "daemon", "hakmemd")
SEGMENT_PROCESS = os.path.join(BUILD, "tests", "tools", "segment_process")
DEADLINE = 120

# An ordinary user may have as many descriptors on their way through sockets as one process may have open.
_soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (max(_soft, min(_hard, 65536)), _hard))


def poll(condition, what="a condition", deadline=DEADLINE):
    """Returns the first true value of condition(); fails if there is none for very long."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited in vain for {what}")
        time.sleep(0.005)


def clean_environment(**more):
    """The environment without anything that leads to another daemon or service manager."""
    env = {k: v for k, v in os.environ.items()
           if not k.startswith("HAKMEM_") and k not in (
               "LD_PRELOAD", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "RUNTIME_DIRECTORY", "NOTIFY_SOCKET",
               "JOURNAL_STREAM", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID",
               "LISTEN_FDNAMES")}
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
        if name in os.environ:
            env[name] = os.environ[name]
    env.update(more)
    return env


class RpcError(Exception):
    def __init__(self, error):
        super().__init__(error["message"])
        self.code = error["code"]
        self.message = error["message"]
        self.data = error.get("data")


class Client:
    """One connection to the control socket."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(DEADLINE)
        self.socket.connect(path)
        self.pending = b""
        self.id = 0
        self.notifications = []

    def close(self):
        self.socket.close()

    def send(self, text):
        self.socket.sendall(text if isinstance(text, bytes) else text.encode())

    def read_line(self):
        """The next line without its end, None at the end of the connection."""
        while b"\n" not in self.pending:
            try:
                data = self.socket.recv(1 << 16)
            except ConnectionResetError:
                data = b""
            if not data:
                return None
            self.pending += data
        line, self.pending = self.pending.split(b"\n", 1)
        return line

    def read(self):
        line = self.read_line()
        return None if line is None else json.loads(line.decode("utf-8", "strict"))

    def raw(self, text):
        """Sends a line as it is and returns the next answer."""
        self.send(text + ("\n" if isinstance(text, str) else b"\n"))
        return self.read()

    def start(self, method, **params):
        self.id += 1
        request = {"jsonrpc": "2.0", "id": self.id, "method": method}
        if params:
            request["params"] = params
        self.send(json.dumps(request) + "\n")
        return self.id

    def finish(self, number):
        """The answer of that id; notifications that come first are kept."""
        while True:
            answer = self.read()
            if answer is None:
                raise AssertionError("the connection ended before the answer")
            if "method" in answer:
                self.notifications.append(answer)
                continue
            assert answer["id"] == number, answer
            if "error" in answer:
                raise RpcError(answer["error"])
            return answer["result"]

    def call(self, method, **params):
        return self.finish(self.start(method, **params))

    def notification(self):
        while not self.notifications:
            answer = self.read()
            if answer is None:
                raise AssertionError("the connection ended before a notification")
            assert "method" in answer, answer
            self.notifications.append(answer)
        return self.notifications.pop(0)


class Process:
    """A segment_process, led by commands."""

    def __init__(self, directory, *arguments, uid=None, wrap=(), expect_ok=True, executable=None, argument=None):
        program = SEGMENT_PROCESS if argument is None else argument
        command = list(wrap) + [program, "--dir", directory, *map(str, arguments)]
        # With a folder, Python forks by itself: the spawn that it would use instead refuses an empty first argument.
        self.popen = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, user=uid,
                                      executable=executable, cwd=os.getcwd(),
                                      group=uid, extra_groups=[] if uid is not None else None,
                                      env=clean_environment())
        words = self.popen.stdout.readline().decode().split()
        if expect_ok and (not words or words[0] != "ok"):
            self.close()
            raise AssertionError(f"segment_process said {words}")
        self.pid = int(words[1]) if len(words) > 1 else self.popen.pid
        self.children = []

    def command(self, text):
        self.popen.stdin.write((text + "\n").encode())
        self.popen.stdin.flush()
        words = self.popen.stdout.readline().decode().split()
        if not words or words[0] != "ok":
            raise AssertionError(f"{text}: {words}")
        return words[1:]

    def fork(self, allocs=0, how="fork"):
        pid = int(self.command(f"{how} {allocs}")[0])
        self.children.append(pid)
        return pid

    def kill(self, number=signal.SIGKILL):
        self.popen.send_signal(number)
        self.popen.wait()

    def close(self):
        for pid in getattr(self, "children", []):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.wait()
        self.popen.stdin.close()
        self.popen.stdout.close()


class Daemon:
    """A hakmemd in a directory of its own."""

    def __init__(self, *arguments, interval_ms=20, config=None, policies=None, uid=None, env=None,
                 directory=None, log_level="debug", preexec=None, pass_fds=(), wait=True, limits=None):
        self.root = directory or tempfile.mkdtemp(prefix="hakmem-test-")
        self.owns_root = directory is None
        os.chmod(self.root, 0o755)
        self.run = os.path.join(self.root, "run")
        self.config_file = os.path.join(self.root, "hakmemd.json")
        self.log_file = os.path.join(self.root, "log")
        if limits:
            config = {**(config or {}), "limits": limits}
        if config is not None:
            self.write_config(config)
        elif not os.path.exists(self.config_file):
            self.write_config({})
        for name, content in (policies or {}).items():
            self.write_policy(name, content)
        command = [HAKMEMD, "--runtime-dir", self.run, "--config", self.config_file]
        if interval_ms:
            command += ["--interval-ms", str(interval_ms)]
        if log_level:
            command += ["--log-level", log_level]
        if uid is not None:
            os.makedirs(self.run, exist_ok=True)
            os.chown(self.run, uid, uid)
        with open(self.log_file, "ab") as log:
            self.popen = subprocess.Popen(command + list(arguments), stderr=log, user=uid, group=uid,
                                          extra_groups=[] if uid is not None else None,
                                          env=clean_environment(**(env or {})), preexec_fn=preexec,
                                          pass_fds=pass_fds)
        self.clients = []
        if wait:
            poll(lambda: self.answers() or self.popen.poll() is not None, "the daemon's socket")

    @property
    def pid(self):
        return self.popen.pid

    @property
    def control(self):
        return os.path.join(self.run, "control")

    def answers(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(self.control)
                return True
            except OSError:
                return False

    def write_config(self, config):
        with open(self.config_file, "w") as file:
            file.write(config if isinstance(config, str) else json.dumps(config))

    def write_policy(self, name, content):
        folder = os.path.join(self.root, "policy.d")
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, name), "w") as file:
            file.write(content if isinstance(content, str) else json.dumps(content))

    def client(self):
        client = Client(self.control)
        self.clients.append(client)
        return client

    def log(self):
        with open(self.log_file, "rb") as file:
            return file.read().decode("utf-8", "replace")

    def reload(self):
        before = self.log().count("configuration ")
        self.popen.send_signal(signal.SIGHUP)
        poll(lambda: self.log().count("configuration ") > before, "the reload")

    def wait_for_log(self, text):
        poll(lambda: text in self.log(), f"'{text}' in the log")

    def end(self, number=signal.SIGTERM):
        """Ends it and returns its status."""
        self.close_clients()
        self.popen.send_signal(number)
        return self.popen.wait(DEADLINE)

    def close_clients(self):
        for client in self.clients:
            client.close()
        self.clients = []

    def close(self):
        self.close_clients()
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.wait()
        if self.owns_root:
            shutil.rmtree(self.root, ignore_errors=True)


class Case(unittest.TestCase):
    """A test with helpers that clean up after themselves."""

    maxDiff = None

    def daemon(self, *arguments, **options):
        daemon = Daemon(*arguments, **options)
        self.addCleanup(self.check_end, daemon)
        return daemon

    def check_end(self, daemon):
        """A daemon that is still there ends well, and says nothing a sanitizer would say."""
        try:
            if daemon.popen.poll() is None:
                self.assertEqual(daemon.end(), 0, daemon.log())
            for word in ("Sanitizer", "runtime error"):
                self.assertNotIn(word, daemon.log())
        finally:
            daemon.close()

    def process(self, daemon, *arguments, **options):
        directory = daemon if isinstance(daemon, str) else daemon.run
        process = Process(directory, *arguments, **options)
        self.addCleanup(process.close)
        return process

    def listed(self, client, pid, **more):
        """The list's entry of a process, None if it has none."""
        try:
            found = client.call("list", pid=pid, **more)["processes"]
        except RpcError as error:
            self.assertEqual(error.code, -32002)
            return None
        self.assertEqual(len(found), 1, found)
        return found[0]

    def appears(self, client, pid, **more):
        return poll(lambda: self.listed(client, pid, **more), f"process {pid}")

    def vanishes(self, client, pid):
        poll(lambda: self.listed(client, pid) is None, f"the end of {pid}")

    def fails(self, code, function, *arguments, **options):
        with self.assertRaises(RpcError) as caught:
            function(*arguments, **options)
        self.assertEqual(caught.exception.code, code, caught.exception.message)
        return caught.exception


def stats(client, pid, **more):
    return client.call("stats", pid=pid, **more)["processes"][0]


def main():
    unittest.main(verbosity=2)
