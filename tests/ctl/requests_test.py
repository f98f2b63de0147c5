"""What hakmemctl asks a daemon, and what it makes of the answers: exit statuses, sentences, lost daemons."""
import json
import os
import signal
import socket
import subprocess
import unittest

from fake_daemon import FakeDaemon, Refusal, process
from tool import TOOL, Case, environment, wait_until


class Requests(Case):
    def setUp(self):
        super().setUp()
        self.daemon = FakeDaemon(self.dir)
        self.addCleanup(self.daemon.stop)

    def sent(self, method, *words, status=0):
        self.daemon.requests.clear()
        self.must(*words, status=status)
        return self.daemon.params(method)

    def test_selectors(self):
        self.assertEqual(self.sent("list", "list"), {})
        self.assertEqual(self.sent("list", "list", "--pid", "4242", "4343"), {"pid": [4242, 4343]})
        self.assertEqual(self.sent("list", "list", "--comm", "server", "--uid", "root", "--dead"),
                         {"comm": "server", "uid": 0, "dead": True})
        self.assertEqual(self.sent("stats", "stats", "--family", "4242", "--classes"),
                         {"family": 4242, "scope": "process", "classes": True})
        self.assertEqual(self.sent("stats", "stats", "host"), {"scope": "host"})

    def test_tuning(self):
        self.assertEqual(self.sent("tune.set", "tune", "4242", "retain_bytes=64MiB", "refill_batch.64=8",
                                   "--life", "10min", "--wait", "0.5"),
                         {"pid": [4242], "tunables": {"retain_bytes": "64MiB", "refill_batch.64": "8"},
                          "life_s": 600, "wait_ms": 500})
        self.assertEqual(self.sent("tune.reset", "tune", "--all", "--reset", "retain_bytes", "refill_batch.64"),
                         {"all": True, "names": ["retain_bytes", "refill_batch.64"]})
        self.assertEqual(self.sent("tune.reset", "tune", "--all", "--reset"), {"all": True})
        self.assertEqual(self.sent("tune.get", "tune", "--get"), {})
        self.assertEqual(self.sent("trim", "trim", "--all", "--wait", "0"), {"all": True, "wait_ms": 0})
        self.assertEqual(self.sent("flush", "flush", "--comm", "server"), {"comm": "server"})

    def test_subscribing(self):
        self.assertEqual(self.sent("subscribe", "stats", "4242", "--interval", "2", "--count", "2"),
                         {"pid": [4242], "scope": "process", "every_ms": 2000})
        self.assertEqual(self.sent("subscribe", "stats", "--interval", "250ms", "--count", "2"),
                         {"scope": "host", "every_ms": 250})

    def test_what_is_not_applied_ends_with_one(self):
        for status in ("pending", "rejected", "gone"):
            self.daemon.status, self.daemon.reason = status, "because of this"
            out = self.must("tune", "--all", "refill_batch=200", status=1)
            self.assertIn(status, out)
            self.assertIn("because of this", out)
            self.must("trim", "--all", status=1)
            got = json.loads(self.must("flush", "--all", "--json", status=1))
            self.assertEqual(got["results"][0]["status"], status)

    def test_a_process_that_is_not_there(self):
        for words in (["list"], ["stats"], ["tune", "--get"], ["trim"], ["tune", "refill_batch=200"]):
            status, out, err = self.at(*words, "4242", "99")
            self.assertEqual(status, 1, words)
            self.assertIn("4242", out)
            self.assertIn("process 99: not found", err)
            status, out, err = self.at(*words, "99")
            self.assertEqual((status, out), (1, ""))
            self.assertEqual(err, "hakmemctl: no process matches the selector\n")

    def test_the_daemons_errors_are_sentences(self):
        self.daemon.refuse["tune.set"] = Refusal(-32001, "process 4242 belongs to www-data: not allowed")
        status, out, err = self.at("tune", "4242", "refill_batch=200")
        self.assertEqual((status, out), (1, ""))
        self.assertEqual(err, "hakmemctl: process 4242 belongs to www-data: not allowed\n")

    def test_a_value_the_daemon_refuses_is_a_usage_error(self):
        status, out, err = self.at("tune", "4242", "refill_batch.300=8")
        self.assertEqual((status, out), (2, ""))
        self.assertEqual(err, "hakmemctl: refill_batch.300: process 4242 has no such size class\n")

    def test_a_daemon_that_lacks_a_method(self):
        self.daemon.refuse["schema"] = Refusal(-32601, "no such method: schema", {"methods": ["list"]})
        self.assertEqual(self.at("schema"), (1, "", "hakmemctl: no such method: schema\n"))

    def test_a_limit_met_at_the_door(self):
        self.daemon.raw = b'{"jsonrpc":"2.0","id":null,"error":{"code":-32003,"message":"too many clients"}}\n'
        self.assertEqual(self.at("list"), (1, "", "hakmemctl: too many clients\n"))

    def test_notifications_in_between_are_let_pass(self):
        self.daemon.raw = (b'{"jsonrpc":"2.0","method":"stats","params":{}}\n'
                           b'{"jsonrpc":"2.0","id":77,"result":{"processes":[]}}\n'
                           b'{"jsonrpc":"2.0","id":1,"result":{"processes":[{"pid":5}]}}\n')
        self.assertEqual(json.loads(self.must("list", "--json")), {"processes": [{"pid": 5}]})

    def test_answers_of_many_megabytes(self):
        self.daemon.processes = [process(i, exe="/x" * 200) for i in range(1, 5001)]
        self.assertEqual(len(self.must("list").splitlines()), 5001)


class LostDaemons(Case):
    def setUp(self):
        super().setUp()
        self.daemon = FakeDaemon(self.dir)
        self.addCleanup(self.daemon.stop)

    def expect(self, *said):
        status, out, err = self.at("list")
        self.assertEqual((status, out), (3, ""))
        for text in said:
            self.assertIn(text, err)

    def test_one_that_hangs_up(self):
        self.daemon.hang_up = True
        self.expect("closed the connection", self.dir)

    def test_one_that_is_none(self):
        for raw in (b"HTTP/1.1 400 Bad Request\r\n\r\n", b"[]\n", b"\n", b"\x00\xff\n", b'{"id":1}{"id":1}\n',
                    b'{"id":1} x\n'):
            self.daemon.raw = raw
            self.expect("it does not speak JSON-RPC")

    def test_one_that_answers_neither_way(self):
        self.daemon.raw = b'{"jsonrpc":"2.0","id":1}\n'
        self.expect("neither a result nor an error")

    def test_answers_of_the_wrong_shape(self):
        for raw in (b'{"id":1,"result":{}}\n', b'{"id":1,"result":7}\n', b'{"id":1,"result":{"processes":{"a":1}}}\n'):
            self.daemon.raw = raw
            status, _, err = self.at("list")
            self.assertEqual(status, 1, raw)
            self.assertIn("answered without the list of processes", err)
        self.daemon.raw = b'{"id":1,"result":{"processes":[3,null,"x",{"pid":"y","comm":9}],"host":[],"units":7}}\n'
        for words in (["list"], ["stats", "host"], ["stats", "--all"], ["tune", "--get", "--all"], ["info"],
                      ["schema"]):
            self.must(*words)

    def test_one_that_stays_silent(self):
        self.daemon.silent = True
        self.expect("does not answer")


class Watching(Case):
    def setUp(self):
        super().setUp()
        self.daemon = FakeDaemon(self.dir)
        self.addCleanup(self.daemon.stop)

    def watch(self, *words):
        return subprocess.Popen([TOOL, "--runtime-dir", self.dir, "stats", *words], env=environment(), text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def test_titles_come_once_for_many_lines(self):
        lines = self.must("stats", "4242", "--interval", "1", "--count", "21").splitlines()
        titles = [i for i, l in enumerate(lines) if l.startswith("TIME")]
        self.assertEqual((len(lines), titles), (23, [0, 21]))

    def test_an_interrupt_ends_it_well(self):
        with self.watch("4242", "--interval", "1") as tool:
            for _ in range(4):
                self.assertTrue(tool.stdout.readline())
            tool.send_signal(signal.SIGINT)
            _, err = tool.communicate(timeout=120)
        self.assertEqual((tool.returncode, err), (0, ""))

    def test_an_interrupt_while_nothing_comes(self):
        self.daemon.ticks = 0
        with self.watch("4242", "--interval", "1h") as tool:
            wait_until(lambda: any(m == "subscribe" for m, _ in self.daemon.requests), "subscribe")
            tool.send_signal(signal.SIGINT)
            _, err = tool.communicate(timeout=120)
        self.assertEqual((tool.returncode, err), (0, ""))

    def test_it_ends_with_the_process(self):
        self.daemon.vanish_after = 2
        status, out, err = self.at("stats", "4242", "--interval", "1")
        self.assertEqual((status, err), (1, "hakmemctl: what was watched has ended\n"))
        self.assertGreaterEqual(len(out.splitlines()), 3)

    def test_it_ends_with_the_daemon(self):
        self.daemon.ticks, self.daemon.after_ticks = 2, "close"
        status, out, err = self.at("stats", "--interval", "1")
        self.assertEqual(status, 3)
        self.assertIn("closed the connection", err)
        self.assertEqual(len(out.splitlines()), 4)

    def test_several_processes_are_blocks(self):
        out = self.must("stats", "--all", "--interval", "1", "--count", "3", "--width", "80")
        self.assertEqual(len(out.split("\n\n")), 3)
        self.assertEqual(out.count("4343"), 3)

    def test_a_reader_that_has_enough(self):
        with self.watch("--interval", "1") as tool:
            tool.stdout.readline()
            tool.stdout.close()
            tool.wait(120)
            self.assertEqual((tool.returncode, tool.stderr.read()), (-signal.SIGPIPE, ""))


class Finding(Case):
    def test_the_first_place_that_answers(self):
        own = os.path.join(self.dir, "hakmem")
        os.mkdir(own, 0o700)
        with FakeDaemon(own):
            status, out, _ = self.ctl("info", "--json", env=environment(HAKMEM_RUNTIME_DIR=None,
                                                                        XDG_RUNTIME_DIR=self.dir))
        self.assertEqual(status, 0)
        self.assertIn(json.loads(out)["runtime_dir"], (own, "/run/hakmem"))

    def test_the_variable_and_the_option(self):
        with FakeDaemon(self.dir):
            self.assertEqual(self.ctl("list", env=environment(HAKMEM_RUNTIME_DIR=self.dir))[0], 0)
            self.assertEqual(self.ctl("list", "--runtime-dir", self.dir)[0], 0)
            self.assertEqual(self.ctl("list", "--runtime-dir", ".", cwd=self.dir)[0], 0)
            status, _, err = self.ctl("-v", "list", "--runtime-dir", self.dir)
            self.assertEqual((status, err), (0, f"hakmemctl: the daemon in {self.dir}\n"))

    def test_a_socket_that_is_full(self):
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(os.path.join(self.dir, "control"))
            s.listen(0)
            waiting = [socket.socket(socket.AF_UNIX) for _ in range(2)]
            for w in waiting:
                w.setblocking(False)
                try:
                    w.connect(os.path.join(self.dir, "control"))
                except BlockingIOError:
                    pass
            status, _, err = self.at("list")
            for w in waiting:
                w.close()
        self.assertEqual(status, 3)
        self.assertIn("does not accept connections", err)


if __name__ == "__main__":
    unittest.main()
