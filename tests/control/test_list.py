"""Processes come, are seen, and end."""

import os
import pwd
import shutil
import signal
import tempfile
import time

from harness import SEGMENT_PROCESS, Case, main, poll, stats


class ListTest(Case):
    def test_identity(self):
        daemon = self.daemon()
        client = daemon.client()
        process = self.process(daemon, "--label", "shop", "--slots", "3")
        entry = self.appears(client, process.pid)
        self.assertEqual(entry["comm"], "segment_process"[:15])
        self.assertTrue(entry["exe"].endswith("/tests/tools/segment_process"))
        self.assertFalse(entry["exe_claimed"])
        self.assertEqual(entry["label"], "shop")
        self.assertEqual(entry["uid"], os.getuid())
        self.assertEqual(entry["family"], process.pid)
        self.assertEqual(entry["ppid"], os.getpid())
        self.assertEqual(entry["state"], "live")
        self.assertIsNone(entry["ended"])
        self.assertEqual(entry["version"], "0.1.0-test")
        self.assertEqual(entry["threads"], 3)
        self.assertGreater(entry["rss_bytes"], 4096)
        self.assertGreaterEqual(entry["age_s"], 0)
        name = pwd.getpwuid(os.getuid()).pw_name
        poll(lambda: self.listed(client, process.pid)["user"] == name, "the user's name")

    def test_counters_reach_the_answer(self):
        daemon = self.daemon()
        client = daemon.client()
        process = self.process(daemon, "--slots", "2")
        process.command("count 0 2 1000 400 10 1100")
        process.command("count 1 2 500 100 5 450")
        process.command("count 0 7 10 0 1 64")
        process.command("set retained_bytes 65536")
        process.command("set big_allocs_total 7")
        process.command("set big_bytes 700000")

        live = 1000 * 48 + 10 * 128 + 700000

        def arrived():
            entry = stats(client, process.pid, classes=True)
            return entry if (entry["totals"]["allocs_total"], entry["live_bytes"]) == (1517, live) else None

        entry = poll(arrived, "the counters")
        self.assertEqual(entry["allocs_total"], 1517)
        self.assertEqual(entry["frees_total"], 500)
        self.assertEqual(entry["totals"]["refills_total"], 16)
        self.assertEqual(entry["totals"]["attaches_total"], 2)
        self.assertEqual(entry["gauges"]["retained_bytes"], 65536)
        self.assertEqual(entry["live_bytes"], live)
        self.assertEqual(entry["gauges"]["live_bytes"], live)
        self.assertEqual(entry["bin_bytes"], (1550 + 500 - 1500) * 48 + 54 * 128)
        classes = {c["size_bytes"]: c for c in entry["classes"]}
        self.assertEqual(sorted(classes), [48, 128])
        self.assertEqual(classes[48]["allocs_total"], 1500)
        self.assertEqual(classes[48]["live_blocks"], 1000)
        self.assertEqual(classes[48]["in_bin_blocks"], 550)
        self.assertEqual(entry["bounds"], {"allocs_lag_blocks": 0, "frees_lag_blocks": 0})
        self.assertEqual(entry["tunables"]["bin_cap"], 256)
        self.assertEqual(entry["tunables"]["purge_kind"], "dontneed")

    def test_every_counter_of_the_schema_is_there(self):
        daemon = self.daemon()
        client = daemon.client()
        process = self.process(daemon)
        process.command("count 0 2 10")
        poll(lambda: stats(client, process.pid)["allocs_total"] == 10, "the counters")
        entry = stats(client, process.pid, classes=True)
        host = client.call("stats", scope="host", classes=True)["host"]
        for counter in client.call("schema")["counters"]:
            name = counter["name"]
            if counter["kind"] == "counter":
                self.assertIn(name, entry["totals"])
                self.assertIn(name, host["totals"])
                rate = name[: -len("_total")] + "_per_s"
                self.assertIn(rate, entry["rates"])
                self.assertIn(rate, host["rates"])
            elif counter["scope"] == "process":
                self.assertIn(name, entry["gauges"])
            if counter["scope"] == "class":
                self.assertIn(name, entry["classes"][0])

    def test_rates(self):
        daemon = self.daemon()
        client = daemon.client()
        process = self.process(daemon)

        def busy():
            process.command("count 0 3 1000 500 10 1000")
            entry = stats(client, process.pid, classes=True)
            return entry if entry["allocs_per_s"] > 0 and entry["classes"] else None

        entry = poll(busy, "a rate")
        self.assertGreater(entry["rates"]["refills_per_s"], 0)
        self.assertGreater(entry["rates"]["window_ms"], 0)
        self.assertGreater(entry["classes"][0]["allocs_per_s"], 0)
        poll(lambda: stats(client, process.pid)["allocs_per_s"] == 0, "rest")

    def test_exact_numbers_beyond_doubles(self):
        daemon = self.daemon()
        client = daemon.client()
        process = self.process(daemon)
        process.command("set purged_bytes_total 9007199254740993")
        poll(lambda: stats(client, process.pid)["totals"]["purged_bytes_total"] == 9007199254740993,
             "the number")

    def test_killed(self):
        daemon = self.daemon()
        client = daemon.client()
        process = self.process(daemon)
        process.command("count 0 2 10")
        self.appears(client, process.pid)
        # Stored after the last sample, maybe, and killed at once: read from the memfd all the same.
        process.command("count 0 2 1000")
        process.kill()
        self.vanishes(client, process.pid)
        entry = self.listed(client, process.pid, dead=True)
        self.assertEqual(entry["state"], "dead")
        self.assertEqual(entry["ended"]["how"], "ended")
        self.assertEqual(entry["allocs_total"], 1010)
        self.assertIsNone(entry["rss_bytes"])
        self.assertEqual(client.call("stats", scope="host")["host"]["totals"]["allocs_total"], 1010)

    def test_exited(self):
        daemon = self.daemon()
        client = daemon.client()
        process = self.process(daemon)
        self.appears(client, process.pid)
        process.command("count 0 2 77")
        process.command("exit")
        self.vanishes(client, process.pid)
        entry = self.listed(client, process.pid, dead=True)
        self.assertEqual(entry["ended"]["how"], "exited")
        self.assertEqual(entry["allocs_total"], 77)

    def test_started_by_a_link(self):
        """A program of several names: the one it was started by is shown, and the file that it is."""
        daemon = self.daemon()
        client = daemon.client()
        folder = tempfile.mkdtemp(dir=os.path.dirname(SEGMENT_PROCESS))
        self.addCleanup(shutil.rmtree, folder)
        exe = os.path.realpath(shutil.copy(SEGMENT_PROCESS, os.path.join(folder, "file")))
        link = os.path.join(os.path.dirname(exe), "link")
        os.symlink("file", link)
        for argument, program in ((link, link), (link + " *:6379", link), ("link", link), (exe, exe), ("else", exe),
                                  ("/etc/passwd", exe), ("./link", exe), ("", exe)):
            process = self.process(daemon, argument=argument, executable=link)
            entry = self.appears(client, process.pid)
            self.assertEqual((entry["program"], entry["exe"]), (program, exe), argument)

    def test_died_before_it_was_accepted(self):
        daemon = self.daemon()
        client = daemon.client()
        self.appears(client, self.process(daemon).pid)
        os.kill(daemon.pid, signal.SIGSTOP)
        before = time.monotonic()
        process = self.process(daemon)
        process.command("count 0 2 12")
        process.kill()
        os.kill(daemon.pid, signal.SIGCONT)
        entry = self.appears(client, process.pid, dead=True)
        # Nobody has read when it began: it is no older than its allocator.
        self.assertLessEqual(entry["age_s"], time.monotonic() - before)
        self.assertEqual(entry["state"], "dead")
        self.assertEqual(entry["allocs_total"], 12)
        self.assertEqual(entry["comm"], "segment_process"[:15])
        self.assertEqual(client.call("info")["hellos_refused_total"], 0)

    def test_exec(self):
        daemon = self.daemon()
        client = daemon.client()
        process = self.process(daemon)
        process.command("count 0 2 500")
        self.appears(client, process.pid)
        process.command("exec")
        # The new image says hello from the same pid; the old one's counters stay.
        poll(lambda: client.call("info")["hellos_total"] == 2, "the second hello")
        entry = poll(lambda: self.listed(client, process.pid), "the new image")
        self.assertEqual(entry["allocs_total"], 0)
        records = client.call("list", pid=process.pid, dead=True)["processes"]
        self.assertEqual([r["state"] for r in records], ["dead", "live"])
        self.assertEqual(records[0]["ended"]["how"], "exec")
        self.assertEqual(records[0]["allocs_total"], 500)
        self.assertEqual(client.call("stats", scope="host")["host"]["totals"]["allocs_total"], 500)

    def test_exec_of_something_without_hakmem(self):
        daemon = self.daemon()
        client = daemon.client()
        process = self.process(daemon)
        process.command("count 0 2 31")
        self.appears(client, process.pid)
        process.command("become /bin/sleep 1000")
        self.vanishes(client, process.pid)
        self.assertIsNone(process.popen.poll())
        entry = self.listed(client, process.pid, dead=True)
        self.assertEqual(entry["ended"]["how"], "exec")
        self.assertEqual(entry["allocs_total"], 31)

    def test_records_are_dropped_but_still_count(self):
        daemon = self.daemon(config={"dead_keep_s": 0})
        client = daemon.client()
        for allocs in (5, 6, 7):
            process = self.process(daemon, "--label", "batch")
            process.command(f"count 0 2 {allocs}")
            self.appears(client, process.pid)
            process.kill()
            self.vanishes(client, process.pid)
        poll(lambda: client.call("info")["dead"] == 0, "the records to be dropped")
        self.assertEqual(client.call("list", dead=True)["processes"], [])
        host = client.call("stats", scope="host", label="batch", classes=True)["host"]
        self.assertEqual(host["processes"], 0)
        self.assertEqual(host["totals"]["allocs_total"], 18)
        self.assertEqual(host["classes"][0]["allocs_total"], 18)
        self.assertEqual(host["gauges"]["live_bytes"], 0)
        other = client.call("stats", scope="host")["host"]
        self.assertEqual(other["totals"]["allocs_total"], 18)

    def test_number_of_records_is_bounded(self):
        daemon = self.daemon(limits={"dead": 3})
        client = daemon.client()
        for _ in range(6):
            process = self.process(daemon)
            process.command("count 0 2 10")
            self.appears(client, process.pid)
            process.kill()
            self.vanishes(client, process.pid)
        poll(lambda: client.call("info")["dead"] <= 3, "the records to be dropped")
        self.assertEqual(client.call("stats", scope="host")["host"]["totals"]["allocs_total"], 60)

    def test_selectors(self):
        daemon = self.daemon()
        client = daemon.client()
        a = self.process(daemon, "--label", "front-1")
        b = self.process(daemon, "--label", "back-1")
        for process in (a, b):
            self.appears(client, process.pid)

        def pids(**selector):
            return [p["pid"] for p in client.call("list", **selector)["processes"]]

        both = sorted([a.pid, b.pid])
        self.assertEqual(pids(), both)
        self.assertEqual(pids(all=True), both)
        self.assertEqual(pids(label="front*"), [a.pid])
        self.assertEqual(pids(label="*-[0-9]"), both)
        self.assertEqual(pids(comm="segment_*"), both)
        self.assertEqual(pids(exe="*/segment_process"), both)
        self.assertEqual(pids(uid=os.getuid()), both)
        self.assertEqual(pids(pid=[b.pid, 1]), [b.pid])
        self.assertEqual(pids(family=a.pid), [a.pid])
        self.assertEqual(pids(pid=both, label="back-?"), [b.pid])
        for selector in ({"pid": 1}, {"label": "front"}, {"uid": 12345}, {"comm": "x*"},
                         {"pid": a.pid, "label": "back*"}):
            self.fails(-32002, client.call, "list", **selector)
            self.fails(-32002, client.call, "stats", **selector)
            self.fails(-32002, client.call, "tune.get", **selector)

    def test_units_and_host(self):
        daemon = self.daemon()
        client = daemon.client()
        processes = [self.process(daemon) for _ in range(3)]
        for process in processes:
            process.command("count 0 2 100 40")
        poll(lambda: client.call("stats", scope="host")["host"]["totals"]["allocs_total"] == 300, "the sum")
        result = client.call("stats", scope="host")
        self.assertNotIn("processes", result)
        self.assertEqual(result["host"]["processes"], 3)
        self.assertEqual(result["host"]["threads"], 3)
        self.assertEqual(result["host"]["gauges"]["live_bytes"], 3 * 60 * 48)
        self.assertEqual(sum(unit["processes"] for unit in result["units"]), 3)
        self.assertNotIn("generation_applied", result["host"]["gauges"])

    def test_label_and_name_may_change(self):
        daemon = self.daemon()
        client = daemon.client()
        process = self.process(daemon, "--label", "before")
        self.appears(client, process.pid)
        process.command("label after")
        poll(lambda: self.listed(client, process.pid)["label"] == "after", "the label")
        process.command("comm renamed")
        poll(lambda: self.listed(client, process.pid)["comm"] == "renamed", "the name")

    def test_info_counts(self):
        daemon = self.daemon()
        client = daemon.client()
        self.appears(client, self.process(daemon).pid)
        info = client.call("info")
        self.assertEqual(info["processes"], 1)
        self.assertEqual(info["families"], 1)
        self.assertEqual(info["hellos_total"], 1)
        self.assertEqual(info["pid"], daemon.pid)
        self.assertEqual(info["runtime_dir"], daemon.run)
        self.assertEqual(info["interval_ms"], 20)
        self.assertGreaterEqual(info["clients"], 1)
        poll(lambda: client.call("info")["samples_total"] > info["samples_total"], "another sample")


if __name__ == "__main__":
    main()
