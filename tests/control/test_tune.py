"""Tuning: set, acknowledged, lapsed, taken back, and kept across a restart of the daemon."""

import os
import signal

from harness import Case, main, poll


def tuned(client, pid, name):
    return client.call("tune.get", pid=pid)["processes"][0]["tunables"][name]


class TuneTest(Case):
    def test_set_and_reset(self):
        daemon = self.daemon()
        client = daemon.client()
        process = self.process(daemon, "--tick", "10")
        self.appears(client, process.pid)
        result = client.call("tune.set", pid=process.pid, wait_ms=60000,
                             tunables={"bin_cap": 256, "retain_bytes": "64MiB", "thp": "madvise",
                                       "refill_batch.256": 77})["results"]
        self.assertEqual(len(result), 1)
        self.assertEqual(result[0]["status"], "applied", result)
        self.assertEqual(result[0]["pid"], process.pid)
        self.assertIsNone(result[0]["reason"])
        generation = result[0]["generation"]
        self.assertGreater(generation, 0)
        self.assertEqual(process.command("show bin_cap"), ["256", "operator", str(generation), "0", "applied"])
        self.assertEqual(process.command("show refill_batch.256")[0], "77")
        self.assertEqual(process.command("show thp")[0], "1")

        entry = client.call("tune.get", pid=process.pid)["processes"][0]
        self.assertEqual(entry["generation_published"], generation)
        self.assertEqual(entry["generation_applied"], generation)
        self.assertEqual(entry["tunables"]["retain_bytes"],
                         {"value": 64 << 20, "effective": 64 << 20, "default": 2 << 20, "min": 0, "max": 1 << 40,
                          "unit": "bytes", "source": "operator", "generation": generation,
                          "remaining_s": None, "verdict": "applied"})
        self.assertEqual(entry["tunables"]["thp"]["value"], "madvise")
        self.assertEqual(entry["tunables"]["thp"]["default"], "off")
        self.assertEqual(entry["tunables"]["refill_batch.256"]["value"], 77)
        self.assertEqual(entry["tunables"]["heap_cache_bytes"]["source"], "default")
        stats = client.call("stats", pid=process.pid)["processes"][0]
        self.assertEqual(stats["tunables"]["bin_cap"], 256)
        self.assertEqual(stats["tunables"]["refill_batch.256"], 77)

        result = client.call("tune.reset", pid=process.pid, names=["bin_cap", "refill_batch.256"],
                             wait_ms=60000)["results"][0]
        self.assertEqual(result["status"], "applied")
        self.assertGreater(result["generation"], generation)
        self.assertEqual(process.command("show bin_cap")[:2], ["256", "default"])
        self.assertEqual(process.command("show retain_bytes")[:2], [str(64 << 20), "operator"])
        client.call("tune.reset", all=True, wait_ms=60000)
        self.assertEqual(process.command("show retain_bytes")[:2], [str(2 << 20), "default"])
        self.assertNotIn("refill_batch.256", client.call("tune.get", all=True)["processes"][0]["tunables"])

    def test_pending_until_a_slow_path_runs(self):
        daemon = self.daemon()
        client = daemon.client()
        process = self.process(daemon)
        self.appears(client, process.pid)
        result = client.call("tune.set", pid=process.pid, tunables={"bin_cap": 64}, wait_ms=0)["results"][0]
        self.assertEqual(result["status"], "pending")
        # Another request is answered while one waits.
        waiting = client.start("tune.set", pid=process.pid, tunables={"bin_cap": 65}, wait_ms=60000)
        other = daemon.client()
        self.assertEqual(other.call("info")["processes"], 1)
        process.command("slow")
        self.assertEqual(client.finish(waiting)["results"][0]["status"], "applied")
        self.assertEqual(process.command("show bin_cap")[0], "65")

    def test_answers_come_in_the_order_in_which_they_finish(self):
        daemon = self.daemon()
        client = daemon.client()
        process = self.process(daemon)
        self.appears(client, process.pid)
        first = client.start("trim", pid=process.pid, wait_ms=60000)
        second = client.start("info")
        self.assertEqual(client.read()["id"], second)
        process.command("slow")
        self.assertEqual(client.read()["id"], first)

    def test_gone(self):
        daemon = self.daemon()
        client = daemon.client()
        process = self.process(daemon)
        self.appears(client, process.pid)
        waiting = client.start("tune.set", pid=process.pid, tunables={"bin_cap": 64}, wait_ms=60000)
        process.kill()
        self.assertEqual(client.finish(waiting)["results"][0]["status"], "gone")

    def test_client_leaves_while_it_waits(self):
        daemon = self.daemon()
        client = daemon.client()
        process = self.process(daemon)
        self.appears(client, process.pid)
        leaver = daemon.client()
        leaver.start("trim", pid=process.pid, wait_ms=60000)
        poll(lambda: client.call("info")["clients"] == 2, "the client")
        leaver.close()
        poll(lambda: client.call("info")["clients"] == 1, "the end of the client")
        process.command("slow")
        self.assertEqual(client.call("trim", pid=process.pid, wait_ms=0)["results"][0]["status"], "pending")

    def test_half_closed_client_gets_its_answer(self):
        daemon = self.daemon()
        client = daemon.client()
        process = self.process(daemon)
        self.appears(client, process.pid)
        other = daemon.client()
        other.send('{"jsonrpc":"2.0","id":7,"method":"trim","params":{"all":true,"wait_ms":60000}}')
        other.socket.shutdown(1)
        poll(lambda: client.call("info")["clients"] == 2, "the client")
        process.command("slow")
        self.assertEqual(other.read()["result"]["results"][0]["status"], "applied")
        self.assertIsNone(other.read())

    def test_trim_and_flush(self):
        daemon = self.daemon()
        client = daemon.client()
        process = self.process(daemon, "--tick", "10")
        process.command("set retained_bytes 123456")
        self.appears(client, process.pid)
        result = client.call("trim", pid=process.pid, wait_ms=60000)["results"][0]
        self.assertEqual(result["status"], "applied")
        self.assertEqual(result["released_bytes"], 123456)
        result = client.call("trim", pid=process.pid, wait_ms=60000)["results"][0]
        self.assertEqual(result["released_bytes"], 0)
        result = client.call("flush", pid=process.pid, wait_ms=60000)["results"][0]
        self.assertEqual(result["status"], "applied")
        self.assertNotIn("released_bytes", result)

    def test_a_family_is_tuned_as_one(self):
        daemon = self.daemon()
        client = daemon.client()
        parent = self.process(daemon, "--tick", "10")
        children = [parent.fork(1) for _ in range(3)]
        for child in children:
            self.appears(client, child)
        results = client.call("tune.set", pid=children[1], tunables={"bin_cap": 99}, wait_ms=60000)["results"]
        self.assertEqual(sorted(r["pid"] for r in results), sorted([parent.pid] + children))
        self.assertEqual({r["status"] for r in results}, {"applied"})
        self.assertEqual({tuned(client, pid, "bin_cap")["value"] for pid in [parent.pid] + children}, {99})

    def test_lives_end(self):
        daemon = self.daemon()
        client = daemon.client()
        process = self.process(daemon, "--tick", "10")
        self.appears(client, process.pid)
        client.call("tune.set", pid=process.pid, tunables={"bin_cap": 50}, wait_ms=60000)
        client.call("tune.set", pid=process.pid, tunables={"thp": "madvise"}, life_s=1, wait_ms=60000)
        poll(lambda: process.command("show thp")[:2] == ["0", "default"], "the end of the life")
        self.assertEqual(process.command("show bin_cap")[0], "50")
        client.call("tune.set", pid=process.pid, tunables={"thp": "madvise"}, life_s=1000, wait_ms=60000)
        self.assertIn(tuned(client, process.pid, "thp")["remaining_s"], range(900, 1001))
        self.assertIsNone(tuned(client, process.pid, "bin_cap")["remaining_s"])

    def test_nothing_is_written_if_one_value_is_wrong(self):
        daemon = self.daemon()
        client = daemon.client()
        process = self.process(daemon, "--tick", "10")
        self.appears(client, process.pid)
        wrong = [
            ({"bin_cap": 64, "bin_kap": 1}, "bin_kap", "nearest: bin_cap"),
            ({"bin_cap": 64, "thp": "sometimes"}, "thp", "off,madvise,large"),
            ({"bin_cap": 64, "retain_percent": 1001}, "retain_percent", "0%..1000%"),
            ({"bin_cap": 64, "retain_bytes": "12parsec"}, "retain_bytes", "not a value"),
            ({"bin_cap": 64, "refill_batch.17": 5}, "refill_batch.17", "no such size class"),
            ({"bin_cap": 64, "refill_batch.x": 5}, "refill_batch.x", "no such size class"),
            ({"bin_cap": 1.5}, "bin_cap", "not a value"),
            ({"bin_cap": -1}, "bin_cap", "not a value"),
            ({"bin_cap": 1e300}, "bin_cap", "not a value"),
            ({"bin_cap": None}, "bin_cap", "a number or a string"),
            ({"bin_cap": [1]}, "bin_cap", "a number or a string"),
        ]
        for tunables, name, text in wrong:
            error = self.fails(-32602, client.call, "tune.set", pid=process.pid, tunables=tunables)
            self.assertIn(text, error.message)
            self.assertIn(name, error.message)
            self.assertEqual(error.data, {"param": name})
        self.assertEqual(process.command("page")[3], "0")
        self.assertEqual(process.command("show bin_cap")[:2], ["256", "default"])

    def test_selector_is_wanted(self):
        daemon = self.daemon()
        client = daemon.client()
        for method in ("tune.set", "tune.reset", "trim", "flush"):
            params = {"tunables": {"bin_cap": 64}} if method == "tune.set" else {}
            error = self.fails(-32602, client.call, method, **params)
            self.assertIn("selector", error.message)
            self.fails(-32002, client.call, method, all=True, **params)
        error = self.fails(-32602, client.call, "tune.set", all=True)
        self.assertEqual(error.data, {"param": "tunables"})

    def test_library_with_fewer_size_classes(self):
        daemon = self.daemon()
        client = daemon.client()
        small = self.process(daemon, "--tick", "10", "--classes", "4")
        large = self.process(daemon, "--tick", "10")
        for process in (small, large):
            self.appears(client, process.pid)
        results = client.call("tune.set", all=True, tunables={"refill_batch.256": 9, "bin_cap": 77},
                              wait_ms=60000)["results"]
        by_pid = {r["pid"]: r for r in results}
        self.assertEqual(by_pid[large.pid]["status"], "applied")
        self.assertEqual(by_pid[small.pid]["status"], "rejected")
        self.assertIn("refill_batch.256", by_pid[small.pid]["reason"])
        self.assertEqual(small.command("show bin_cap")[0], "77")

    def test_page_has_heartbeat_flags_and_expiry(self):
        daemon = self.daemon()
        client = daemon.client()
        process = self.process(daemon)
        self.appears(client, process.pid)
        flags, expiry, beat, *_ = (int(n) for n in process.command("page"))
        self.assertEqual((flags, expiry), (1, 3000))
        poll(lambda: int(process.command("page")[2]) > beat + 3, "the heartbeat")
        process.command("seccomp")
        poll(lambda: process.command("page")[0] == "0", "the flag to go")

    def test_values_lapse_without_a_daemon_and_come_back(self):
        daemon = self.daemon()
        client = daemon.client()
        process = self.process(daemon, "--tick", "10")
        self.appears(client, process.pid)
        client.call("tune.set", pid=process.pid, tunables={"bin_cap": 64}, wait_ms=60000)
        os.kill(daemon.pid, signal.SIGSTOP)
        poll(lambda: process.command("show bin_cap")[::4] == ["256", "lapsed"], "the fall back")
        os.kill(daemon.pid, signal.SIGCONT)
        poll(lambda: process.command("show bin_cap")[:2] == ["64", "operator"], "the values")

    def test_repeated_hello_to_the_same_daemon_keeps_values(self):
        daemon = self.daemon()
        client = daemon.client()
        process = self.process(daemon, "--tick", "10")
        self.appears(client, process.pid)
        before = client.call("tune.set", pid=process.pid, tunables={"bin_cap": 64}, life_s=500,
                             wait_ms=60000)["results"][0]
        process.command("rehello")
        poll(lambda: int(process.command("page")[3]) > before["generation"], "the new page")
        self.assertEqual(process.command("show bin_cap")[:2], ["64", "operator"])
        self.assertIn(tuned(client, process.pid, "bin_cap")["remaining_s"], range(400, 501))

    def test_what_remains_of_a_life_is_counted_down(self):
        daemon = self.daemon()
        client = daemon.client()
        process = self.process(daemon, "--tick", "10")
        self.appears(client, process.pid)
        first = client.call("tune.set", pid=process.pid, tunables={"bin_cap": 64}, life_s=15,
                            wait_ms=60000)["results"][0]["generation"]
        # The process is told again before the life is over, and then no more.
        words = poll(lambda: process.command("show bin_cap")[2] != str(first) and
                     process.command("show bin_cap"), "news of the life")
        self.assertEqual(words[:2], ["64", "operator"])
        self.assertLess(int(words[3]), 15)
        poll(lambda: process.command("show bin_cap")[:2] == ["256", "default"], "the end of the life")

    def test_new_daemon_takes_the_operators_values_back(self):
        daemon = self.daemon(policies={"a.json": {"policies": [
            {"name": "p", "match": {}, "tunables": {"retain_percent": 7}}]}})
        client = daemon.client()
        process = self.process(daemon, "--tick", "10")
        self.appears(client, process.pid)
        client.call("tune.set", pid=process.pid, tunables={"bin_cap": 64}, wait_ms=60000)
        client.call("tune.set", pid=process.pid, tunables={"thp": "madvise"}, life_s=1000, wait_ms=60000)
        first = tuned(client, process.pid, "bin_cap")["generation"]
        self.assertEqual(tuned(client, process.pid, "retain_percent")["source"], "policy")
        self.assertEqual(daemon.end(), 0)

        second = self.daemon(directory=daemon.root, policies={"a.json": {}})
        client = second.client()
        process.command("rehello")
        self.appears(client, process.pid)
        poll(lambda: tuned(client, process.pid, "retain_percent")["source"] == "default",
             "the policy that is no more to be gone")
        value = tuned(client, process.pid, "bin_cap")
        self.assertEqual((value["value"], value["source"]), (64, "operator"))
        self.assertGreater(value["generation"], first)
        self.assertIn(tuned(client, process.pid, "thp")["remaining_s"], range(900, 1001))
        # And it can be taken away as if nothing had happened.
        client.call("tune.reset", pid=process.pid, wait_ms=60000)
        self.assertEqual(process.command("show bin_cap")[:2], ["256", "default"])


if __name__ == "__main__":
    main()
