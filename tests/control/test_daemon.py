"""The daemon itself: options, start, one instance a directory, signals, stop, cost."""

import os
import shutil
import signal
import socket
import stat
import subprocess
import tempfile

from harness import HAKMEMD, Case, Daemon, clean_environment, main, poll


def run(*arguments, **env):
    done = subprocess.run([HAKMEMD, *arguments], capture_output=True, env=clean_environment(**env), timeout=120)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


class OptionsTest(Case):
    def test_help_and_version(self):
        status, out, err = run("--help")
        self.assertEqual((status, err), (0, ""))
        for option in ("--runtime-dir", "--interval-ms", "--config", "--check-config", "--user", "--log-level",
                       "--version", "--help"):
            self.assertIn(option, out)
        self.assertLessEqual(max(len(line) for line in out.splitlines()), 100)
        status, out, err = run("--version")
        self.assertEqual((status, err), (0, ""))
        self.assertRegex(out, r"^hakmemd \d+\.\d+\.\d+, segment ABI 1\.\d+, libsystemd (yes|no)\n$")

    def test_what_is_not_understood(self):
        for arguments, text in (
            (["--intervall-ms", "5"], "no such option: --intervall-ms; nearest: --interval-ms"),
            (["--frobnicate"], "no such option: --frobnicate"),
            (["-x"], "no such option"),
            (["--interval-ms", "19"], "'19' is not a number from 20 to 60000"),
            (["--interval-ms", "60001"], "from 20 to 60000"),
            (["--interval-ms", "1s"], "'1s' is not a number"),
            (["--interval-ms", "-5"], "not a number"),
            (["--interval-ms"], "a value is missing after --interval-ms"),
            (["--log-level", "loud"], "--log-level"),
            (["--runtime-dir", ""], "a directory is wanted"),
            (["extra"], "no arguments are taken"),
        ):
            status, out, err = run(*arguments)
            self.assertEqual((status, out), (2, ""), arguments)
            self.assertIn(text, err)


    def test_every_option_overrides(self):
        daemon = self.daemon(config={"interval_ms": 5000, "log_level": "error"}, interval_ms=40, log_level="debug")
        self.assertEqual(daemon.client().call("info")["interval_ms"], 40)
        self.assertIn("info: hakmemd", daemon.log())
        daemon.reload()
        self.assertEqual(daemon.client().call("info")["interval_ms"], 40)


class DirectoryTest(Case):
    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="hakmem-test-")
        self.addCleanup(shutil.rmtree, self.root, ignore_errors=True)

    def start(self, *arguments, cwd=None, **env):
        """A daemon whose directory is found by itself; returns it with that directory."""
        log = open(os.path.join(self.root, "log"), "w+b")
        self.addCleanup(log.close)
        popen = subprocess.Popen([HAKMEMD, *arguments], stderr=log, cwd=cwd,
                                 env=clean_environment(HOME=self.root, **env))

        def end():
            if popen.poll() is None:
                popen.terminate()
            popen.wait()

        self.addCleanup(end)

        def said():
            log.seek(0)
            text = log.read().decode()
            return text if " serves " in text or popen.poll() is not None else None

        text = poll(said, "the daemon")
        return popen, text

    def serves(self, text):
        return text.split(" serves ")[1].split(",")[0]

    def test_order_of_the_places(self):
        a, b, c = (os.path.join(self.root, name) for name in "abc")
        for arguments, env, expected in (
            (["--runtime-dir", a], {"HAKMEM_RUNTIME_DIR": b, "RUNTIME_DIRECTORY": c}, a),
            ([], {"HAKMEM_RUNTIME_DIR": b, "RUNTIME_DIRECTORY": c}, b),
            ([], {"RUNTIME_DIRECTORY": c + ":" + a}, c),
            (["--user"], {"XDG_RUNTIME_DIR": self.root}, self.root + "/hakmem"),
        ):
            popen, text = self.start(*arguments, **env)
            self.assertEqual(self.serves(text), expected)
            popen.terminate()
            self.assertEqual(popen.wait(), 0)

    def test_a_relative_directory(self):
        os.mkdir(os.path.join(self.root, "here"))
        popen, text = self.start("--runtime-dir", "here/run", cwd=self.root)
        self.assertEqual(self.serves(text), self.root + "/here/run")
        popen.terminate()
        self.assertEqual(popen.wait(), 0)
        self.assertEqual(os.listdir(self.root + "/here/run"), [])

    def test_modes(self):
        popen, _ = self.start("--user", XDG_RUNTIME_DIR=self.root)
        folder = self.root + "/hakmem"
        self.assertEqual(stat.S_IMODE(os.stat(folder).st_mode), 0o700)
        for name in ("hello", "control"):
            self.assertEqual(stat.S_IMODE(os.stat(f"{folder}/{name}").st_mode), 0o600)
        popen.terminate()
        popen.wait()
        if os.getuid() == 0:
            folder = self.root + "/host"
            self.start("--runtime-dir", folder)
            self.assertEqual(stat.S_IMODE(os.stat(folder).st_mode), 0o755)
            for name in ("hello", "control"):
                self.assertEqual(stat.S_IMODE(os.stat(f"{folder}/{name}").st_mode), 0o666)

    def test_directories_that_will_not_do(self):
        loose = os.path.join(self.root, "loose")
        os.mkdir(loose)
        os.chmod(loose, 0o777)
        file = os.path.join(self.root, "file")
        open(file, "w").close()
        link = os.path.join(self.root, "link")
        os.mkdir(os.path.join(self.root, "target"))
        os.symlink("target", link)
        cases = [(loose, "others may write"), (file, "Not a directory"), (link, "Not a directory"),
                 (self.root + "/no/such/parent", "cannot be made"), ("/" + "x" * 200, "too long")]
        if os.getuid() == 0:
            foreign = os.path.join(self.root, "foreign")
            os.mkdir(foreign)
            os.chown(foreign, 41001, 41001)
            cases.append((foreign, "owned by somebody else"))
        for folder, text in cases:
            status, _, err = run("--runtime-dir", folder)
            self.assertEqual(status, 1, folder)
            self.assertIn(text, err)


class InstanceTest(Case):
    def test_second_one_is_refused(self):
        daemon = self.daemon()
        process = self.process(daemon)
        status, _, err = run("--runtime-dir", daemon.run)
        self.assertEqual(status, 1)
        self.assertIn(f"another hakmemd (process {daemon.pid}) serves {daemon.run}", err)
        self.appears(daemon.client(), process.pid)

    def test_stale_sockets_are_replaced(self):
        daemon = self.daemon()
        daemon.end(signal.SIGKILL)
        self.assertTrue(os.path.exists(daemon.control))
        second = self.daemon(directory=daemon.root)
        self.assertEqual(second.client().call("info")["pid"], second.pid)

    def test_clean_stop(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            daemon = self.daemon()
            process = self.process(daemon)
            client = daemon.client()
            self.appears(client, process.pid)
            client.call("subscribe")
            client.start("trim", pid=process.pid, wait_ms=60000)
            daemon.popen.send_signal(number)
            self.assertEqual(daemon.popen.wait(120), 0)
            self.assertEqual(os.listdir(daemon.run), [])
            self.assertIsNone(process.popen.poll())
            while client.read_line() is not None:
                pass

    def test_many_starting_at_once(self):
        root = tempfile.mkdtemp(prefix="hakmem-test-")
        self.addCleanup(shutil.rmtree, root, ignore_errors=True)
        daemons = [Daemon(directory=root, wait=False) for _ in range(8)]
        for daemon in daemons:
            self.addCleanup(daemon.close)
        poll(lambda: sum(d.popen.poll() is None for d in daemons) == 1, "all but one to give up")
        poll(daemons[0].answers, "the one that is left")
        left = next(d for d in daemons if d.popen.poll() is None)
        self.assertEqual(left.client().call("info")["pid"], left.pid)
        self.assertEqual(left.end(), 0)

    def test_survives_pipes_that_close(self):
        daemon = self.daemon()
        client = daemon.client()
        for _ in range(20):
            other = daemon.client()
            other.start("info")
            other.close()
        self.assertEqual(client.call("info")["pid"], daemon.pid)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listening.connect(daemon.control)
        listening.close()
        self.assertEqual(client.call("info")["pid"], daemon.pid)


class ScaleTest(Case):
    def test_a_thousand_processes(self):
        daemon = self.daemon(interval_ms=200, log_level="info", limits={"processes": 4000, "hellos_per_s": 100000})
        client = daemon.client()
        swarm = self.process(daemon, "--swarm", "1000", expect_ok=False)
        poll(lambda: client.call("info")["processes"] == 1000, "a thousand processes")
        self.assertEqual(client.call("info")["hellos_refused_total"], 0)
        found = client.call("list")["processes"]
        self.assertEqual(len(found), 1000)
        self.assertEqual([p["pid"] for p in found], sorted(p["pid"] for p in found))
        host = client.call("stats", scope="host", classes=True)["host"]
        self.assertEqual(host["totals"]["allocs_total"], sum(1000 + i for i in range(1000)))
        self.assertEqual(len(client.call("stats", classes=True)["processes"]), 1000)
        results = client.call("tune.set", all=True, tunables={"bin_cap": 64}, wait_ms=0)["results"]
        self.assertEqual(len(results), 1000)
        swarm.close()
        poll(lambda: client.call("info")["processes"] == 0, "their end")
        host = client.call("stats", scope="host")["host"]
        self.assertEqual(host["totals"]["allocs_total"], sum(1000 + i for i in range(1000)))


if __name__ == "__main__":
    main()
