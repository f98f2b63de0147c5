"""Policies and the configuration: applied, reloaded, and never taken down by a bad file."""

import json
import os
import signal
import subprocess

from harness import HAKMEMD, Case, clean_environment, main, poll


def shows(process, name, *words):
    return poll(lambda: process.command("slow") is not None and
                process.command(f"show {name}")[: len(words)] == list(words), f"{name} to be {words}")


class PolicyTest(Case):
    def test_applies_at_hello(self):
        daemon = self.daemon(config={"policies": [
            {"name": "all", "match": {}, "tunables": {"bin_cap": 200, "retain_percent": 11}},
            {"name": "web", "match": {"label": "web*", "comm": ["nginx", "segment_*"]},
             "tunables": {"bin_cap": 300, "refill_batch.128": 20}},
        ]})
        client = daemon.client()
        web = self.process(daemon, "--label", "web-1")
        other = self.process(daemon, "--label", "db")
        shows(web, "bin_cap", "300", "policy")
        shows(web, "retain_percent", "11", "policy")
        shows(web, "refill_batch.128", "20", "policy")
        shows(other, "bin_cap", "200", "policy")
        self.assertEqual(client.call("info")["config"], {"file": daemon.config_file, "policies": 2})

    def test_operator_wins_over_policy(self):
        daemon = self.daemon(config={"policies": [{"name": "all", "match": {}, "tunables": {"bin_cap": 200}}]})
        client = daemon.client()
        process = self.process(daemon, "--tick", "10")
        shows(process, "bin_cap", "200", "policy")
        client.call("tune.set", pid=process.pid, tunables={"bin_cap": 64}, wait_ms=60000)
        shows(process, "bin_cap", "64", "operator")
        client.call("tune.reset", pid=process.pid, wait_ms=60000)
        shows(process, "bin_cap", "200", "policy")

    def test_follows_label_and_name(self):
        daemon = self.daemon(config={"policies": [
            {"name": "l", "match": {"label": "batch"}, "tunables": {"bin_cap": 200}},
            {"name": "c", "match": {"comm": "renamed"}, "tunables": {"retain_percent": 50}}]})
        process = self.process(daemon)
        shows(process, "bin_cap", "256", "default")
        process.command("label batch")
        shows(process, "bin_cap", "200", "policy")
        process.command("comm renamed")
        shows(process, "retain_percent", "50", "policy")
        process.command("label ")
        shows(process, "bin_cap", "256", "default")

    def test_reload(self):
        daemon = self.daemon(config={"policies": [{"name": "a", "match": {}, "tunables": {"bin_cap": 200}}]})
        client = daemon.client()
        process = self.process(daemon)
        shows(process, "bin_cap", "200", "policy")
        daemon.write_config({"dead_keep_s": 17,
                             "policies": [{"name": "a", "match": {}, "tunables": {"bin_cap": 201}}]})
        daemon.reload()
        shows(process, "bin_cap", "201", "policy")
        daemon.write_config({})
        daemon.reload()
        shows(process, "bin_cap", "256", "default")
        self.assertEqual(client.call("info")["config"]["policies"], 0)

    def test_bad_file_changes_nothing(self):
        daemon = self.daemon(config={"policies": [{"name": "a", "match": {}, "tunables": {"bin_cap": 200}}]})
        client = daemon.client()
        process = self.process(daemon)
        shows(process, "bin_cap", "200", "policy")
        for text, line in (('{\n "policies": [\n', ":3:1: "), ('{\n\n "intervall_ms": 5}', ":3: intervall_ms"),
                           ('{"policies": [{"name": "a", "match": {},\n"tunables": {"bin_cap": 1}}]}',
                            ":2: policies[0].tunables: bin_cap")):
            daemon.write_config(text)
            daemon.reload()
            self.assertIn(daemon.config_file + line, daemon.log())
            self.assertIn("configuration not changed", daemon.log())
            shows(process, "bin_cap", "200", "policy")
            self.assertEqual(client.call("info")["config"]["policies"], 1)
        os.unlink(daemon.config_file)
        daemon.reload()
        shows(process, "bin_cap", "200", "policy")

    def test_interval_is_reloaded(self):
        daemon = self.daemon(config={"interval_ms": 2000}, interval_ms=None)
        client = daemon.client()
        process = self.process(daemon)
        self.assertEqual(client.call("info")["interval_ms"], 2000)
        poll(lambda: process.command("page")[1] == "8000", "the expiry")
        daemon.write_config({"interval_ms": 20})
        daemon.reload()
        self.assertEqual(client.call("info")["interval_ms"], 20)
        poll(lambda: process.command("page")[1] == "3000", "the expiry")
        before = client.call("info")["samples_total"]
        poll(lambda: client.call("info")["samples_total"] > before + 5, "samples")

    def test_folder_overrides(self):
        daemon = self.daemon(config={"policies": [
            {"name": "a", "match": {}, "tunables": {"bin_cap": 200, "retain_percent": 9}},
            {"name": "b", "match": {}, "tunables": {"retain_percent": 10}}]}, policies={
                "20-later.json": {"policies": [{"name": "a", "match": {}, "tunables": {"bin_cap": 300}}]},
                "10-earlier.json": {"policies": [{"name": "a", "match": {}, "tunables": {"bin_cap": 250}}]},
                "ignored.txt": "not JSON at all"})
        process = self.process(daemon)
        shows(process, "bin_cap", "300", "policy")
        # The first "a" is gone as a whole.
        shows(process, "retain_percent", "10", "policy")


class CheckConfigTest(Case):
    def check(self, text, *arguments, **files):
        daemon = self.daemon(wait=False)  # for its directory
        daemon.end(signal.SIGKILL)
        daemon.write_config(text)
        for name, content in files.items():
            daemon.write_policy(name.replace("__", "."), content)
        done = subprocess.run([HAKMEMD, "--config", daemon.config_file, "--check-config", *arguments],
                              capture_output=True, env=clean_environment())
        return done.returncode, done.stdout.decode(), done.stderr.decode(), daemon

    def test_prints_what_is_in_force(self):
        text = """{
            // comments of both kinds
            "interval_ms": 250, /* and
            over lines */ "limits": {"clients": 7},
            "admin_group": "root", "log_level": "debug",
            "policies": [{"name": "x", "match": {"uid": [0, 5], "exe": "/usr/*"}, "priority": -3,
                          "tunables": {"retain_bytes": "1g", "thp": "madvise", "refill_batch.64": 8}}]
        }"""
        status, out, err, daemon = self.check(text)
        self.assertEqual((status, err), (0, ""))
        config = json.loads(out)
        self.assertEqual(config["interval_ms"], 250)
        self.assertEqual(config["dead_keep_s"], 300)
        self.assertEqual(config["limits"]["clients"], 7)
        self.assertEqual(config["policies"], [
            {"name": "x", "priority": -3, "match": {"exe": ["/usr/*"], "uid": [0, 5]},
             "tunables": {"retain_bytes": 1 << 30, "thp": "madvise", "refill_batch.64": 8}}])
        # What is printed can be read again, and says the same.
        daemon.write_config(out)
        again = subprocess.run([HAKMEMD, "--config", daemon.config_file, "--check-config"],
                               capture_output=True, env=clean_environment())
        self.assertEqual(again.stdout.decode(), out)

    def test_warns_of_a_group_that_does_not_exist(self):
        status, out, err, _ = self.check('{"admin_group": "no-such-group"}')
        self.assertEqual((status, json.loads(out)["admin_group"]), (0, "no-such-group"))
        self.assertEqual(err, "warning: admin_group: no group named 'no-such-group': "
                              "root alone sees every process\n")

    def test_names_every_problem_with_its_place(self):
        text = """{
            "interval_ms": 5,
            "log_level": "loud",
            "polices": [],
            "limits": {"client": 3,
                       "clients": "many"},
            "policies": [
                {"name": "a", "match": {"com": "x"}, "tunables": {"bin_cap": 1000000}},
                {"match": {}, "tunables": {"purge_kind": "later"}},
                {"name": "b", "match": {"comm": "[x"}, "tunables": {}, "priority": 1.5},
                {"name": "c", "match": [], "tunables": {"soft_limit": 1}},
                7
            ]
        }"""
        status, out, err, daemon = self.check(text)
        self.assertEqual((status, out), (2, ""))
        file = daemon.config_file
        for line in (
            f"{file}:2: interval_ms: 5 is out of range, 20..60000",
            f"{file}:3: log_level: one of error, warn, info, debug is wanted",
            f"{file}:4: polices: no such key; nearest: policies",
            f"{file}:5: limits.client: no such key; nearest: clients",
            f"{file}:6: limits.clients: a number is wanted",
            f"{file}:8: policies[0].match.com: no such key; nearest: comm",
            f"{file}:8: policies[0].tunables: bin_cap: '1000000' is out of range, 2..8192 blocks",
            f"{file}:9: policies[1].tunables: purge_kind: 'later' is not a value, one of dontneed,free",
            f"{file}:9: policies[1]: 'name' is missing",
            f"{file}:10: policies[2].match.comm: '[' without ']' in pattern",
            f"{file}:10: policies[2].tunables: an object with at least one tunable is wanted",
            f"{file}:10: policies[2].priority: a whole number from -1000 to 1000 is wanted",
            f"{file}:11: policies[3].match: an object is wanted",
            f"{file}:11: policies[3].tunables: no tunable named 'soft_limit'",
            f"{file}:12: policies[4]: an object is wanted",
        ):
            self.assertIn("error: " + line, err)

    def test_problems_of_all_files(self):
        status, _, err, daemon = self.check('{"interval_ms": true}', a__json='{"policies": 3}',
                                            b__json="/* without end")
        self.assertEqual(status, 2)
        self.assertIn(f"{daemon.config_file}:1: interval_ms", err)
        self.assertIn("/policy.d/a.json:1: policies: an array is wanted", err)
        self.assertIn("/policy.d/b.json:1:1: this comment does not end", err)

    def test_missing_file(self):
        done = subprocess.run([HAKMEMD, "--config", "/nonexistent/hakmemd.json", "--check-config"],
                              capture_output=True, env=clean_environment())
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"/nonexistent/hakmemd.json: No such file or directory", done.stderr)

    def test_does_not_start_with_a_bad_file(self):
        daemon = self.daemon(config="{", wait=False)
        self.assertEqual(daemon.popen.wait(60), 2)
        self.assertIn("not JSON", daemon.log())
        self.assertFalse(os.path.exists(daemon.control))


if __name__ == "__main__":
    main()
