#!/usr/bin/env python3
"""Processes whose hello to the real daemon fails at one system call or another.

usage: steered_test.py FAULTS WORK

Each makes one call less than it wants, or several. It goes on working, is greeted with in the end, does what
the daemon's policy says, and leaves no descriptor. (The daemon lets no process under a filter greet it again:
a successor's part is played in steered.c.) Then one for each thing that an old kernel or a filter may refuse for
good: such a process need not be seen, and does its work.
"""

import os
import random
import re
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.environ["HAKMEM_SOURCE"], "tests", "control"))
from harness import Daemon, RpcError, clean_environment, poll  # the real daemon

FAULTS, WORK = sys.argv[1:]
AT_ONCE = 24
REFUSED = ("memfd_create:ENOSYS", "memfd_create/1&8:EINVAL", "fcntl/1=1033:EINVAL", "fcntl/1=1030:EINVAL",
           "ftruncate:EFBIG", "socket:EACCES", "connect:EACCES", "sendmsg:EPERM", "getsockopt:EPERM",
           "prlimit64:ENOSYS", "faccessat:EPERM", "madvise/2=23:EINVAL")
POLICY = {"policies": [{"name": "all", "match": {}, "tunables": {"bin_cap": 64}}]}


class Process:
    """One `faults --only`, and the program under it."""

    def __init__(self, directory, plan):
        env = clean_environment(HAKMEM_LIB=os.environ["HAKMEM_LIB"], HAKMEM_RUNTIME_DIR=directory,
                                HAKMEM_PUBLISH="retry")
        self.plan = plan
        self.popen = subprocess.Popen([FAULTS, "--only", plan, WORK, "steered"], stdin=subprocess.PIPE, env=env,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        line = self.popen.stdout.readline()
        if not line.startswith("pid "):
            self.popen.kill()
            self.end_early(line)
        self.pid = int(line.split()[1])

    def end_early(self, line):
        sys.stdout.write(line)
        sys.exit(77 if self.popen.wait() == 77 else f"{self.plan}: {line}{self.popen.stdout.read()}")

    def end(self):
        """Lets it do the rest of its work. Returns its figures, and how many calls failed of how many."""
        out, _ = self.popen.communicate("", timeout=600)
        counts = re.search(r"(\d+) of (\d+) calls failed", out)
        if self.popen.returncode != 0 or counts is None:
            raise AssertionError(f"--only {self.plan}: status {self.popen.returncode}\n{out}")
        return dict(re.findall(r"(\w+)=(\d+)", out)), int(counts[1]), int(counts[2])


def entry(client, pid):
    try:
        return client.call("tune.get", pid=pid)["processes"][0]
    except RpcError:
        return None


def obeys(client, pid):
    found = entry(client, pid)
    return found is not None and found["tunables"]["bin_cap"]["effective"] == 64


def wait_for_all(daemon, processes):
    client = daemon.client()
    for process in processes:
        poll(lambda p=process: obeys(client, p.pid) or p.popen.poll() is not None,
             f"--only {process.plan}: greeted and tuned by the daemon")


def run_batch(plans):
    """Starts processes, waits for each to obey, ends them. Returns (figures, failed, calls) of each."""
    daemon = Daemon(config=POLICY)
    processes = []
    try:
        processes += [Process(daemon.run, plan) for plan in plans]
        wait_for_all(daemon, processes)
        return [process.end() for process in processes]
    finally:
        for process in processes:
            if process.popen.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
            process.popen.wait()
        daemon.close()


def was_refused(rule, directory):
    """Runs a process that is to do its work all the same. Whether anything was refused to it."""
    env = clean_environment(HAKMEM_LIB=os.environ["HAKMEM_LIB"], HAKMEM_RUNTIME_DIR=directory, HAKMEM_PUBLISH="work")
    done = subprocess.run([FAULTS, "--rule", rule, "--only", "none", WORK, "short"], env=env, text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode != 0 or "figures refused=0 " not in done.stdout:
        raise AssertionError(f"--rule {rule}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return not re.search(r"^0 of ", done.stderr, re.MULTILINE)


def run_without(rules):
    """One process after the other, each without one thing; they greet when they are under way. On a busy host one may
    be through before the daemon has answered it, and so ask for nothing: another follows it."""
    daemon = Daemon(config=POLICY)
    try:
        for rule in rules:
            if not any(was_refused(rule, daemon.run) for _ in range(20)):
                raise AssertionError(f"--rule {rule}: nothing was refused")
    finally:
        daemon.close()


def main():
    seed = int(os.environ.get("HAKMEM_TEST_SEED") or random.SystemRandom().randrange(1 << 32))
    usual, _, calls = run_batch(["none"])[0]
    print(f"{calls} calls of the library without failures, seed {seed}")
    plans = [f"one:{n}:{error}" for n in range(1, calls + 1) for error in (0, 1)]
    plans += [f"all:{n}:0:{length}" for n in range(1, calls + 1, 2) for length in (3, 12)]
    plans += [f"memory:{n}:0:{length}" for n in range(1, calls + 1, 3) for length in (40,)]
    random.Random(seed).shuffle(plans)
    plans = plans[:AT_ONCE]
    faults = 0
    for plan, (figures, failed, _) in zip(plans, run_batch(plans)):
        if figures["fds"] != usual["fds"]:
            raise AssertionError(f"--only {plan}: {figures['fds']} descriptors, {usual['fds']} usually")
        faults += failed
    print(f"{len(plans)} runs, {faults} calls failed")
    run_without(REFUSED)
    return 0 if faults else "nothing failed"


if __name__ == "__main__":
    sys.exit(main())
