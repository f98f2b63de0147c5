"""hakmemctl with the real daemon and the real library: what it shows is what a program does."""
import json
import os
import re
import signal
import subprocess
import sys
import unittest

from tool import BUILD, SOURCE, TOOL, Case, environment, is_alive, wait_until

# Goes through malloc all the time, holds what it is told to, forks if asked, and ends with its input.
PROGRAM = """
import os, signal, sys, threading, time
signal.alarm(600)
held = []
def work():
    while True:
        for size in (24, 100, 700, 5000):
            [bytearray(size) for _ in range(300)]
        time.sleep(0.002)
threading.Thread(target=work, daemon=True).start()
for line in sys.stdin:
    word, _, number = line.strip().partition(" ")
    if word == "hold":
        held.append([bytearray(1000) for _ in range(int(number))])
    elif word == "drop":
        held.clear()
    elif word == "fork":
        child = os.fork()
        if child == 0:
            while True:
                [bytearray(100) for _ in range(300)]
                time.sleep(0.002)
    elif word == "reap":
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    print(child if word == "fork" else word, flush=True)
os._exit(3)
"""


def programs_of(process):
    return {p["pid"]: p for p in process["processes"]}


class Live(Case):
    def setUp(self):
        super().setUp()
        self.runtime = os.path.join(self.dir, "runtime")
        self.daemon = None

    def start_daemon(self):
        """A daemon that is there before the programs."""
        os.mkdir(self.runtime, 0o700)
        config = os.path.join(self.dir, "hakmemd.json")
        with open(config, "w", encoding="utf-8") as f:
            f.write("{}\n")
        self.daemon = subprocess.Popen([os.path.join(BUILD, "daemon", "hakmemd"), "--runtime-dir", self.runtime,
                                        "--interval-ms", "50", "--config", config], env=environment(),
                                       stderr=subprocess.DEVNULL)
        self.addCleanup(self.end, self.daemon, signal.SIGTERM)
        wait_until(lambda: self.ask("info")[0] == 0, "the daemon's first answer")

    def start(self, *options):
        """A program under run; it is seen when this returns."""
        tool = subprocess.Popen([TOOL, "--runtime-dir", self.runtime, "run", *options, "--", sys.executable, "-c",
                                 PROGRAM], env=environment(PYTHONMALLOC="malloc"), text=True, bufsize=1,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(self.end, tool)
        self.tell(tool, "ready")
        self.until_listed(tool.pid)
        return tool

    def tell(self, tool, line):
        tool.stdin.write(line + "\n")
        tool.stdin.flush()
        return tool.stdout.readline().strip()

    def ask(self, *words):
        return self.ctl("--runtime-dir", self.runtime, *words)

    def json(self, *words):
        status, out, err = self.ask(*words, "--json")
        self.assertEqual((status, err), (0, ""), words)
        return json.loads(out)

    def until_listed(self, pid):
        def listed():
            status, out, _ = self.ask("list", str(pid), "--json")
            return status == 0 and json.loads(out)["processes"][0]
        return wait_until(listed, f"process {pid} in the list")

    # ---- tests ----

    def test_a_program_and_its_private_daemon(self):
        tool = self.start("--label", "blue", "--tune", "retain_bytes=8MiB")
        entry = self.json("list", str(tool.pid))["processes"][0]
        self.assertEqual((entry["pid"], entry["ppid"], entry["label"]), (tool.pid, os.getpid(), "blue"))
        self.assertTrue(entry["comm"].startswith("python"))
        known = self.json("tune", "--get", str(tool.pid), "retain_bytes")["processes"][0]["tunables"]["retain_bytes"]
        self.assertEqual((known["value"], known["source"]), (8 << 20, "environment"))
        daemon = self.json("info")["pid"]
        tool.stdin.close()
        self.assertEqual(tool.wait(120), 3)
        wait_until(lambda: not is_alive(daemon), "end of the private daemon")
        wait_until(lambda: not os.path.exists(self.runtime), "removal of its directory")

    def test_a_killed_program_leaves_nothing(self):
        tool = self.start()
        daemon = self.json("info")["pid"]
        tool.kill()
        self.assertEqual(tool.wait(120), -signal.SIGKILL)
        wait_until(lambda: not is_alive(daemon), "end of the private daemon")
        wait_until(lambda: not os.path.exists(self.runtime), "removal of its directory")

    def test_what_is_held_is_shown(self):
        self.start_daemon()
        tool = self.start()
        before = self.until_listed(tool.pid)["live_bytes"]
        self.tell(tool, "hold 50000")
        wait_until(lambda: self.until_listed(tool.pid)["live_bytes"] > before + (45 << 20), "50 MB held")
        status, out, err = self.ask("stats", str(tool.pid), "--classes", "--width", "80")
        self.assertEqual((status, err), (0, ""))
        for line in out.splitlines():
            self.assertLessEqual(len(line), 80)
        page = out[out.index("Memory\n"):out.index("Counters")]
        parts = [float(n) for n in re.findall(r"([0-9.]+) MiB", re.sub(r"\(at most.*?\)", "", page))]
        self.assertAlmostEqual(sum(parts[:5]), parts[5], delta=0.06)
        self.assertRegex(out, r"(?m)^ +allocs +[0-9.]+ [kM]?/s +[0-9.]+")
        self.assertRegex(out, r"(?m)^ *1024 +[45][0-9.]+ MiB")

    def test_tuning_takes_hold_and_goes(self):
        self.start_daemon()
        tool = self.start()
        status, out, err = self.ask("tune", str(tool.pid), "retain_bytes=64MiB", "purge_kind=free",
                                    "refill_batch.64=8", "--life", "1h", "--wait", "60")
        self.assertEqual((status, err), (0, ""), out)
        self.assertIn("applied", out)
        status, out, _ = self.ask("stats", str(tool.pid))
        self.assertRegex(out, r"(?m)^  retain_bytes +64 MiB +64 MiB +2 MiB +operator +1 h")
        self.assertRegex(out, r"(?m)^  purge_kind +free +free +dontneed +operator")
        self.assertRegex(out, r"(?m)^  refill_batch\.64 +8 ")
        status, out, err = self.ask("tune", "--reset", str(tool.pid), "--wait", "60")
        self.assertEqual((status, err), (0, ""), out)
        known = self.json("tune", "--get", str(tool.pid))["processes"][0]["tunables"]
        self.assertEqual((known["retain_bytes"]["value"], known["retain_bytes"]["source"]), (2 << 20, "default"))

    def test_wrong_values_change_nothing(self):
        self.start_daemon()
        tool = self.start()
        status, out, err = self.ask("tune", str(tool.pid), "retain_bytes=64MiB", "refill_batch.65=8")
        self.assertEqual((status, out), (2, ""))
        self.assertIn("refill_batch.65", err)
        known = self.json("tune", "--get", str(tool.pid), "retain_bytes")["processes"][0]["tunables"]["retain_bytes"]
        self.assertEqual(known["source"], "default")

    def test_trim_gives_memory_back(self):
        self.start_daemon()
        tool = self.start("--tune", "retain_bytes=1GiB")
        self.tell(tool, "hold 100000")
        self.tell(tool, "drop")
        wait_until(lambda: self.until_listed(tool.pid)["retained_bytes"] > 50 << 20, "memory retained")
        got = self.json("trim", str(tool.pid), "--wait", "60")["results"][0]
        self.assertEqual((got["pid"], got["status"]), (tool.pid, "applied"))
        self.assertGreater(got["released_bytes"], 40 << 20)
        status, out, err = self.ask("flush", str(tool.pid), "--wait", "60")
        self.assertEqual((status, err), (0, ""), out)

    def test_families_and_the_dead(self):
        self.start_daemon()
        tool = self.start()
        child = int(self.tell(tool, "fork"))
        entry = self.until_listed(child)
        self.assertEqual((entry["family"], entry["ppid"]), (tool.pid, tool.pid))
        family = programs_of(self.json("list", "--family", str(tool.pid)))
        self.assertEqual(set(family), {tool.pid, child})
        self.tell(tool, "reap")
        wait_until(lambda: self.ask("list", str(child))[0] == 1, "end of the child")
        status, _, err = self.ask("list", str(child))
        self.assertIn("no process matches", err)
        status, out, _ = self.ask("list", "--dead", str(child))
        self.assertEqual(status, 0)
        self.assertIn("ended", out)

    def test_again_and_again(self):
        self.start_daemon()
        tool = self.start()
        status, out, err = self.ask("stats", str(tool.pid), "--interval", "100ms", "--count", "3", "--json")
        self.assertEqual((status, err), (0, ""))
        totals = [json.loads(line)["processes"][0]["totals"]["allocs_total"] for line in out.splitlines()]
        self.assertEqual(len(totals), 3)
        self.assertEqual(totals, sorted(totals))
        status, out, err = self.ask("stats", "--interval", "100ms", "--count", "2")
        self.assertEqual((status, err, len(out.splitlines())), (0, "", 3))
        watching = subprocess.Popen([TOOL, "--runtime-dir", self.runtime, "stats", str(tool.pid), "--interval", "0.1"],
                                    env=environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(3):
            watching.stdout.readline()
        tool.kill()
        _, err = watching.communicate(timeout=120)
        self.assertEqual((watching.returncode, err), (1, "hakmemctl: what was watched has ended\n"))

    def test_every_page_and_every_form(self):
        self.start_daemon()
        pids = [str(self.start().pid) for _ in range(2)]
        for words in (["list"], ["stats"], ["stats", "host", "--classes"], ["stats", *pids, "--classes"], ["info"],
                      ["schema"], ["tune", "--get", *pids]):
            status, out, err = self.ask(*words, "--width", "80")
            self.assertEqual((status, err), (0, ""), words)
            for line in out.splitlines():
                self.assertLessEqual(len(line), 80, words)
                self.assertEqual(line, line.rstrip())
            self.json(*words)
            self.assertGreater(self.ask(*words, "--json=pretty")[1].count("\n"), 3)

    def test_the_keys_are_those_of_the_protocol(self):
        self.start_daemon()
        entry = self.until_listed(self.start().pid)
        with open(os.path.join(SOURCE, "docs", "protocol.md"), encoding="utf-8") as f:
            block = f.read().split("### list")[1].split("`family` is")[0]
        documented = set(re.findall(r'"([a-z_]+)"', block)) - {"processes", "dead", "live", "age_s", "how"}
        self.assertLessEqual(documented, set(entry))

    def test_the_daemons_refusals_are_sentences(self):
        self.start_daemon()
        status, out, err = self.ask("list", "--comm", "no-such-program")
        self.assertEqual((status, out), (1, ""))
        self.assertRegex(err, r"^hakmemctl: [^{}]+\n$")

    def test_the_daemon_goes_away(self):
        self.start_daemon()
        tool = self.start()
        watching = subprocess.Popen([TOOL, "--runtime-dir", self.runtime, "stats", str(tool.pid), "--interval", "0.1"],
                                    env=environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        watching.stdout.readline()
        self.daemon.send_signal(signal.SIGTERM)
        _, err = watching.communicate(timeout=120)
        self.assertEqual(watching.returncode, 3, err)
        self.assertEqual(self.ask("list")[0], 3)
        self.assertIsNone(tool.poll())


if __name__ == "__main__":
    unittest.main()
