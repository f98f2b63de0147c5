"""Forked children in their family's segment."""

import os
import signal
import subprocess
import time
import unittest

from harness import Case, clean_environment, main, poll, stats


class FamilyTest(Case):
    def test_children_are_seen(self):
        daemon = self.daemon()
        client = daemon.client()
        parent = self.process(daemon, "--label", "farm")
        parent.command("count 0 2 100")
        children = [parent.fork(10 * (i + 1)) for i in range(4)]
        for i, child in enumerate(children):
            entry = self.appears(client, child)
            self.assertEqual(entry["family"], parent.pid)
            self.assertEqual(entry["ppid"], parent.pid)
            poll(lambda: stats(client, child)["allocs_total"] == 10 * (i + 1), "the child's counters")
        found = client.call("list", family=parent.pid)["processes"]
        self.assertEqual(sorted(p["pid"] for p in found), sorted([parent.pid] + children))
        self.assertEqual(client.call("info")["families"], 1)
        host = client.call("stats", scope="host", label="farm")["host"]
        self.assertEqual(host["totals"]["allocs_total"], 200)

    def test_totals_never_run_backwards_and_cells_are_used_again(self):
        daemon = self.daemon()
        client = daemon.client()
        # Room for the parent and four children at a time: eight generations only fit if cells return.
        parent = self.process(daemon, "--cells", "10")
        expected, last = 0, 0
        for generation in range(8):
            children = [parent.fork(100) for _ in range(4)]
            for child in children:
                self.appears(client, child)
                poll(lambda: stats(client, child)["allocs_total"] == 100, "the counters of a child")
            expected += 400
            total = client.call("stats", scope="host")["host"]["totals"]["allocs_total"]
            self.assertEqual(total, expected)
            for child in children:
                os.kill(child, signal.SIGKILL if child % 2 else signal.SIGUSR1)
            for child in children:
                self.vanishes(client, child)
                total = client.call("stats", scope="host")["host"]["totals"]["allocs_total"]
                self.assertGreaterEqual(total, last)
                last = total
            self.assertEqual(total, expected)
        self.assertEqual(int(parent.command("page")[4]) > 0, True)
        how = {p["ended"]["how"] for p in client.call("list", dead=True)["processes"] if p["ended"]}
        self.assertEqual(how, {"ended", "exited"})

    def test_children_too_short_lived_to_be_seen(self):
        daemon = self.daemon()
        client = daemon.client()
        parent = self.process(daemon)
        self.appears(client, parent.pid)
        os.kill(daemon.pid, signal.SIGSTOP)
        before = time.monotonic()
        parent.command("flash 5 20")
        os.kill(daemon.pid, signal.SIGCONT)
        poll(lambda: client.call("stats", scope="host")["host"]["totals"]["allocs_total"] == 100,
             "the counters of those that are gone")
        dead = [p for p in client.call("list", dead=True)["processes"] if p["state"] == "dead"]
        self.assertEqual([p["comm"] for p in dead], ["flash"] * 5)
        self.assertLessEqual(max(p["age_s"] for p in dead), time.monotonic() - before)
        self.assertEqual({p["family"] for p in dead}, {parent.pid})
        # Their ten cells are free again.
        poll(lambda: int(parent.command("page")[4]) == 10, "the dead table")

    def test_children_that_do_alike_in_the_same_cells(self):
        daemon = self.daemon()
        client = daemon.client()
        parent = self.process(daemon)
        self.appears(client, parent.pid)
        for generation in range(1, 5):
            parent.command("flash 1 20")  # in the two cells of the one before, to the same stamps
            poll(lambda: client.call("info")["dead"] == generation, "the record of the child")
            poll(lambda: int(parent.command("page")[4]) == 2, "the dead table")
        dead = [p for p in client.call("list", dead=True)["processes"] if p["state"] == "dead"]
        self.assertEqual([p["allocs_total"] for p in dead], [20] * 4)
        self.assertEqual(client.call("stats", scope="host")["host"]["totals"]["allocs_total"], 80)

    def test_orphans(self):
        daemon = self.daemon()
        client = daemon.client()
        parent = self.process(daemon)
        orphan = parent.fork(50, how="orphan")
        entry = self.appears(client, orphan)
        self.assertNotEqual(entry["ppid"], parent.pid)
        self.assertEqual(entry["family"], parent.pid)
        # A daemon's way of starting: the parent goes, the child stays.
        parent.kill()
        self.vanishes(client, parent.pid)
        self.assertEqual(self.listed(client, orphan)["state"], "live")
        os.kill(orphan, signal.SIGKILL)
        self.vanishes(client, orphan)

    def test_child_claims_after_its_parent_has_ended(self):
        daemon = self.daemon()
        client = daemon.client()
        parent = self.process(daemon)
        self.appears(client, parent.pid)
        # The whole family is gone for a while, as far as the daemon can see.
        os.kill(daemon.pid, signal.SIGSTOP)
        late = parent.fork(5, how="orphan")
        parent.kill()
        os.kill(daemon.pid, signal.SIGCONT)
        self.assertEqual(self.appears(client, late)["family"], parent.pid)

    def test_processes_that_are_not_of_the_family_are_not_believed(self):
        daemon = self.daemon()
        client = daemon.client()
        liar = self.process(daemon, "--hostile", "lying-directory")
        honest = self.process(daemon)
        self.appears(client, honest.pid)
        self.appears(client, liar.pid)
        before = client.call("info")["samples_total"]
        poll(lambda: client.call("info")["samples_total"] > before + 20, "samples")
        live = [p["pid"] for p in client.call("list")["processes"]]
        self.assertEqual(sorted(live), sorted([liar.pid, honest.pid]))

    def test_child_that_says_hello_itself(self):
        daemon = self.daemon()
        client = daemon.client()
        parent = self.process(daemon)
        child = parent.fork(10)
        self.appears(client, child)
        parent.command("rehello")
        poll(lambda: client.call("info")["hellos_total"] == 2, "the second hello")
        # The parent has a new segment, the child stays where it was.
        self.assertEqual(self.listed(client, child)["state"], "live")
        self.assertEqual(self.listed(client, parent.pid)["family"], parent.pid)
        self.assertEqual(client.call("info")["families"], 2)

    @unittest.skipUnless(os.getuid() == 0, "wants to make a pid namespace")
    def test_other_pids_inside_a_container(self):
        daemon = self.daemon()
        client = daemon.client()
        try:
            subprocess.run(["unshare", "--pid", "--fork", "true"], check=True, env=clean_environment())
        except (OSError, subprocess.CalledProcessError):
            self.skipTest("no pid namespaces here")
        inside = self.process(daemon, wrap=["unshare", "--pid", "--fork", "--kill-child"])
        self.assertEqual(inside.pid, 1)
        found = poll(lambda: client.call("list")["processes"], "the process")
        outer = found[0]["pid"]
        self.assertNotEqual(outer, 1)
        self.assertEqual(found[0]["comm"], "segment_process"[:15])
        inside.command("count 0 2 9")
        child = int(inside.command("fork 30")[0])
        self.assertLess(child, 100)

        def children():
            live = client.call("list", family=outer)["processes"]
            return [p for p in live if p["pid"] != outer]

        entry = poll(children, "the child")[0]
        self.assertEqual(entry["ppid"], outer)
        poll(lambda: stats(client, entry["pid"])["allocs_total"] == 30, "its counters")
        # An orphan in there belongs to the namespace's init, which is the parent itself here.
        os.kill(entry["pid"], signal.SIGKILL)
        self.vanishes(client, entry["pid"])
        inside.command("flash 1 11")
        poll(lambda: client.call("stats", scope="host")["host"]["totals"]["allocs_total"] == 50,
             "the counters of a child nobody saw")


class RepeatedHelloTest(Case):
    def test_counters_go_on(self):
        daemon = self.daemon()
        client = daemon.client()
        process = self.process(daemon)
        process.command("count 0 2 1000 100")
        poll(lambda: stats(client, process.pid)["allocs_total"] == 1000, "the counters")
        process.command("rehello")
        poll(lambda: client.call("info")["hellos_total"] == 2, "the second hello")
        self.assertEqual(stats(client, process.pid)["allocs_total"], 1000)
        process.command("count 0 2 5")
        poll(lambda: stats(client, process.pid)["allocs_total"] == 1005, "the counters")
        self.assertEqual(len(client.call("list", dead=True)["processes"]), 1)
        self.assertEqual(client.call("stats", scope="host")["host"]["totals"]["allocs_total"], 1005)

    def test_counters_do_not_fall_while_heaps_move(self):
        daemon = self.daemon()
        client = daemon.client()
        process = self.process(daemon, "--slots", "2")
        process.command("count 1 2 1000")
        poll(lambda: stats(client, process.pid)["allocs_total"] == 1000, "the counters")
        # An exec'd image would start from nothing; a heap that has not moved yet must not look like it.
        process.command("forget-slots")
        before = client.call("info")["samples_total"]
        poll(lambda: client.call("info")["samples_total"] > before + 3, "samples")
        self.assertEqual(stats(client, process.pid)["allocs_total"], 1000)


if __name__ == "__main__":
    main()
