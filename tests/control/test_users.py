"""Several users: who sees and steers what. Wants to be root, to be others too."""

import json
import os
import unittest

from harness import BUILD, Case, Client, main, poll

ALICE, BOB = 41001, 41002


def reachable(path):
    """Whether every user may execute what is built there."""
    path = os.path.abspath(path)
    while path != "/":
        if not os.stat(path).st_mode & 0o001:
            return False
        path = os.path.dirname(path)
    return True


@unittest.skipUnless(os.getuid() == 0, "wants to be root")
@unittest.skipUnless(reachable(BUILD), "other users cannot reach the build folder")
class UsersTest(Case):
    def as_user(self, daemon, uid, question, group=None):
        """Runs question(client) in a child that is that user, and returns what it returns."""
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            status = 1
            try:
                os.setgroups([group] if group else [])
                os.setgid(uid)
                os.setuid(uid)
                client = Client(daemon.control)
                os.write(writing, json.dumps(question(client)).encode())
                status = 0
            finally:
                os._exit(status)
        os.close(writing)
        text = b""
        while True:
            data = os.read(reading, 65536)
            if not data:
                break
            text += data
        os.close(reading)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0)
        return json.loads(text)

    def question(self, method, **params):
        def ask(client):
            answer = client.raw('{"jsonrpc":"2.0","id":1,"method":"%s","params":%s}'
                                % (method, json.dumps(params)))
            return answer
        return ask

    def test_each_sees_their_own(self):
        daemon = self.daemon()
        client = daemon.client()
        alices = self.process(daemon, uid=ALICE)
        bobs = self.process(daemon, uid=BOB)
        for process, uid in ((alices, ALICE), (bobs, BOB)):
            self.assertEqual(self.appears(client, process.pid)["uid"], uid)
            process.command("count 0 2 100")
        poll(lambda: client.call("stats", scope="host")["host"]["totals"]["allocs_total"] == 200, "the counters")

        seen = self.as_user(daemon, ALICE, self.question("list"))["result"]["processes"]
        self.assertEqual([p["pid"] for p in seen], [alices.pid])
        host = self.as_user(daemon, ALICE, self.question("stats", scope="host"))["result"]["host"]
        self.assertEqual(host["totals"]["allocs_total"], 100)
        info = self.as_user(daemon, ALICE, self.question("info"))["result"]
        self.assertEqual((info["processes"], info["clients"]), (1, 1))
        for method, params in (("list", {"pid": bobs.pid}), ("stats", {"pid": bobs.pid}),
                               ("list", {"uid": BOB}), ("trim", {"pid": bobs.pid}),
                               ("tune.set", {"pid": bobs.pid, "tunables": {"bin_cap": 64}})):
            answer = self.as_user(daemon, ALICE, self.question(method, **params))
            self.assertEqual(answer["error"]["code"], -32002, method)
        answer = self.as_user(daemon, ALICE, self.question("tune.set", all=True, wait_ms=0,
                                                           tunables={"bin_cap": 64}))
        self.assertEqual([r["pid"] for r in answer["result"]["results"]], [alices.pid])
        bobs.command("slow")
        self.assertEqual(bobs.command("show bin_cap")[0], "256")

        # The dead are theirs as well, as records and as sums.
        bobs.kill()
        alices.kill()
        self.vanishes(client, alices.pid)
        self.vanishes(client, bobs.pid)
        seen = self.as_user(daemon, ALICE, self.question("list", dead=True))["result"]["processes"]
        self.assertEqual([p["pid"] for p in seen], [alices.pid])
        daemon.write_config({"dead_keep_s": 0})
        daemon.reload()
        poll(lambda: client.call("info")["dead"] == 0, "the records to go")
        host = self.as_user(daemon, ALICE, self.question("stats", scope="host"))["result"]["host"]
        self.assertEqual(host["totals"]["allocs_total"], 100)
        self.assertEqual(client.call("stats", scope="host")["host"]["totals"]["allocs_total"], 200)

    def test_admin_group(self):
        import grp
        group = grp.getgrall()[-1]
        daemon = self.daemon(config={"admin_group": group.gr_name})
        process = self.process(daemon, uid=BOB)
        self.appears(daemon.client(), process.pid)
        seen = self.as_user(daemon, ALICE, self.question("list"), group=group.gr_gid)
        self.assertEqual([p["pid"] for p in seen["result"]["processes"]], [process.pid])
        self.assertEqual(self.as_user(daemon, ALICE, self.question("list"))["result"]["processes"], [])
        daemon.write_config({"admin_group": "no such group"})
        daemon.reload()
        self.assertIn("no group named 'no such group'", daemon.log())
        seen = self.as_user(daemon, ALICE, self.question("list"), group=group.gr_gid)
        self.assertEqual(seen["result"]["processes"], [])

    def test_family_of_several_users(self):
        daemon = self.daemon()
        client = daemon.client()
        # As a server does that starts as root: the master stays, the process that was forked changes.
        master = self.process(daemon)
        worker = int(master.command(f"fork-as {ALICE} 10")[0])
        master.children.append(worker)
        poll(lambda: (self.listed(client, worker) or {}).get("uid") == ALICE, "the worker")
        self.assertEqual(self.listed(client, worker)["family"], master.pid)
        seen = self.as_user(daemon, ALICE, self.question("list"))["result"]["processes"]
        self.assertEqual([p["pid"] for p in seen], [worker])
        # It may be looked at, but not steered: the master would be steered with it.
        for method in ("trim", "flush", "tune.reset"):
            answer = self.as_user(daemon, ALICE, self.question(method, pid=worker))
            self.assertEqual(answer["error"]["code"], -32001)
        results = client.call("flush", pid=worker, wait_ms=0)["results"]
        self.assertEqual(len(results), 2)

    def test_process_that_drops_its_rights(self):
        daemon = self.daemon()
        client = daemon.client()
        process = self.process(daemon, "--tick", "10")
        self.assertEqual(self.appears(client, process.pid)["uid"], 0)
        process.command(f"setuid {ALICE}")
        poll(lambda: self.listed(client, process.pid)["uid"] == ALICE, "the new user")
        answer = self.as_user(daemon, ALICE, self.question("trim", pid=process.pid, wait_ms=60000))
        self.assertEqual(answer["result"]["results"][0]["status"], "applied")

    def test_daemon_without_privilege(self):
        # Its own user, as the host's service has; the exe of others is then what they say.
        daemon = self.daemon(uid=BOB, env={"RUNTIME_DIRECTORY": "ignored"})
        self.assertEqual(oct(os.stat(daemon.control).st_mode & 0o777), "0o600")
        client = daemon.client()
        process = self.process(daemon)  # root's: may reach any socket
        entry = self.appears(client, process.pid)
        self.assertTrue(entry["exe_claimed"])
        self.assertTrue(entry["exe"].endswith("segment_process"))
        child = process.fork(7)
        self.appears(client, child)
        process.command("count 0 2 5")
        poll(lambda: client.call("stats", scope="host")["host"]["totals"]["allocs_total"] == 12, "the counters")
        process.kill()
        self.vanishes(client, process.pid)
        self.assertEqual(self.listed(client, child)["state"], "live")

    def test_limits_of_one_user(self):
        daemon = self.daemon(limits={"processes_per_user": 3, "clients_per_user": 1, "dead": 8})
        client = daemon.client()
        alices = [self.process(daemon, uid=ALICE) for _ in range(5)]
        bobs = self.process(daemon, uid=BOB)
        self.appears(client, bobs.pid)
        poll(lambda: client.call("info")["hellos_refused_total"] == 2, "two refusals")
        self.assertEqual(len(client.call("list", uid=ALICE)["processes"]), 3)

        def two(one):
            one.call("info")
            other = Client(daemon.control)
            answer = other.read()
            other.close()
            return answer

        answer = self.as_user(daemon, ALICE, two)
        self.assertEqual(answer["error"]["data"], {"limit": "clients_per_user"})
        for process in alices + [bobs]:
            process.kill()
        poll(lambda: client.call("info")["processes"] == 0, "the end of all")
        # One user's dead do not push out another's.
        for _ in range(10):
            process = self.process(daemon, uid=ALICE)
            self.appears(client, process.pid)
            process.kill()
            self.vanishes(client, process.pid)
        self.assertEqual(len(client.call("list", uid=ALICE, dead=True)["processes"]), 4)
        self.assertEqual(self.listed(client, bobs.pid, dead=True)["state"], "dead")


if __name__ == "__main__":
    main()
