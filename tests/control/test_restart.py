"""A daemon that is killed and its successor: what the operator had set comes back, and is his to take back.

The successor has the word of the processes alone, which by then have fallen back to their own values.
"""

import os
import signal

from harness import Case, main, poll


def entry(client, pid):
    return client.call("tune.get", pid=pid)["processes"][0]


def tuned(client, pid, name):
    return entry(client, pid)["tunables"][name]


class RestartTest(Case):
    def replace(self, daemon, **options):
        """Kills it and starts another in its place."""
        daemon.end(signal.SIGKILL)
        return self.daemon(directory=daemon.root, **options)

    def set(self, client, pid, tunables, **more):
        results = client.call("tune.set", pid=pid, tunables=tunables, wait_ms=60000, **more)["results"]
        self.assertEqual({r["status"] for r in results}, {"applied"}, results)
        return max(r["generation"] for r in results)

    def test_values_that_have_lapsed(self):
        first = self.daemon()
        client = first.client()
        process = self.process(first, "--tick", "10")
        self.appears(client, process.pid)
        self.set(client, process.pid, {"bin_cap": 64, "refill_batch": 300, "refill_batch.256": 77})
        generation = self.set(client, process.pid, {"thp": "madvise"}, life_s=1000)
        first.end(signal.SIGKILL)
        poll(lambda: process.command("show bin_cap")[::4] == ["256", "lapsed"], "the fall back")

        second = self.daemon(directory=first.root)
        client = second.client()
        process.command("rehello")
        self.appears(client, process.pid)
        known = poll(lambda: entry(client, process.pid)["generation_applied"] > generation and
                     entry(client, process.pid), "the new daemon's tuning")
        self.assertEqual(known["generation_published"], known["generation_applied"])
        for name, value in (("bin_cap", 64), ("refill_batch", 300), ("refill_batch.256", 77), ("thp", "madvise")):
            found = known["tunables"][name]
            self.assertEqual((found["value"], found["effective"], found["source"], found["verdict"]),
                             (value, value, "operator", "applied"), name)
        self.assertIsNone(known["tunables"]["bin_cap"]["remaining_s"])
        self.assertIn(known["tunables"]["thp"]["remaining_s"], range(800, 1001))

        result = client.call("tune.reset", pid=process.pid, names=["refill_batch.256", "bin_cap"],
                             wait_ms=60000)["results"][0]
        self.assertEqual(result["status"], "applied")
        self.assertEqual(process.command("show bin_cap")[:2], ["256", "default"])
        self.assertNotIn("refill_batch.256", entry(client, process.pid)["tunables"])
        self.assertEqual(tuned(client, process.pid, "refill_batch")["value"], 300)

    def test_restarts_follow_each_other(self):
        daemon = self.daemon()
        client = daemon.client()
        process = self.process(daemon, "--tick", "10")
        self.appears(client, process.pid)
        generation = self.set(client, process.pid, {"bin_cap": 64})
        for _ in range(3):
            daemon = self.replace(daemon)
            client = daemon.client()
            process.command("rehello")
            self.appears(client, process.pid)
            poll(lambda: process.command("show bin_cap")[0] == "64" and
                 int(process.command("show bin_cap")[2]) > generation, "the value")
            generation = int(process.command("show bin_cap")[2])
        client.call("tune.reset", pid=process.pid, wait_ms=60000)
        daemon = self.replace(daemon)
        client = daemon.client()
        process.command("rehello")
        self.appears(client, process.pid)
        self.assertEqual(tuned(client, process.pid, "bin_cap")["source"], "default")
        self.assertEqual(process.command("show bin_cap")[:2], ["256", "default"])

    def test_no_page_repeats_the_epochs_of_an_earlier_one(self):
        # Who has put a page in place of another looks for nothing but a change of that number.
        daemon = self.daemon()
        client = daemon.client()
        process = self.process(daemon)
        self.appears(client, process.pid)
        client.call("tune.set", pid=process.pid, tunables={"bin_cap": 64}, wait_ms=0)
        last = int(process.command("page")[5])
        for new_daemon in (False, True, True):
            if new_daemon:
                daemon = self.replace(daemon)
                client = daemon.client()
            hellos = client.call("info")["hellos_total"]
            process.command("rehello")
            poll(lambda: client.call("info")["hellos_total"] > hellos, "the hello")
            poll(lambda: process.command("page")[2] != "0", "the heartbeat")
            epoch = int(process.command("page")[5])
            self.assertGreater(epoch, last)
            client.call("trim", pid=process.pid, wait_ms=0)
            last = int(process.command("page")[5])
            self.assertGreater(last, epoch)

    def test_a_policy_that_is_no_more_does_not_come_back(self):
        first = self.daemon(policies={"a.json": {"policies": [
            {"name": "p", "match": {}, "tunables": {"bin_cap": 64}}]}})
        client = first.client()
        process = self.process(first, "--tick", "10")
        self.appears(client, process.pid)
        poll(lambda: process.command("show bin_cap")[:2] == ["64", "policy"], "the policy")
        first.end(signal.SIGKILL)
        poll(lambda: process.command("show bin_cap")[::4] == ["256", "lapsed"], "the fall back")
        second = self.daemon(directory=first.root, policies={"a.json": {}})
        client = second.client()
        process.command("rehello")
        self.appears(client, process.pid)
        poll(lambda: process.command("show bin_cap")[:2] == ["256", "default"], "the process's own value")

    def family(self, daemon, *arguments):
        client = daemon.client()
        parent = self.process(daemon, *arguments)
        child = parent.fork(1)
        self.appears(client, child)
        return client, parent, child

    def greets_again(self, client, child, parent):
        hellos = client.call("info")["hellos_total"]
        os.kill(child, signal.SIGUSR2)
        poll(lambda: client.call("info")["hellos_total"] > hellos, "the child's hello")
        self.assertEqual(self.appears(client, child)["family"], parent.pid)

    def test_a_family_stays_one(self):
        first = self.daemon()
        client, parent, child = self.family(first, "--tick", "10")
        generation = self.set(client, child, {"bin_cap": 64})
        second = self.replace(first)
        client = second.client()
        parent.command("rehello")
        self.appears(client, parent.pid)
        self.greets_again(client, child, parent)
        for pid in (parent.pid, child):
            self.assertEqual(tuned(client, pid, "bin_cap")["value"], 64)
            self.assertGreater(entry(client, pid)["generation_published"], generation)
        self.set(client, parent.pid, {"bin_cap": 65})
        self.assertEqual([tuned(client, pid, "bin_cap")["value"] for pid in (parent.pid, child)], [65, 65])
        # All have heard the same, so they are on the same generation.
        self.assertEqual(len({entry(client, pid)["generation_applied"] for pid in (parent.pid, child)}), 1)

    def test_who_greets_late_takes_what_was_decided_meanwhile(self):
        first = self.daemon()
        client, parent, child = self.family(first, "--tick", "10")
        self.set(client, parent.pid, {"bin_cap": 64, "retain_percent": 9})
        second = self.replace(first)
        client = second.client()
        parent.command("rehello")
        self.appears(client, parent.pid)
        client.call("tune.reset", pid=parent.pid, names=["bin_cap"], wait_ms=60000)
        self.set(client, parent.pid, {"thp": "madvise"})
        self.greets_again(client, child, parent)

        def values(pid):
            return [tuned(client, pid, name)["value"] for name in ("bin_cap", "retain_percent", "thp")]

        poll(lambda: values(child) == [256, 9, "madvise"], "the child's tuning")
        self.assertEqual(values(parent.pid), [256, 9, "madvise"])

    def test_who_knows_more_teaches_the_others(self):
        first = self.daemon()
        client, parent, child = self.family(first)
        results = client.call("tune.set", pid=parent.pid, tunables={"bin_cap": 64}, wait_ms=0)["results"]
        self.assertEqual({r["status"] for r in results if r["pid"] == parent.pid}, {"pending"})
        poll(lambda: tuned(client, child, "bin_cap")["value"] == 64, "the child to have it")
        second = self.replace(first)
        client = second.client()
        # The parent has not run since: it knows of nothing.
        parent.command("rehello")
        self.appears(client, parent.pid)
        self.assertEqual(tuned(client, parent.pid, "bin_cap")["source"], "default")
        self.greets_again(client, child, parent)
        parent.command("slow")
        self.assertEqual(parent.command("show bin_cap")[:2], ["64", "operator"])
        client.call("tune.reset", pid=parent.pid, wait_ms=0)
        poll(lambda: tuned(client, child, "bin_cap")["source"] == "default", "the child's own value")


if __name__ == "__main__":
    main()
