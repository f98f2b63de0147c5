"""The control protocol: framing, errors, limits, subscriptions."""

import json
import os
import socket

from harness import Case, Client, RpcError, main, poll

METHODS = {"info", "list", "stats", "tune.get", "tune.set", "tune.reset", "trim", "flush", "subscribe",
           "unsubscribe", "schema"}


class FramingTest(Case):
    def setUp(self):
        self.server = self.daemon()
        self.client = self.server.client()

    def error(self, line):
        answer = self.client.raw(line)
        self.assertEqual(answer["jsonrpc"], "2.0")
        self.assertNotIn("result", answer)
        return answer["id"], answer["error"]

    def test_not_json(self):
        for line, at in (("{", None), ("hello", 0), ('{"a":}', 5), ("[1,2", None), ("{} x", 3), ("\x01", 0)):
            number, error = self.error(line)
            self.assertEqual((number, error["code"]), (None, -32700), line)
            self.assertIn("at", error["data"])
            if at is not None:
                self.assertEqual(error["data"]["at"], at, line)

    def test_not_a_request(self):
        for line in ("[]", '[{"jsonrpc":"2.0","id":1,"method":"info"}]', "7", '"info"', "null", "{}",
                     '{"jsonrpc":"2.0","id":1}', '{"id":1,"method":"info"}',
                     '{"jsonrpc":"1.0","id":1,"method":"info"}', '{"jsonrpc":"2.0","id":{},"method":"info"}',
                     '{"jsonrpc":"2.0","id":1,"method":7}',
                     '{"jsonrpc":"2.0","id":1,"method":"info","parms":{}}'):
            _, error = self.error(line)
            self.assertEqual(error["code"], -32600, line)

    def test_ids(self):
        for number in (1, 0, -5, "x", "", "ä\"\\\n", None, 1.5, 9007199254740991):
            answer = self.client.raw(json.dumps({"jsonrpc": "2.0", "id": number, "method": "info"}))
            self.assertEqual(answer["id"], number)
            self.assertIn("result", answer)
        _, error = self.error(json.dumps({"jsonrpc": "2.0", "id": "x" * 1000, "method": "info"}))
        self.assertEqual(error["code"], -32600)

    def test_notifications_are_not_answered(self):
        for method in ("info", "nothing", "trim"):
            self.client.send(json.dumps({"jsonrpc": "2.0", "method": method}) + "\n")
        self.client.send('{"jsonrpc":"2.0","method":"list","params":[]}\n')
        self.assertEqual(self.client.raw('{"jsonrpc":"2.0","id":9,"method":"info"}')["id"], 9)

    def test_unknown_method(self):
        number, error = self.error('{"jsonrpc":"2.0","id":3,"method":"lsit"}')
        self.assertEqual((number, error["code"]), (3, -32601))
        self.assertIn("lsit", error["message"])
        self.assertEqual(set(error["data"]["methods"]), METHODS)

    def test_parameters(self):
        wrong = [
            ("list", {"pids": 1}, "pids"), ("list", {"classes": True}, "classes"),
            ("info", {"pid": 1}, "pid"), ("schema", {"all": True}, "all"),
            ("list", {"pid": "1"}, "pid"), ("list", {"pid": 1.5}, "pid"), ("list", {"pid": -1}, "pid"),
            ("list", {"pid": 0}, "pid"), ("list", {"pid": []}, "pid"), ("list", {"pid": [1, "x"]}, "pid"),
            ("list", {"pid": 1e99}, "pid"), ("list", {"comm": 5}, "comm"), ("list", {"comm": ["a"]}, "comm"),
            ("list", {"unit": "[a"}, "unit"), ("list", {"label": "a\\"}, "label"),
            ("list", {"exe": "x" * 600}, "exe"), ("list", {"uid": "root"}, "uid"), ("list", {"uid": -1}, "uid"),
            ("list", {"family": None}, "family"), ("list", {"all": "yes"}, "all"), ("list", {"dead": 1}, "dead"),
            ("stats", {"scope": "planet"}, "scope"), ("stats", {"classes": 0}, "classes"),
            ("tune.set", {"all": True, "tunables": []}, "tunables"),
            ("tune.set", {"all": True, "tunables": {}}, "tunables"),
            ("tune.set", {"all": True, "tunables": {"bin_cap": 5}, "life_s": -1}, "life_s"),
            ("tune.set", {"all": True, "tunables": {"bin_cap": 5}, "wait_ms": 60001}, "wait_ms"),
            ("tune.reset", {"all": True, "names": "bin_cap"}, "names"),
            ("tune.reset", {"all": True, "names": ["bin_kap"]}, "bin_kap"),
            ("tune.reset", {"all": True, "names": [5]}, "names"),
            ("subscribe", {"every_ms": 0}, "every_ms"), ("unsubscribe", {}, "subscription"),
            ("unsubscribe", {"subscription": 5}, "subscription"),
        ]
        for method, params, name in wrong:
            error = self.fails(-32602, self.client.call, method, **params)
            self.assertEqual(error.data, {"param": name}, (method, params))
            self.assertIn(name, error.message)
        number, error = self.error('{"jsonrpc":"2.0","id":3,"method":"list","params":[1]}')
        self.assertEqual((number, error["code"]), (3, -32602))
        answer = self.client.raw('{"jsonrpc":"2.0","id":3,"method":"list","params":{"pid":1,"pid":2}}')
        self.assertIn("twice", answer["error"]["message"])

    def test_params_may_be_null_or_absent(self):
        for params in ("", ',"params":null', ',"params":{}'):
            answer = self.client.raw('{"jsonrpc":"2.0","id":1,"method":"list"%s}' % params)
            self.assertEqual(answer["result"], {"processes": []})

    def test_lines_in_pieces_and_in_heaps(self):
        line = '{"jsonrpc":"2.0","id":%d,"method":"info"}\n'
        for i in range(0, len(line % 1), 7):
            self.client.send((line % 1)[i : i + 7])
            # Each piece is a message of its own for the daemon, or not: both must do.
        self.assertEqual(self.client.read()["id"], 1)
        self.client.send("".join(line % i for i in range(200)))
        self.assertEqual([self.client.read()["id"] for _ in range(200)], list(range(200)))
        self.client.send("\n \r\n\n" + line % 5)
        self.assertEqual(self.client.read()["id"], 5)
        self.client.send((line % 6).replace("\n", "\r\n"))
        self.assertEqual(self.client.read()["id"], 6)

    def test_long_lines(self):
        pad = " " * 1000000
        answer = self.client.raw('{"jsonrpc":"2.0","id":1,%s"method":"info"}' % pad)
        self.assertEqual(answer["id"], 1)
        self.client.send(b"x" * (1 << 20) + b"\n")
        self.assertEqual(self.client.read()["error"]["code"], -32700)
        try:
            self.client.send(b"x" * ((1 << 20) + 70000))
        except (BrokenPipeError, ConnectionResetError):
            pass
        answer = self.client.read()
        self.assertEqual(answer["error"]["code"], -32600)
        self.assertIn("longer", answer["error"]["message"])
        self.assertIsNone(self.client.read())
        other = self.server.client()
        try:
            other.send(b"x" * ((1 << 20) + 70000) + b"\n" + b'{"jsonrpc":"2.0","id":1,"method":"info"}\n')
        except (BrokenPipeError, ConnectionResetError):
            pass
        self.assertEqual(other.read()["error"]["code"], -32600)
        self.assertIsNone(other.read())

    def test_deep_and_wide_requests(self):
        for line in ("[" * 100000, '{"a":' * 50000, "[" * 900 + "]" * 900,
                     '{"jsonrpc":"2.0","id":1,"method":"list","params":{"pid":[%s]}}' % ",".join(["1"] * 100000)):
            answer = self.client.raw(line)
            self.assertIn(answer["error"]["code"], (-32700, -32600, -32602))
        answer = self.client.raw('{"jsonrpc":"2.0","id":1,"method":"list","params":{"comm":"%s"}}'
                                 % ("*a" * 200 + "b"))
        self.assertEqual(answer["error"]["code"], -32002)

    def test_last_line_without_its_end(self):
        self.client.send('{"jsonrpc":"2.0","id":1,"method":"info"}')
        self.client.socket.shutdown(socket.SHUT_WR)
        self.assertEqual(self.client.read()["id"], 1)
        self.assertIsNone(self.client.read())

    def test_bytes_that_are_not_utf8(self):
        self.client.send(b'{"jsonrpc":"2.0","id":"\xff\xc3","method":"\x80\xfe"}\n')
        answer = self.client.read()
        self.assertEqual(answer["id"], "\ufffd\ufffd")
        self.assertEqual(answer["error"]["code"], -32601)

    def test_schema_is_whole(self):
        schema = self.client.call("schema")
        tunables = {t["name"] for t in schema["tunables"] if not t["per_class"]}
        source = os.environ.get("HAKMEM_SOURCE", os.path.join(os.path.dirname(__file__), "../.."))
        with open(os.path.join(source, "shm", "tunables.def")) as file:
            rows = [line.split("(")[1].split(",")[0] for line in file
                    if line.startswith("HK_TUNABLE(")]
        self.assertEqual(tunables, set(rows))
        with open(os.path.join(source, "shm", "counters.def")) as file:
            text = file.read()
        rows = [line.split("(")[1].split(",")[0] for line in text.splitlines()
                if line.startswith(("HK_CLASS_COUNTER(", "HK_HEAP_COUNTER(", "HK_PROCESS_COUNTER("))]
        stored = [c["name"] for c in schema["counters"] if not c["derived"]]
        self.assertEqual(sorted(stored), sorted(rows))
        thp = next(t for t in schema["tunables"] if t["name"] == "thp")
        self.assertEqual(thp["choices"], ["off", "madvise", "large"])
        self.assertEqual(thp["default"], "off")
        self.assertEqual(thp["type"], "choice")


class SubscriptionTest(Case):
    def test_notifications(self):
        daemon = self.daemon()
        client = daemon.client()
        process = self.process(daemon)
        self.appears(client, process.pid)
        number = client.call("subscribe", pid=process.pid, classes=True, every_ms=30)["subscription"]
        process.command("count 0 2 500")

        def arrived():
            note = client.notification()
            self.assertEqual(note["method"], "stats")
            self.assertEqual(note["params"]["subscription"], number)
            self.assertEqual(note["params"]["interval_ms"], 20)
            return [p for p in note["params"]["processes"] if p["allocs_total"] == 500]

        self.assertEqual(poll(arrived, "the counters")[0]["pid"], process.pid)
        second = client.call("subscribe", scope="host")["subscription"]
        self.assertNotEqual(second, number)
        poll(lambda: "host" in client.notification()["params"], "the other subscription")
        # Requests are answered meanwhile, and the subscription goes on after its process.
        process.kill()
        poll(lambda: client.notification()["params"].get("processes") == [], "an empty answer")
        for which in (number, second):
            self.assertEqual(client.call("unsubscribe", subscription=which), {"subscription": which})
        client.notifications.clear()
        before = client.call("info")["samples_total"]
        poll(lambda: client.call("info")["samples_total"] > before + 5, "samples")
        self.assertEqual(client.notifications, [])

    def test_number_is_limited(self):
        daemon = self.daemon(limits={"subscriptions": 2})
        client = daemon.client()
        for _ in range(2):
            client.call("subscribe", every_ms=1000)
        error = self.fails(-32003, client.call, "subscribe")
        self.assertEqual(error.data, {"limit": "subscriptions"})

    def test_slow_reader_is_passed_over_and_dropped(self):
        daemon = self.daemon(limits={"stall_s": 1})
        client = daemon.client()
        self.process(daemon, "--swarm", "30", expect_ok=False)
        poll(lambda: client.call("info")["processes"] == 30, "the processes")
        slow = daemon.client()
        slow.call("subscribe", classes=True)
        # It never reads; others are served all the while, and in the end it is let go of.
        poll(lambda: client.call("info")["clients"] == 1, "the slow client to be dropped")
        self.assertIn("reads nothing", daemon.log())
        self.assertEqual(len(client.call("list")["processes"]), 30)

    def test_skipped_notifications_are_counted(self):
        daemon = self.daemon(limits={"stall_s": 3600})
        client = daemon.client()
        self.process(daemon, "--swarm", "30", expect_ok=False)
        poll(lambda: client.call("info")["processes"] == 30, "the processes")
        slow = daemon.client()
        slow.call("subscribe", classes=True)
        # More samples go by than notifications fit into a socket.
        before = client.call("info")["samples_total"]
        poll(lambda: client.call("info")["samples_total"] > before + 100, "samples")
        poll(lambda: slow.notification()["params"]["skipped"] > 0, "a gap that is counted")


class LimitTest(Case):
    def test_clients(self):
        daemon = self.daemon(limits={"clients": 3})
        clients = [poll(lambda: self.comes_in(daemon), "a place") for _ in range(3)]
        extra = daemon.client()
        answer = extra.read()
        self.assertEqual(answer["error"]["code"], -32003)
        self.assertEqual(answer["error"]["data"], {"limit": "clients"})
        self.assertIsNone(answer["id"])
        self.assertIsNone(extra.read())
        clients[0].close()
        poll(lambda: self.comes_in(daemon), "a free place")

    def comes_in(self, daemon):
        client = daemon.client()
        try:
            client.call("info")
            return client
        except (AssertionError, RpcError, BrokenPipeError):
            return None

    def test_requests_a_second(self):
        daemon = self.daemon(limits={"requests_per_s": 1})
        client = daemon.client()
        line = '{"jsonrpc":"2.0","id":%d,"method":"info"}\n'
        client.send("".join(line % i for i in range(50)))
        answers = [client.read() for _ in range(50)]
        self.assertEqual([a["id"] for a in answers], list(range(50)))
        refused = [a for a in answers if "error" in a]
        self.assertTrue(0 < len(refused) < 50)
        self.assertEqual(refused[0]["error"]["data"], {"limit": "requests_per_s"})
        # It is a matter of time, and then goes on.
        poll(lambda: "result" in client.raw(line.strip() % 1), "the next second")

    def test_waiting_requests(self):
        daemon = self.daemon()
        client = daemon.client()
        process = self.process(daemon)
        self.appears(client, process.pid)
        for _ in range(64):
            client.start("flush", pid=process.pid, wait_ms=60000)
        error = self.fails(-32003, client.call, "flush", pid=process.pid, wait_ms=60000)
        self.assertEqual(error.data, {"limit": "waits"})
        process.command("slow")
        for _ in range(64):
            self.assertEqual(client.read()["result"]["results"][0]["status"], "applied")

    def test_answers_that_nobody_reads(self):
        daemon = self.daemon(limits={"requests_per_s": 100000})
        client = daemon.client()
        self.process(daemon, "--swarm", "20", expect_ok=False)
        poll(lambda: client.call("info")["processes"] == 20, "the processes")
        greedy = daemon.client()
        greedy.socket.setblocking(False)
        line = b'{"jsonrpc":"2.0","id":1,"method":"stats","params":{"classes":true}}\n'
        # The daemon stops reading once too much is unread, so that sending gets stuck.
        sent = 0
        try:
            for _ in range(100000):
                sent += greedy.socket.send(line * 10)
        except BlockingIOError:
            pass
        self.assertLess(sent, len(line) * 1000000)
        self.assertEqual(client.call("info")["processes"], 20)
        greedy.socket.setblocking(True)
        greedy.socket.settimeout(120)
        for _ in range(sent // len(line)):
            self.assertEqual(len(greedy.read()["result"]["processes"]), 20)


class SocatTest(Case):
    def test_one_line_in_one_line_out(self):
        # What docs/protocol.md shows: send, stop sending, read.
        daemon = self.daemon()
        client = Client(daemon.control)
        client.send('{"jsonrpc":"2.0","id":1,"method":"list"}\n')
        client.socket.shutdown(socket.SHUT_WR)
        self.assertEqual(client.read(), {"jsonrpc": "2.0", "id": 1, "result": {"processes": []}})
        self.assertIsNone(client.read())
        client.close()


if __name__ == "__main__":
    main()
