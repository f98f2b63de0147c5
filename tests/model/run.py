#!/usr/bin/env python3
"""The model tester under a real daemon, which is killed and started anew and tunes it at random meanwhile.

usage: run.py [--model PROGRAM] [--seconds S | --minutes M] [--threads N] [--sizes NAME,...] [--seed N]
              [--lib LIBRARY]

Starts hakmemd, then one tester after another (each of about 30 s, with a seed of its own and the next profile of
sizes). Meanwhile requests go to the daemon by its socket and by hakmemctl: values within and beyond their
bounds, resets, trims and flushes; every few seconds the daemon is ended, by SIGKILL or SIGTERM, and another takes
its place. Fails on the first violation, on an answer that does not fit its request, on a daemon that does not end
well, and where nothing of all that happened. What it did is printed; everything follows from the seed but for
what depends on when threads run.
"""

import argparse
import collections
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "control"))
import harness  # noqa: E402

HAKMEMCTL = os.path.join(harness.BUILD, "ctl", "hakmemctl")
PROFILES = "mixed,edges,small,big,tiny,huge"
TESTER_SECONDS = 30
HANGS_AFTER = 600  # seconds past its time
CLASS_SIZES = (16, 64, 256, 1024, 4096, 32768)

# Name, a value at random, one beyond its bounds.
TUNABLES = {
    "refill_batch": (lambda r: r.choice((1, 10, 100, 400, 1000)), 1001),
    "bin_cap": (lambda r: r.choice((2, 3, 16, 256, 2000, 8192)), 1),
    "bin_bytes": (lambda r: r.choice((4096, 65536, 524288, "16MiB")), 4095),
    "heap_cache_bytes": (lambda r: r.choice((65536, "1MiB", "8MiB", "1GiB")), 65535),
    "retain_bytes": (lambda r: r.choice((0, 1, "2MiB", "64MiB")), -1),
    "retain_percent": (lambda r: r.choice((0, 2, 50, 1000)), 1001),
    "purge_delay_ms": (lambda r: r.choice((0, "250ms", "10s")), "2h"),
    "purge_kind": (lambda r: r.choice(("dontneed", "free")), "never"),
    "thp": (lambda r: r.choice(("off", "madvise", "large")), "always"),
    "soft_limit_bytes": (lambda r: r.choice((0, 0, 1, "32MiB")), "1PiB"),
    "harden": (lambda r: r.choice(("off", "off", "double-free", "canary", "all")), "guard"),
    "big_cache_bytes": (lambda r: r.choice((0, "1MiB", "16MiB", "256MiB")), "many"),
}


class Failure(Exception):
    """Something that must not be."""


class Host:
    """A daemon and its successors, in one directory."""

    def __init__(self, root, dice):
        self.root, self.dice = root, dice
        self.daemon = harness.Daemon(directory=root, log_level="info")
        self.restarts = collections.Counter()

    def replace(self):
        number = self.dice.choice((signal.SIGKILL, signal.SIGTERM))
        status = self.daemon.end(number)
        if status != (-signal.SIGKILL if number == signal.SIGKILL else 0):
            raise Failure(f"the daemon ended with {status} on signal {number}: {self.daemon.log()[-2000:]}")
        self.restarts[signal.Signals(number).name] += 1
        time.sleep(self.dice.choice((0, 0, 0.3, 1.5)))
        self.daemon = harness.Daemon(directory=self.root, log_level="info")

    def close(self):
        status = self.daemon.end()
        for word in ("Sanitizer", "runtime error"):
            if word in self.daemon.log():
                raise Failure(self.daemon.log()[-4000:])
        if status != 0:
            raise Failure(f"the daemon ended with {status}")


class Steering(threading.Thread):
    """Requests at random, for as long as it is not stopped."""

    def __init__(self, control, run_dir, seed):
        super().__init__()
        self.control, self.run_dir = control, run_dir
        self.dice = random.Random(seed)
        self.stopped = threading.Event()
        self.done = collections.Counter()
        self.failure = None

    def values(self, wrong):
        names = self.dice.sample(sorted(TUNABLES), self.dice.randint(1, 4))
        values = {name: TUNABLES[name][0](self.dice) for name in names}
        if self.dice.random() < 0.3:
            values[f"refill_batch.{self.dice.choice(CLASS_SIZES)}"] = self.dice.choice((1, 7, 100, 4096))
        if wrong:
            values[names[0]] = TUNABLES[names[0]][1]
        return values

    def note(self, what, results):
        for result in results:
            self.done[f"{what} {result['status']}"] += 1
            if result["status"] == "rejected":
                raise Failure(f"{what} was rejected: {result}")

    def tune(self, client):
        more = {"life_s": self.dice.choice((1, 3))} if self.dice.random() < 0.3 else {}
        answer = client.call("tune.set", all=True, tunables=self.values(False), wait_ms=self.dice.choice((0, 200)),
                             **more)
        self.note("tune", answer["results"])

    def tune_wrongly(self, client):
        values = self.values(True)
        try:
            client.call("tune.set", all=True, tunables=values, wait_ms=0)
        except harness.RpcError as error:
            if error.code == -32602:
                self.done["tune refused"] += 1
                return
            raise
        raise Failure(f"values beyond their bounds were taken: {values}")

    def other(self, client):
        method = self.dice.choice(("tune.reset", "trim", "flush"))
        self.note(method, client.call(method, all=True, wait_ms=self.dice.choice((0, 200)))["results"])

    def look(self, client):
        """Every kind of reader of what processes publish."""
        stats = client.call("stats", classes=True)["processes"]
        host = client.call("stats", scope="host", classes=True)
        client.call("list", dead=True)
        client.call("tune.get", all=True)
        self.done["stats"] += len(stats) + bool(host)

    def by_tool(self):
        words = [f"{k}={v}" for k, v in self.values(False).items()]
        tool = subprocess.run([HAKMEMCTL, "tune", "--runtime-dir", self.run_dir, "--all", *words],
                              env=harness.clean_environment(), capture_output=True, text=True, timeout=harness.DEADLINE)
        self.done[f"hakmemctl {tool.returncode}"] += 1
        if tool.returncode < 0:
            raise Failure(f"hakmemctl ended by a signal: {tool.stderr}")

    def once(self):
        client = harness.Client(self.control)
        try:
            for _ in range(20):
                if self.stopped.is_set():
                    return
                what = self.dice.random()
                try:
                    if what < 0.02:
                        self.by_tool()
                    else:
                        (self.tune if what < 0.6 else self.tune_wrongly if what < 0.7 else
                         self.other if what < 0.9 else self.look)(client)
                except harness.RpcError as error:
                    if error.code not in (-32002, -32003):  # between two testers; more requests than are let
                        raise
                time.sleep(self.dice.choice((0, 0.01, 0.05)))
        finally:
            client.close()

    def run(self):
        try:
            while not self.stopped.is_set():
                try:
                    self.once()
                except (OSError, AssertionError) as error:  # the daemon was ended
                    if isinstance(error, AssertionError) and "connection ended" not in str(error):
                        raise
                    self.done["connections lost"] += 1
                    time.sleep(0.02)
        except Exception as error:  # whatever it is, the driver says so and fails
            self.failure = error


def tester_command(options, seed, profile, seconds):
    return [options.model, "--seed", str(seed), "--seconds", str(seconds), "--threads", str(options.threads),
            "--sizes", profile, "--tune"]


def wait_for(tester, host, steering, dice):
    end = time.monotonic() + TESTER_SECONDS + HANGS_AFTER
    while time.monotonic() < end:
        try:
            return tester.wait(dice.uniform(1, 4))
        except subprocess.TimeoutExpired:
            host.replace()
        if steering.failure:
            raise Failure(f"steering: {steering.failure!r}")
    raise Failure(f"{' '.join(tester.args)} does not end")


def run_testers(options, host, steering, dice):
    end = time.monotonic() + options.seconds
    profiles, operations, number = options.sizes.split(","), 0, 0
    while (left := end - time.monotonic()) > 0 or number == 0:
        profile, seed = profiles[number % len(profiles)], dice.randrange(1 << 40)
        command = tester_command(options, seed, profile, max(1, int(min(TESTER_SECONDS, left))))
        env = harness.clean_environment(LD_PRELOAD=options.lib, HAKMEM_RUNTIME_DIR=host.daemon.run)
        tester = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
        try:
            status = wait_for(tester, host, steering, dice)
            last = tester.stdout.read().splitlines()[-1:]
        finally:
            if tester.poll() is None:
                tester.kill()
                tester.wait()
            tester.stdout.close()
        if status != 0:
            raise Failure(f"{' '.join(command)} ended with {status}")
        print(f"{profile}, seed {seed}: {last[0]}", flush=True)
        operations += int(last[0].split()[0])
        number += 1
    return operations


def check_happened(host, steering):
    """A run in which nothing was tuned, or no daemon was replaced, has shown nothing."""
    if not host.restarts or not steering.done["tune applied"] or not steering.done["tune refused"]:
        raise Failure(f"too little happened: {dict(host.restarts)}, {dict(steering.done)}")


def run(options):
    dice = random.Random(options.seed)
    with tempfile.TemporaryDirectory(prefix="hakmem-model-") as root:
        host = Host(root, dice)
        steering = Steering(host.daemon.control, host.daemon.run, dice.randrange(1 << 40))
        steering.start()
        try:
            operations = run_testers(options, host, steering, dice)
        finally:
            steering.stopped.set()
            steering.join()
            host.close()
        if steering.failure:
            raise Failure(f"steering: {steering.failure!r}")
    print(f"{operations} operations; daemons ended: {dict(host.restarts)}; "
          f"requests: {dict(sorted(steering.done.items()))}")
    check_happened(host, steering)


def main():
    parser = argparse.ArgumentParser(description="the model tester under daemons that come and go")
    parser.add_argument("--model", default=os.path.join(harness.BUILD, "tests", "model", "model"))
    parser.add_argument("--lib", default=os.environ.get("HAKMEM_LIB") or
                        os.path.join(harness.BUILD, "lib", "libhakmem.so"))
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--sizes", default=PROFILES)
    parser.add_argument("--seed", type=int, default=int(os.environ.get("HAKMEM_TEST_SEED") or
                                                        random.SystemRandom().randrange(1 << 40)))
    options = parser.parse_args()
    if options.minutes is not None:
        options.seconds = options.minutes * 60
    print(f"seed {options.seed}", flush=True)
    try:
        run(options)
    except Failure as failure:
        print(f"FAILED (seed {options.seed}): {failure}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
