#!/usr/bin/env python3
"""Servers that ask jemalloc for their memory's figures, and for memory to be given back: redis and valkey are told the
truth, which is what hakmemctl says of the same process, and save their data meanwhile."""
import json
import os
import shutil
import signal
import subprocess
import sys
import unittest

import kept
from reachable import reachable
from tool import BUILD, Case, environment, wait_until

LIBRARY = reachable(os.environ.get("HAKMEM_LIB", os.path.join(BUILD, "lib", "libhakmem.so")))

MIB = 1 << 20

# What is published may lag behind by what bins hold and have room for, and a server that is asked works a little.
NEAR = MIB


def commands():
    made = []
    for n in range(20000):
        made += [f"set key{n} {'v' * (n % 900)}{n}", f"hset hash{n % 500} field{n} {n * n}",
                 f"rpush list{n % 50} item{n}"]
    made += [f"set large{n} {'x' * 50000}" for n in range(200)]
    return ("\r\n".join(made) + "\r\n").encode()


class Servers(Case):
    def setUp(self):
        super().setUp()
        self.runtime = os.path.join(self.dir, "run")
        os.mkdir(self.runtime)
        with open(os.path.join(self.dir, "hakmemd.json"), "w", encoding="utf-8") as f:
            f.write("{}\n")
        daemon = subprocess.Popen([os.path.join(BUILD, "daemon", "hakmemd"), "--runtime-dir", self.runtime,
                                   "--interval-ms", "100", "--config", os.path.join(self.dir, "hakmemd.json")],
                                  env=environment(), stderr=subprocess.DEVNULL)
        self.addCleanup(self.end, daemon, signal.SIGTERM)
        wait_until(lambda: self.tool("info")[0] == 0, "the daemon's first answer")

    def tool(self, *words):
        return self.ctl("--runtime-dir", self.runtime, *words)

    def need(self, program):
        found = shutil.which(program)
        if found is None:
            self.skipTest(f"{program} is not installed")
        return found

    def begin(self, name):
        self.client, self.bench = self.need(f"{name}-cli"), self.need(f"{name}-benchmark")
        log = open(os.path.join(self.dir, "log"), "wb")
        self.addCleanup(log.close)
        self.server = subprocess.Popen(
            [self.need(f"{name}-server"), "--port", "0", "--unixsocket", "s", "--save", "", "--dir", self.dir],
            env=environment(LD_PRELOAD=LIBRARY, HAKMEM_RUNTIME_DIR=self.runtime), cwd=self.dir,
            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.addCleanup(self.end, self.server)
        wait_until(self.answers, f"{name}-server answers")

    def answers(self):
        if self.server.poll() is not None:
            with open(os.path.join(self.dir, "log"), encoding="utf-8") as log:
                self.fail(f"the server ended with {self.server.returncode}:\n{log.read()[-3000:]}")
        asked = subprocess.run([self.client, "-s", "s", "ping"], env=environment(), cwd=self.dir, capture_output=True,
                               check=False)
        return asked.stdout == b"PONG\n"

    def ask(self, *words, text=None):
        done = subprocess.run([self.client, "-s", "s", *words], env=environment(), cwd=self.dir, capture_output=True,
                              input=text, check=False, timeout=240)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.decode()

    def info(self, section):
        lines = (line.strip().split(":", 1) for line in self.ask("info", section).splitlines() if ":" in line)
        return dict(lines)

    def memory(self):
        """What the server says, as numbers where they are."""
        return {key: int(value) if value.isdigit() else value for key, value in self.info("memory").items()}

    def stats(self):
        """What hakmemctl says of it."""
        status, out, err = self.tool("stats", "--json", "--pid", str(self.server.pid))
        self.assertEqual((status, err), (0, ""))
        return json.loads(out)["processes"][0]

    def agrees(self):
        """Both at one moment, or nothing while they differ: each is of up to a tenth of a second ago."""
        own, ours = self.memory(), self.stats()
        pairs = ((own["allocator_allocated"], ours["live_bytes"]),
                 (own["allocator_active"], ours["live_bytes"] + ours["bin_bytes"] + ours["partial_bytes"]))
        if all(abs(a - b) <= NEAR for a, b in pairs):
            return own, ours
        self.last = (own, ours)
        return None

    def compare(self):
        try:
            return wait_until(self.agrees, "INFO memory and hakmemctl stats agree")
        except AssertionError:
            keys = ("allocator_allocated", "allocator_active", "live_bytes", "bin_bytes", "partial_bytes")
            self.fail(f"they differ: { {key: part[key] for part in self.last for key in keys if key in part} }")

    def is_plausible(self, own):
        self.assertTrue(own["mem_allocator"].startswith("jemalloc-"), own["mem_allocator"])
        self.assertGreaterEqual(own["allocator_allocated"] + NEAR, own["used_memory"])
        self.assertLessEqual(own["allocator_allocated"], own["allocator_active"])
        self.assertLess(own["allocator_active"], own["allocator_resident"])
        self.assertLessEqual(own["allocator_resident"], own["used_memory_rss"] * 1.2 + 8 * MIB)

    def save_under_load(self):
        load = subprocess.Popen([self.bench, "-s", os.path.join(self.dir, "s"), "-q", "-n", "20000", "-c", "10", "-r",
                                 "3000", "-d", "300", "-t", "set,incr,lpush,sadd,hset,zadd,lpop,mset", "-l"],
                                env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(self.end, load)
        for _ in range(2):
            self.ask("bgsave")
            wait_until(lambda: self.info("persistence")["rdb_bgsave_in_progress"] == "0", "the dump")
            self.assertEqual(self.info("persistence")["rdb_last_bgsave_status"], "ok")
        self.assertIsNone(load.poll(), "the load ended before the dumps")
        self.end(load)

    def live(self, name):
        self.begin(name)
        self.is_plausible(self.compare()[0])
        self.ask("--pipe", text=commands())
        self.save_under_load()
        own, ours = self.compare()
        print(f"{name}: used_memory {own['used_memory']} allocator_allocated {own['allocator_allocated']} live_bytes "
              f"{ours['live_bytes']}, active {own['allocator_active']}, resident {own['allocator_resident']}, rss "
              f"{own['used_memory_rss']}", file=sys.stderr)
        self.is_plausible(own)
        self.assertGreater(own["allocator_allocated"], 10 * MIB)
        self.assertIn("hakmem", self.ask("memory", "malloc-stats"))
        trims = ours["totals"]["trims_total"]
        self.assertEqual(self.ask("memory", "purge"), "OK\n")
        wait_until(lambda: self.stats()["totals"]["trims_total"] > trims, "the purge is counted")
        self.ask("flushall", "sync")
        after = wait_until(lambda: (lambda m: m if m["allocator_allocated"] < own["allocator_allocated"] / 2 else None)(
            self.memory()), "the data is gone")
        self.assertLess(after["used_memory_rss"], own["used_memory_rss"])
        self.is_plausible(self.compare()[0])
        self.end(self.server, signal.SIGTERM)
        self.assertEqual(self.server.returncode, 0)

    def test_redis(self):
        self.live("redis")

    def test_valkey(self):
        self.live("valkey")


if __name__ == "__main__":
    kept.begin()
    result = unittest.main(verbosity=2, exit=False).result
    sys.exit(77 if result.wasSuccessful() and len(result.skipped) == result.testsRun else not result.wasSuccessful())
