"""Hellos that are wrong, and processes that mean ill: refused, remembered, and of no consequence."""

import os
import signal
import socket

from harness import Case, main, poll, stats


def open_descriptors(pid):
    """What a process has open, as sorted words; descriptors that close meanwhile are left out."""
    found = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            found.append(os.readlink(f"/proc/{pid}/fd/{fd}").split(":")[0])
        except FileNotFoundError:
            pass
    return sorted(found)


class HostileTest(Case):
    """After each attempt an honest process is served as before, and no descriptor has been left open."""

    def setUp(self):
        self.server = self.daemon()
        self.client = self.server.client()
        self.honest = self.process(self.server, "--tick", "10")
        self.appears(self.client, self.honest.pid)
        # Nothing is under way that opens or closes anything.
        poll(lambda: self.listed(self.client, self.honest.pid)["user"], "the user's name")
        poll(lambda: self.client.call("info")["clients"] == 1, "this client to be the only one")
        self.before = open_descriptors(self.server.pid)

    def still_well(self):
        self.honest.command("count 0 2 1")
        total = int(self.client.call("stats", pid=self.honest.pid)["processes"][0]["allocs_total"])
        poll(lambda: stats(self.client, self.honest.pid)["allocs_total"] >= total, "the honest one's counters")
        result = self.client.call("tune.set", pid=self.honest.pid, tunables={"bin_cap": 99}, wait_ms=60000)
        self.assertEqual(result["results"][0]["status"], "applied")
        self.client.call("list", dead=True)
        self.client.call("stats", classes=True, dead=True)
        self.client.call("stats", scope="host", classes=True)
        self.client.call("tune.get")

    def refused(self, kind, *reasons):
        before = self.client.call("info")["hellos_refused_total"]
        self.process(self.server, "--hostile", kind)
        poll(lambda: self.client.call("info")["hellos_refused_total"] > before, "the refusal")
        said = self.client.call("info")["last_refusals"][0]["reason"]
        self.assertIn(said, reasons)
        self.assertIn("refused", self.server.log())
        self.still_well()
        poll(lambda: open_descriptors(self.server.pid) == self.before, "descriptors to be closed")

    def survived(self, kind):
        process = self.process(self.server, "--hostile", kind)
        self.appears(self.client, process.pid)
        before = self.client.call("info")["samples_total"]
        poll(lambda: self.client.call("info")["samples_total"] > before + 30, "samples")
        self.still_well()
        process.kill()
        self.vanishes(self.client, process.pid)
        self.still_well()
        return self.listed(self.client, process.pid, dead=True)

    def test_no_seals(self):
        self.refused("no-seals", "a memfd lacks a seal")

    def test_weak_seals(self):
        self.refused("weak-seals", "a memfd lacks a seal")

    def test_swapped(self):
        self.refused("swapped", "a memfd lacks a seal")

    def test_regular_file(self):
        self.refused("regular-file", "a descriptor is not a memfd")

    def test_devices(self):
        self.refused("devices", "a descriptor is not a memfd")

    def test_read_only_tuning(self):
        self.refused("read-only-tuning", "the tuning memfd cannot be mapped")

    def test_excessive(self):
        self.refused("excessive", "the counters memfd is too small or too large")

    def test_huge_pages(self):
        process = self.process(self.server, "--hostile", "huge-pages")
        process.close()
        # Where the system has none, the process could not make one.
        for refusal in self.client.call("info")["last_refusals"]:
            self.assertEqual(refusal["reason"], "a descriptor is a memfd of huge pages")

    def test_extra_descriptors(self):
        self.refused("extra-descriptors", "more than two descriptors")

    def test_too_few_descriptors(self):
        self.refused("one-descriptor", "two descriptors are wanted")

    def test_long_message(self):
        self.refused("long-message", "message cut: too long, or no descriptors left here")

    def test_garbage(self):
        self.refused("garbage", "hello too short", "not a hello (magic)", "two descriptors are wanted")

    def test_hang_up(self):
        self.refused("hang-up", "connected and left without a word")

    def test_headers_that_are_wrong(self):
        process = self.process(self.server, "--hostile", "bad-headers")
        poll(lambda: self.client.call("info")["hellos_refused_total"] >= 40, "the refusals")
        self.still_well()
        process.kill()
        self.still_well()

    def test_flood_of_the_same_segment(self):
        process = self.process(self.server, "--hostile", "flood")
        poll(lambda: self.client.call("info")["hellos_refused_total"] >= 2999, "the refusals")
        self.assertEqual(self.client.call("info")["families"], 2)
        reasons = {r["reason"] for r in self.client.call("info")["last_refusals"]}
        expected = {"this segment is known already", "too many hellos of one user (limits.hellos_per_s)"}
        if os.getuid() != 0:  # the kernel limits how many descriptors a user may have on their way
            expected.add("connected and left without a word")
        self.assertLessEqual(reasons, expected)
        self.still_well()
        # What one process can cause does not fill the log.
        self.assertLess(self.server.log().count("refused"), 100)
        process.kill()

    def test_silent(self):
        process = self.process(self.server, "--hostile", "silent")
        poll(lambda: self.client.call("info")["hellos_refused_total"] == 1, "its dismissal")
        self.assertEqual(self.client.call("info")["last_refusals"][0]["reason"], "connected and said nothing")
        self.assertEqual(self.client.call("info")["last_refusals"][0]["pid"], process.pid)
        poll(lambda: open_descriptors(self.server.pid) == self.before, "its connection to be closed")

    def test_many_silent(self):
        self.process(self.server, "--hostile", "many-silent")
        other = self.process(self.server)
        self.appears(self.client, other.pid)
        # A list that is read while descriptors come and go shows some twice.
        shown = min(len(open_descriptors(self.server.pid)) for _ in range(20))
        self.assertLess(shown, len(self.before) + 150)
        self.still_well()

    def connect(self, count):
        """Connections to the hello socket that the daemon has taken, and that have said nothing yet."""
        guests = []
        for _ in range(count):
            guest = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self.addCleanup(guest.close)
            guest.connect(os.path.join(self.server.run, "hello"))
            guests.append(guest)
        taken = len(self.before) + count
        poll(lambda: len(open_descriptors(self.server.pid)) == taken, "the connections to be taken")
        return guests

    def test_many_that_are_slow(self):
        # Starts of many programs at once on a busy host: each has connected before any gets to its hello.
        for guest in self.connect(100):
            guest.send(b"x")
        poll(lambda: self.client.call("info")["hellos_refused_total"] == 100, "all to be heard")
        self.assertEqual({r["reason"] for r in self.client.call("info")["last_refusals"]}, {"hello too short"})

    def test_who_makes_room_is_heard_first(self):
        first, second = self.connect(128)[:2]
        os.kill(self.server.pid, signal.SIGSTOP)
        for _ in range(2):
            more = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self.addCleanup(more.close)
            more.connect(os.path.join(self.server.run, "hello"))
        first.send(b"x")
        os.kill(self.server.pid, signal.SIGCONT)
        poll(lambda: self.client.call("info")["hellos_refused_total"] == 2, "two to make room")
        reasons = [r["reason"] for r in self.client.call("info")["last_refusals"]]
        self.assertEqual(set(reasons), {"hello too short", "said nothing while others came"})
        with self.assertRaises(BrokenPipeError):
            second.send(b"x")

    def test_lying_directory(self):
        self.survived("lying-directory")

    def test_lying_slots(self):
        self.assertEqual(self.survived("lying-slots")["allocs_total"], 100)

    def test_huge_numbers(self):
        record = self.survived("huge-numbers")
        self.assertIsInstance(record["label"], str)
        self.assertIn("\ufffd", record["label"])

    def test_scribbler(self):
        process = self.process(self.server, "--hostile", "scribbler")
        before = self.client.call("info")["samples_total"]
        for _ in range(40):
            self.client.call("tune.set", all=True, tunables={"bin_cap": 77}, wait_ms=0)
            self.client.call("trim", all=True, wait_ms=0)
        poll(lambda: self.client.call("info")["samples_total"] > before + 60, "samples")
        self.still_well()
        process.kill()
        self.still_well()

    def test_puncher(self):
        self.survived("puncher")


class ArrivalTest(Case):
    def test_stalled_daemon_gets_what_came_meanwhile(self):
        daemon = self.daemon()
        client = daemon.client()
        client.call("info")
        os.kill(daemon.pid, signal.SIGSTOP)
        processes = [self.process(daemon) for _ in range(50)]
        os.kill(daemon.pid, signal.SIGCONT)
        for process in processes:
            self.appears(client, process.pid)
        self.assertEqual(client.call("info")["hellos_refused_total"], 0)

    def test_no_descriptors_left(self):
        # Room for the daemon itself and little more.
        import resource
        daemon = self.daemon(preexec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40)))
        client = daemon.client()
        processes = []
        for _ in range(20):
            processes.append(self.process(daemon))
        poll(lambda: client.call("info")["hellos_refused_total"] > 0, "a refusal")
        seen = client.call("info")["processes"]
        self.assertGreater(seen, 0)
        # Those that are seen are seen on, and their place is given to others once they have gone.
        for process in processes:
            process.kill()
        poll(lambda: client.call("info")["processes"] == 0, "their end")
        late = poll(lambda: self.try_again(daemon, client), "a place for another")
        self.assertEqual(late["state"], "live")

    def try_again(self, daemon, client):
        process = self.process(daemon)
        before = client.call("info")
        poll(lambda: client.call("info")["samples_total"] > before["samples_total"], "a sample")
        return self.listed(client, process.pid)

    def test_limit_of_processes(self):
        daemon = self.daemon(limits={"processes": 16})
        client = daemon.client()
        processes = [self.process(daemon) for _ in range(18)]
        poll(lambda: client.call("info")["hellos_refused_total"] == 2, "two refusals")
        info = client.call("info")
        self.assertEqual(info["processes"], 16)
        self.assertIn("too many processes", info["last_refusals"][0]["reason"])
        # Children count as well.
        processes[0].fork(1)
        before = info["samples_total"]
        poll(lambda: client.call("info")["samples_total"] > before + 5, "samples")
        self.assertEqual(client.call("info")["processes"], 16)

    def test_message_may_come_later(self):
        daemon = self.daemon()
        client = daemon.client()
        early = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.addCleanup(early.close)
        early.connect(os.path.join(daemon.run, "hello"))
        process = self.process(daemon)
        self.appears(client, process.pid)
        early.send(b"x" * 700)
        poll(lambda: client.call("info")["hellos_refused_total"] == 1, "the refusal")
        self.assertEqual(client.call("info")["last_refusals"][0]["pid"], os.getpid())


if __name__ == "__main__":
    main()
