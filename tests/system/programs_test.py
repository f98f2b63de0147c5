"""Real programs, preloaded, under the real daemon: each is seen while it runs, families included; a killed process
goes, a killed daemon is replaced without any process noticing."""
import json
import glob
import os
import shutil
import signal
import subprocess
import sys
import unittest

import kept
from reachable import as_user, reachable
from tool import BUILD, TOOL, Case, environment, is_alive, wait_until

LIBRARY = reachable(os.environ.get("HAKMEM_LIB", os.path.join(BUILD, "lib", "libhakmem.so")))

# Grows and exchanges blocks.
WORK = """
import os, signal, sys, threading, time
signal.alarm(600)
def work():
    held = []
    while True:
        held = [bytearray(100 + i % 900) for i in range(2000)]
        time.sleep(0.005)
"""

# For as long as its input is open.
BUSY = WORK + """
threading.Thread(target=work, daemon=True).start()
print("ready", flush=True)
sys.stdin.read()
os._exit(0)
"""

# Does nothing until it is sent a line.
IDLE = WORK + """
print("ready", flush=True)
sys.stdin.readline()
work()
"""

# Writes behind a block's end when it is sent a line, and frees the block: a few bytes, into what rounding adds.
SUSPECT = WORK + """
import ctypes
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
threading.Thread(target=work, daemon=True).start()
print("ready", flush=True)
for line in sys.stdin:
    p = libc.malloc(60)
    ctypes.memset(p, 1, 61)
    libc.free(p)
    print("freed", flush=True)
os._exit(0)
"""

# Two of them, the second forked by the first, which it does not outlive.
FAMILY = WORK + """
end, held_open = os.pipe()
child = os.fork()
if child == 0:
    os.close(held_open)
threading.Thread(target=work, daemon=True).start()
if child == 0:
    os.read(end, 1)
    os._exit(0)
print(child, flush=True)
sys.stdin.read()
os._exit(0)
"""


class Programs(Case):
    def setUp(self):
        super().setUp()
        os.chmod(self.dir, 0o755)
        self.runtime = os.path.join(self.dir, "run")
        os.mkdir(self.runtime, 0o755)
        self.daemon = self.start_daemon()

    def start_daemon(self):
        daemon = subprocess.Popen([os.path.join(BUILD, "daemon", "hakmemd"), "--runtime-dir", self.runtime,
                                   "--interval-ms", "100", "--config", self.config()], env=environment(),
                                  stderr=subprocess.DEVNULL)
        self.addCleanup(self.end, daemon, signal.SIGTERM)
        wait_until(lambda: self.ask("info")[0] == 0, "the daemon's first answer")
        return daemon

    def config(self):
        path = os.path.join(self.dir, "hakmemd.json")
        with open(path, "w", encoding="utf-8") as f:
            f.write("{}\n")
        return path

    def ask(self, *words):
        return self.ctl("--runtime-dir", self.runtime, *words)

    def listed(self, *words):
        status, out, err = self.ask("list", "--json", *words)
        self.assertEqual((status, err), (0, ""))
        return json.loads(out)["processes"]

    def preload(self, *command, **more):
        process = subprocess.Popen(command, env=environment(LD_PRELOAD=LIBRARY, HAKMEM_RUNTIME_DIR=self.runtime,
                                                            PYTHONMALLOC="malloc"),
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=self.dir,
                                   **{"stderr": subprocess.DEVNULL, **more})
        self.addCleanup(self.end, process)
        return process

    def set_level(self, process, level):
        """Returns the status of `hakmemctl tune`, and what became of the value."""
        status, out, _ = self.ask("tune", "--json", "--pid", str(process.pid), f"harden={level}")
        return status, json.loads(out)["results"][0]

    def level_in_force(self, process):
        return self.get(process.pid)["tunables"]["harden"]["effective"]

    def find(self, what, matches):
        return wait_until(lambda: [p for p in self.listed() if matches(p)], f"{what} in the list")

    def need(self, program):
        found = shutil.which(program) or shutil.which(program, path=":".join(["/usr/sbin",
            *glob.glob("/usr/lib/postgresql/*/bin")]))
        if found is None:
            self.skipTest(f"{program} is not installed")
        return found

    def see(self, program, *arguments, comm=None, say=""):
        """Starts a program that waits for its input, and expects it in the list, with memory in use."""
        process = self.preload(self.need(program), *arguments)
        process.stdin.write(say.encode())
        process.stdin.flush()
        comm = comm or os.path.basename(program)
        self.find(comm, lambda p: (p["pid"] == process.pid or p["comm"] == comm) and p["live_bytes"] > 0)

    def test_bash(self):
        self.see("bash", "-c", "read line; exit 0")

    def test_python(self):
        self.see(sys.executable, "-c", "input()")

    def test_perl(self):
        self.see("perl", "-e", "<STDIN>")

    def test_node(self):
        self.see("node", "-e", "process.stdin.resume()")

    def test_sqlite3(self):
        self.see("sqlite3", ":memory:", say="create table t(a); insert into t select randomblob(9) from "
                 "(with recursive c(x) as (select 1 union all select x + 1 from c where x < 9999) select x from c);\n")

    def test_java(self):
        # A virtual machine that waits for a debugger stays.
        self.see("java", "-agentlib:jdwp=transport=dt_socket,server=y,suspend=y,address=127.0.0.1:0", "-version")

    def test_git(self):
        subprocess.run([self.need("git"), "init", "-q", self.dir], check=True, env=environment())
        self.see("git", "cat-file", "--batch")

    def test_gcc(self):
        # The driver and the compiler proper, a process of its own by exec, which waits for the source.
        self.see("gcc", "-x", "c", "-", "-o", "/dev/null", comm="cc1")

    def test_nginx_workers_are_a_family(self):
        nginx = self.need("nginx")
        with open(os.path.join(self.dir, "nginx.conf"), "w", encoding="utf-8") as f:
            paths = "".join(f"{name}_temp_path {self.dir}/{name};" for name in
                            ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
            f.write(f"daemon off; worker_processes 3; pid {self.dir}/pid; error_log {self.dir}/error.log;\n"
                    f"events {{}} http {{ access_log off; {paths} server {{ listen unix:{self.dir}/s; }} }}\n")
        master = self.preload(nginx, "-c", f"{self.dir}/nginx.conf", "-e", f"{self.dir}/error.log")
        family = wait_until(lambda: self.whole_family(master.pid, 4), "a master and three workers")
        self.assertEqual({p["ppid"] for p in family if p["pid"] != master.pid}, {master.pid})
        old = {p["pid"] for p in family}
        master.send_signal(signal.SIGHUP)
        wait_until(lambda: self.replaced(master.pid, old), "new workers after a reload")

    def whole_family(self, root, count):
        family = [p for p in self.listed() if p["family"] == root]
        return family if len(family) == count else None

    def replaced(self, root, old):
        now = {p["pid"] for p in self.listed() if p["family"] == root}
        return len(now) == 4 and now & old == {root}

    def test_postgres_backends_are_a_family(self):
        initdb, server = self.need("initdb"), self.need("postgres")
        more = as_user(self, "postgres")
        data = os.path.join(self.dir, "data")
        os.mkdir(data, 0o700)
        if more:
            os.chown(data, more["user"], more["group"])
        subprocess.run([initdb, "-D", data, "-A", "trust", "-N"], check=True, env=environment(),
                       stdout=subprocess.DEVNULL, cwd=data, **more)
        postmaster = self.preload(server, "-D", data, "-k", data, "-c", "listen_addresses=", **more)
        # checkpointer, writers, launchers
        family = wait_until(lambda: [p for p in self.listed() if p["family"] == postmaster.pid][3:] and
                            [p for p in self.listed() if p["family"] == postmaster.pid], "postgres's processes")
        self.assertIn(postmaster.pid, [p["pid"] for p in family])
        self.assertEqual({p["uid"] for p in family}, {more.get("user", os.geteuid())})
        postmaster.send_signal(signal.SIGINT)
        postmaster.wait(120)

    def test_a_killed_process_leaves_its_last_record(self):
        process = self.preload(sys.executable, "-c", BUSY)
        process.stdout.readline()
        self.find("the program", lambda p: p["pid"] == process.pid and p["allocs_total"] > 0)
        process.kill()
        process.wait(120)
        wait_until(lambda: all(p["pid"] != process.pid for p in self.listed()), "the killed process to go")
        record = [p for p in self.listed("--dead") if p["pid"] == process.pid]
        self.assertEqual([p["state"] for p in record], ["dead"])
        self.assertGreater(record[0]["allocs_total"], 0)

    def test_a_killed_daemon_is_replaced_unnoticed(self):
        busy = [self.preload(sys.executable, "-c", BUSY) for _ in range(3)]
        for process in busy:
            process.stdout.readline()
        pids = {p.pid for p in busy}
        wait_until(lambda: {p["pid"] for p in self.listed()} == pids, "all three in the list")
        status, out, _ = self.ask("tune", "--pid", str(busy[0].pid), "refill_batch=300", "refill_batch.256=77",
                                  "--json")
        self.assertEqual((status, json.loads(out)["results"][0]["status"]), (0, "applied"))
        generation = json.loads(out)["results"][0]["generation"]
        status, out, _ = self.ask("tune", "--pid", str(busy[1].pid), "bin_cap=64", "--life", "1000s", "--json")
        self.assertEqual((status, json.loads(out)["results"][0]["status"]), (0, "applied"))

        self.daemon.kill()
        self.daemon.wait(120)
        self.assertTrue(all(is_alive(pid) for pid in pids))
        self.daemon = self.start_daemon()
        wait_until(lambda: {p["pid"] for p in self.listed()} == pids, "all three with the new daemon")
        known = wait_until(lambda: self.taken_over(busy[0].pid, generation), "the tuning to be taken over")
        self.assertEqual(known["tunables"]["refill_batch"]["value"], 300)
        self.assertEqual(known["tunables"]["refill_batch.256"]["value"], 77)
        known = wait_until(lambda: self.taken_over(busy[1].pid, 1), "the tuning with an end to be taken over")
        self.assertEqual(known["tunables"]["bin_cap"]["value"], 64)
        self.assertIn(known["tunables"]["bin_cap"]["remaining_s"], range(1, 1001))
        self.assertEqual(self.get(busy[2].pid)["generation_published"], 0)
        self.assertTrue(all(is_alive(pid) for pid in pids))
        # And it is the new daemon's to take back.
        status, out, _ = self.ask("tune", "--pid", str(busy[0].pid), "--reset", "--json")
        self.assertEqual((status, json.loads(out)["results"][0]["status"]), (0, "applied"))
        wait_until(lambda: self.tuned(busy[0].pid) == (100, "default"), "the default to come back")

    def test_what_an_idle_program_has_yet_to_hear_outlives_a_daemon(self):
        idle = self.preload(sys.executable, "-c", IDLE)
        idle.stdout.readline()
        self.find("the program", lambda p: p["pid"] == idle.pid)
        out = self.ask("tune", "--pid", str(idle.pid), "refill_batch=300", "--wait", "0s", "--json")[1]
        self.assertEqual(json.loads(out)["results"][0]["status"], "pending")
        self.daemon.kill()
        self.daemon.wait(120)
        self.daemon = self.start_daemon()
        self.assertEqual(self.listed(), [])
        idle.stdin.write(b"\n")
        idle.stdin.flush()
        self.find("the program that was idle", lambda p: p["pid"] == idle.pid)
        wait_until(lambda: self.tuned(idle.pid) == (300, "operator"), "what was said while it was idle")

    def test_a_prefork_family_outlives_a_daemon(self):
        parent = self.preload(sys.executable, "-c", FAMILY)
        child = int(parent.stdout.readline())
        family = {parent.pid, child}
        wait_until(lambda: {p["pid"] for p in self.listed() if p["family"] == parent.pid} == family, "the family")
        status, out, _ = self.ask("tune", "--pid", str(child), "bin_cap=64", "--json")
        self.assertEqual({r["status"] for r in json.loads(out)["results"]}, {"applied"}, out)
        generation = max(r["generation"] for r in json.loads(out)["results"])

        self.daemon.kill()
        self.daemon.wait(120)
        self.daemon = self.start_daemon()
        wait_until(lambda: {p["pid"] for p in self.listed() if p["family"] == parent.pid} == family,
                   "the family with the new daemon")
        for pid in family:
            known = wait_until(lambda: self.taken_over(pid, generation), "the tuning to be taken over")
            self.assertEqual(known["tunables"]["bin_cap"]["value"], 64)
        # One word to either of them is a word to both, as before.
        status, out, _ = self.ask("tune", "--pid", str(child), "--reset", "--json")
        results = {r["pid"]: r["status"] for r in json.loads(out)["results"]}
        self.assertEqual((status, results), (0, {pid: "applied" for pid in family}))

    def get(self, pid):
        status, out, _ = self.ask("tune", "--get", "--pid", str(pid), "--json")
        self.assertEqual(status, 0)
        return json.loads(out)["processes"][0]

    def taken_over(self, pid, generation):
        """What is known of its tuning once a new daemon has published a generation and it is in force."""
        known = self.get(pid)
        return known if known["generation_applied"] == known["generation_published"] > generation else None

    def tuned(self, pid):
        value = self.get(pid)["tunables"]["refill_batch"]
        return value["value"], value["source"]

    def test_suspect_is_hardened_while_it_runs(self):
        """Checks begin at the operator's word, end at it, and begin again; then it does what it is suspected of."""
        process = self.preload(sys.executable, "-c", SUSPECT, stderr=subprocess.PIPE)
        self.assertEqual(process.stdout.readline(), b"ready\n")
        self.find("the suspect", lambda p: p["pid"] == process.pid)
        for level, ends in (("off", False), ("double-free", False), ("canary", None), ("off", False), ("all", True)):
            status, result = self.set_level(process, level)
            self.assertEqual((status, result["status"]), (0, "applied"))
            wait_until(lambda: self.level_in_force(process) == level, f"harden={level} in force")
            if ends is None:
                continue
            process.stdin.write(b"now\n")
            process.stdin.flush()
            self.assertEqual(process.stdout.readline(), b"" if ends else b"freed\n")
        said = process.stderr.read().decode()
        self.assertEqual(process.wait(), -signal.SIGABRT, said)
        self.assertRegex(said, r"\Ahakmem: free\(0x[0-9a-f]+\): overflow: the block has 60 bytes, and byte 60 "
                               r"from its start was written to\n\Z")

    def test_checked_from_its_start_stays_so(self):
        process = subprocess.Popen([sys.executable, "-c", BUSY], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   cwd=self.dir, env=environment(LD_PRELOAD=LIBRARY, HAKMEM_HARDEN="canary,sized",
                                                                 HAKMEM_RUNTIME_DIR=self.runtime))
        self.addCleanup(self.end, process)
        self.find("the process", lambda p: p["pid"] == process.pid)
        self.assertEqual(self.level_in_force(process), "canary")
        status, result = self.set_level(process, "off")
        self.assertEqual((status, result["status"], result["reason"]),
                         (1, "rejected", "harden: HAKMEM_HARDEN decided it at the program's start"))
        self.assertEqual(self.level_in_force(process), "canary")


if __name__ == "__main__":
    kept.begin()
    unittest.main()
