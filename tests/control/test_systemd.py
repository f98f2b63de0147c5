"""The service manager's side, played by the test: notifications, socket activation, descriptor store."""

import array
import os
import signal
import socket
import subprocess
import sys
import unittest

from harness import HAKMEMD, Case, Client, clean_environment, main, poll, stats

version = subprocess.run([HAKMEMD, "--version"], capture_output=True, env=clean_environment()).stdout.decode()


class Manager:
    """What a service manager is to its service."""

    def __init__(self, directory):
        self.path = os.path.join(directory, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.setblocking(False)
        self.messages = []
        self.store = {}  # name: descriptors

    def receive(self):
        while True:
            try:
                data, ancillary, _, _ = self.socket.recvmsg(4096, socket.CMSG_SPACE(16 * 4))
            except BlockingIOError:
                return
            fds = array.array("i")
            for level, kind, content in ancillary:
                if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                    fds.frombytes(content[: len(content) - len(content) % 4])
            lines = data.decode().splitlines()
            name = next((line[len("FDNAME="):] for line in lines if line.startswith("FDNAME=")), None)
            if "FDSTORE=1" in lines:
                assert "FDPOLL=0" in lines
                self.store.setdefault(name, []).extend(fds)
            elif "FDSTOREREMOVE=1" in lines:
                for fd in self.store.pop(name, []):
                    os.close(fd)
            else:
                for fd in fds:
                    os.close(fd)
            self.messages += lines

    def heard(self, text):
        self.receive()
        return [line for line in self.messages if line.startswith(text)]

    def close(self):
        self.receive()
        for fds in self.store.values():
            for fd in fds:
                os.close(fd)
        self.socket.close()


# LISTEN_PID must be the daemon's own: a small program becomes it after having set that.
LAUNCH = """
import os, sys
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.argv[1], sys.argv[1:])
"""


@unittest.skipUnless("libsystemd yes" in version, "built without libsystemd")
class SystemdTest(Case):
    def manager(self, daemon_directory):
        manager = Manager(daemon_directory)
        self.addCleanup(manager.close)
        return manager

    def directory(self):
        import shutil
        import tempfile
        root = tempfile.mkdtemp(prefix="hakmem-test-")
        self.addCleanup(shutil.rmtree, root, ignore_errors=True)
        return root

    def launch(self, root, manager, named, **env):
        """A daemon with descriptors passed to it: named is a list of (descriptor, name)."""
        run = os.path.join(root, "run")
        config = os.path.join(root, "hakmemd.json")
        with open(config, "w") as file:
            file.write("{}")
        first = 3
        count = len(named)
        # Out of the way first, so that none is overwritten before it has been moved to its place.
        high = [os.dup2(fd, 200 + i, inheritable=True) for i, (fd, _) in enumerate(named)]

        def place():
            for i, fd in enumerate(high):
                os.dup2(fd, first + i, inheritable=True)

        log = open(os.path.join(root, "log"), "ab")
        popen = subprocess.Popen(
            [sys.executable, "-c", LAUNCH, HAKMEMD, "--runtime-dir", run, "--config", config, "--interval-ms", "20",
             "--log-level", "debug"], stderr=log, preexec_fn=place,
            pass_fds=tuple(high) + tuple(range(first, first + count)),
            env=clean_environment(NOTIFY_SOCKET=manager.path, LISTEN_FDS=str(count),
                                  LISTEN_FDNAMES=":".join(name for _, name in named), **env))
        log.close()
        for fd in high:
            os.close(fd)

        def end():
            if popen.poll() is None:
                popen.terminate()
            popen.wait()

        self.addCleanup(end)
        poll(lambda: manager.heard("READY=1") or popen.poll() is not None, "READY=1")
        self.assertIsNone(popen.poll())
        return popen

    def client_of(self, run):
        client = Client(os.path.join(run, "control"))
        self.addCleanup(client.close)
        return client

    def test_notifications(self):
        root = self.directory()
        manager = self.manager(root)
        daemon = self.daemon(env={"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "100000"})
        poll(lambda: manager.heard("READY=1"), "READY=1")
        poll(lambda: manager.heard("STATUS=0 processes"), "a status")
        poll(lambda: len(manager.heard("WATCHDOG=1")) > 2, "the watchdog to be fed")
        daemon.reload()
        poll(lambda: manager.heard("RELOADING=1") and manager.heard("MONOTONIC_USEC="), "RELOADING=1")
        poll(lambda: len(manager.heard("READY=1")) == 2, "READY=1 again")
        daemon.write_config("{")
        daemon.reload()
        poll(lambda: manager.heard("STATUS=the new configuration is wrong"), "the complaint")
        self.assertEqual(daemon.end(), 0)
        self.assertTrue(manager.heard("STOPPING=1"))

    def test_socket_activation(self):
        self.activate("hello", "control")

    def test_activation_by_one_unit(self):
        """Which gives all its sockets one name."""
        self.activate("hakmem", "hakmem")

    def activate(self, hello_name, control_name):
        root = self.directory()
        manager = self.manager(root)
        hello = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        run = os.path.join(root, "run")
        os.mkdir(run, 0o755)
        hello.bind(os.path.join(run, "hello"))
        control.bind(os.path.join(run, "control"))
        hello.listen(64)
        control.listen(64)
        # A process and a client that come before there is a daemon.
        early = self.process(run)
        client = self.client_of(run)
        request = client.start("info")
        popen = self.launch(root, manager, [(hello.fileno(), hello_name), (control.fileno(), control_name)])
        self.assertEqual(client.finish(request)["pid"], popen.pid)
        self.appears(client, early.pid)
        popen.terminate()
        self.assertEqual(popen.wait(), 0)
        # The sockets are the manager's, and stay.
        self.assertEqual(sorted(os.listdir(run)), ["control", "hello"])
        hello.close()
        control.close()

    def test_one_passed_socket_and_one_of_its_own(self):
        root = self.directory()
        manager = self.manager(root)
        run = os.path.join(root, "run")
        os.mkdir(run, 0o755)
        control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        control.bind(os.path.join(run, "control"))
        control.listen(8)
        wrong = os.open("/dev/null", os.O_RDONLY)
        popen = self.launch(root, manager, [(wrong, "hello"), (control.fileno(), "control"), (wrong, "hk-x")])
        os.close(wrong)
        process = self.process(run)
        client = self.client_of(run)
        self.appears(client, process.pid)
        popen.terminate()
        self.assertEqual(popen.wait(), 0)
        self.assertEqual(os.listdir(run), ["control"])
        control.close()
        with open(os.path.join(root, "log")) as log:
            self.assertIn("is none of ours", log.read())

    def test_stored_segments_of_one_family(self):
        root = self.directory()
        manager = self.manager(root)
        first = self.launch(root, manager, [])
        run = os.path.join(root, "run")
        client = self.client_of(run)
        parent = self.process(run, "--tick", "10")
        child = parent.fork(40)
        self.appears(client, child)
        os.kill(child, signal.SIGUSR2)
        poll(lambda: len(manager.heard("FDSTORE=1")) == 3, "both segments and the table to be stored")
        client.call("tune.set", pid=parent.pid, tunables={"bin_cap": 64}, wait_ms=60000)
        first.terminate()
        self.assertEqual(first.wait(), 0)
        manager.receive()
        named = [(fd, name) for name, fds in manager.store.items() for fd in reversed(fds)]
        manager.messages.clear()
        second = self.launch(root, manager, named)
        client = self.client_of(run)
        for pid in (parent.pid, child):
            self.assertEqual(self.appears(client, pid)["family"], parent.pid)
            tuned = client.call("tune.get", pid=pid)["processes"][0]["tunables"]["bin_cap"]
            self.assertEqual((tuned["value"], tuned["source"]), (64, "operator"))
        # Whoever of them is named, both are meant.
        results = client.call("tune.reset", pid=child, wait_ms=60000)["results"]
        self.assertEqual({r["pid"]: r["status"] for r in results}, {parent.pid: "applied", child: "applied"})
        self.assertEqual(parent.command("show bin_cap")[:2], ["256", "default"])
        second.terminate()
        self.assertEqual(second.wait(), 0)

    def test_descriptor_store(self):
        root = self.directory()
        manager = self.manager(root)
        first = self.launch(root, manager, [])
        run = os.path.join(root, "run")
        client = self.client_of(run)
        stays = self.process(run, "--tick", "10", "--label", "kept")
        ends = self.process(run)
        parent = self.process(run)
        child = parent.fork(40)
        stays.command("count 0 2 100")
        ends.command("count 0 2 20")
        for pid in (stays.pid, ends.pid, parent.pid, child):
            self.appears(client, pid)
        poll(lambda: len(manager.heard("FDSTORE=1")) == 4, "three families and the table to be stored")
        self.assertEqual(sorted(len(fds) for fds in manager.store.values()), [1, 3, 3, 3])
        client.call("tune.set", pid=stays.pid, tunables={"bin_cap": 64}, life_s=1000, wait_ms=60000)
        generation = client.call("tune.set", pid=stays.pid, tunables={"thp": "madvise"},
                                 wait_ms=60000)["results"][0]["generation"]
        before = int(stays.command("page")[2])
        first.terminate()
        self.assertEqual(first.wait(), 0)
        manager.receive()
        self.assertEqual(len(manager.store), 4)

        # While no daemon runs one process ends, a parent leaves its child behind, counters go on.
        ends.command("count 0 2 5")
        ends.kill()
        parent.kill()
        stays.command("count 0 2 1")
        manager.messages.clear()
        named = [(fd, name) for name, fds in manager.store.items() for fd in reversed(fds)]
        second = self.launch(root, manager, named)
        client = self.client_of(run)
        entry = self.appears(client, stays.pid)
        self.assertEqual(entry["label"], "kept")
        self.assertEqual(client.call("info")["hellos_total"], 0)
        poll(lambda: stats(client, stays.pid)["allocs_total"] == 101, "its counters")
        self.assertEqual(self.appears(client, child)["family"], parent.pid)
        self.assertEqual(self.listed(client, ends.pid, dead=True)["allocs_total"], 25)
        poll(lambda: int(stays.command("page")[2]) > before, "the heartbeat to go on")
        self.assertEqual(stays.command("show bin_cap")[:2], ["64", "operator"])
        tuned = client.call("tune.get", pid=stays.pid)["processes"][0]["tunables"]["bin_cap"]
        self.assertIn(tuned["remaining_s"], range(900, 1001))
        result = client.call("tune.set", pid=stays.pid, tunables={"retain_percent": 1}, wait_ms=60000)["results"][0]
        self.assertEqual(result["status"], "applied")
        self.assertGreater(result["generation"], generation)
        # What ends from now on is taken out of the store.
        stays.kill()
        os.kill(child, 9)
        self.vanishes(client, stays.pid)
        poll(lambda: manager.heard("FDSTOREREMOVE=1") and set(manager.store) == {"table"}, "the store to be empty")
        # Numbers are used again, so that the names stay short.
        again = self.process(run)
        self.appears(client, again.pid)
        poll(lambda: manager.heard("") and set(manager.store) == {"table", "0"}, "one more to be stored")
        second.terminate()
        self.assertEqual(second.wait(), 0)

    @unittest.skipUnless(os.geteuid() == 0, "a mount namespace needs root")
    def test_journal(self):
        """Where stderr is the journal, its socket gets entries with fields; that it has a fixed place takes a
        mount namespace."""
        if subprocess.run(["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/run"], check=False,
                          stderr=subprocess.DEVNULL).returncode != 0:
            self.skipTest("no mount namespace here")
        root = self.directory()
        config = os.path.join(root, "hakmemd.json")
        with open(config, "w") as file:
            file.write("{}")
        journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(journal.close)
        journal.bind(os.path.join(root, "socket"))
        journal.settimeout(120)
        log = os.open(os.path.join(root, "log"), os.O_CREAT | os.O_WRONLY)
        self.addCleanup(os.close, log)
        st = os.fstat(log)
        run = os.path.join(root, "run")
        popen = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c",
             'mount -t tmpfs none /run && mkdir -p /run/systemd/journal && '
             'mount --bind "$0" /run/systemd/journal && exec "$@"', root,
             HAKMEMD, "--runtime-dir", run, "--interval-ms", "20", "--log-level", "debug", "--config", config],
            stderr=log, env=clean_environment(JOURNAL_STREAM=f"{st.st_dev}:{st.st_ino}"))
        self.addCleanup(popen.wait)
        self.addCleanup(popen.kill)

        def entry(event):
            while True:
                text = journal.recv(1 << 16).decode()
                fields = dict(line.split("=", 1) for line in text.splitlines())
                if fields.get("HAKMEM_EVENT") == event:
                    self.assertRegex(fields["MESSAGE_ID"], "^[0-9a-f]{32}$")
                    return fields

        poll(lambda: os.path.exists(os.path.join(run, "control")) or popen.poll() is not None, "the daemon")
        self.assertIsNone(popen.poll())
        started = entry("started")
        self.assertEqual((started["SYSLOG_IDENTIFIER"], started["PRIORITY"]), ("hakmemd", "6"))
        process = self.process(run)
        came = entry("process-came")
        self.assertEqual((came["HAKMEM_PID"], came["HAKMEM_UID"], came["HAKMEM_COMM"], came["PRIORITY"]),
                         (str(process.pid), "0", "segment_process", "7"))
        process.kill()
        self.assertEqual(entry("process-ended")["HAKMEM_PID"], str(process.pid))
        popen.terminate()
        self.assertNotEqual(entry("stopping")["MESSAGE_ID"], started["MESSAGE_ID"])
        self.assertEqual(popen.wait(), 0)
        self.assertEqual(os.path.getsize(os.path.join(root, "log")), 0)


if __name__ == "__main__":
    main()
