#!/usr/bin/env python3
"""The packages in a real system: installed, used, upgraded and removed in a Debian that is booted for it.

    host_test.py --previous DIR --current DIR --folder DIR

As root. The folders hold .deb files of two versions; --folder keeps the Debian root between runs, and the transcript
(transcript.txt) of the last one. Prints a line for each thing that was found to be so.
"""
import argparse
import glob
import json
import os
import shutil
import sys

import debian_root
from machine import DEADLINE_S, Failure, Machine, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
IDLE = BUSY = 25
ASLEEP_MS = 5000  # much longer than a turn of a busy one
CROWD = "crowd.service"
REDIS = "redis-server.service"
EXPOSURE = 2.0  # at most, of the daemon's unit, as systemd-analyze counts it
USER = "alice"
# What a system changes by itself, and what dpkg and the tools behind it leave for any package. The daemon's user
# stays (files of its may), so do the lists it is in.
NOT_OURS = ("/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow", "/etc/subuid", "/etc/subgid", "/etc/.pwd.lock",
            "/etc/mtab", "/etc/ld.so.cache", "/etc/machine-id", "/var/lib/dpkg/", "/var/lib/systemd/",
            "/var/lib/redis/", "/var/lib/private", "/var/lib/apt/", "/etc/systemd/network", "/etc/resolv.conf")


class Transcript:
    """All that was done and said, for reading afterwards."""

    def __init__(self, path):
        self.path = path
        self.file = open(path, "w", encoding="utf-8")
        self.checks = 0

    def __call__(self, *lines):
        for line in lines:
            print(line, file=self.file)
        self.file.flush()

    def say(self, line):
        print(line, flush=True)
        self(line)

    def ok(self, what):
        self.checks += 1
        self.say(f"ok {self.checks} - {what}")


def expect(condition, what):
    if not condition:
        raise Failure(what)


class HostTest:
    """The steps, in the order in which an operator would go through them."""

    def __init__(self, machine, transcript, versions):
        self.machine = machine
        self.run = machine.run
        self.transcript = transcript
        self.ok = transcript.ok
        self.previous, self.current = versions
        self.told = {}

    # ---- looking ----

    def ask(self, what, quiet=True):
        return json.loads(self.run(f"hakmemctl {what} --json", quiet))

    def listed(self, selector):
        """Those that match, none included, which the tool tells by its exit status."""
        result = self.machine.attempt(f"hakmemctl list {selector} --json", quiet=True)
        if "no process matches" in result.stdout + result.stderr:
            return {}
        expect(result.returncode == 0, f"hakmemctl list {selector}: {result.stdout}{result.stderr}")
        return {process["pid"]: process for process in json.loads(result.stdout)["processes"]}

    def main_pid(self, unit):
        return int(self.run(f"systemctl show --value -p MainPID {unit}", quiet=True))

    def maps_library(self, pid):
        return "libhakmem.so" in self.run(f"cat /proc/{pid}/maps", quiet=True)

    def files(self):
        found = self.run("find /etc /usr /lib /opt /srv /var/lib /var/cache/hakmem /root -xdev 2>/dev/null; "
                         "ls -d /run/hakmem* /run/systemd/system/hakmem* /tmp/hakmem* 2>/dev/null; true", quiet=True)
        return {line for line in found.splitlines() if not line.startswith(NOT_OURS)}

    def redis(self, command):
        return self.run(f"redis-cli {command}", quiet=True).strip()

    def redis_serves(self):
        expect(self.redis("get kept") == "as it was", "redis-server lost what was written to it")
        expect(self.redis("set changed yes") == "OK", "redis-server takes no writes")

    def work_redis(self):
        """Enough to do for its allocator to reach the slow path."""
        self.run("redis-benchmark -q -n 20000 -r 5000 -d 600 -t set,lpush,get", quiet=True)

    def tuned_by(self, pid, name):
        tunable = self.ask(f"tune --get {pid} {name}")["processes"][0]["tunables"][name]
        return tunable["value"], tunable["source"]

    def wait_tuned(self, pid, name, value, source):
        def there():
            self.work_redis()
            return self.tuned_by(pid, name) == (value, source)

        wait_until(there, f"{name}={value} from {source} in process {pid}; it has {self.tuned_by(pid, name)}")

    def crowd(self):
        return self.listed(f"--unit {CROWD}")

    def wait_crowd(self, pids, when):
        wait_until(lambda: self.attempt_crowd() == pids, f"all of the crowd {when}")

    def attempt_crowd(self):
        result = self.machine.attempt(f"hakmemctl list --unit {CROWD} --json", quiet=True)
        return {p["pid"] for p in json.loads(result.stdout)["processes"]} if result.returncode == 0 else None

    # ---- steps ----

    def install(self):
        self.run("redis-cli set kept 'as it was'")
        self.run(f"dpkg -i /packages/{self.previous}/*.deb")
        for package in ("libhakmem0", "hakmem-daemon", "hakmem-tools", "libhakmem-dev"):
            version = self.run(f"dpkg-query -W -f '${{Version}} ${{db:Status-Abbrev}}' {package}", quiet=True).split()
            expect(version == [self.previous, "ii"], f"{package}: {version}")
        self.ok(f"packages of version {self.previous} are installed")
        self.machine.until("systemctl is-active hakmemd.service hakmemd.socket", "hakmemd to be active")
        expect(self.run("ps -o user= -p $(systemctl show --value -p MainPID hakmemd)", quiet=True).strip() == "hakmem",
               "hakmemd does not run as its own user")
        expect(self.run("systemctl --failed --no-legend", quiet=True).strip() == "", "a unit failed")
        self.ok("hakmemd is active, as a user of its own; no unit has failed")
        self.run("systemd-analyze verify --man=no hakmemd.service hakmemd.socket")
        self.run(f"systemd-analyze security --no-pager --threshold={int(EXPOSURE * 10)} hakmemd.service")
        self.ok(f"systemd finds nothing wrong with its units, and an exposure of at most {EXPOSURE}")

    def enable(self):
        before = self.main_pid(REDIS)
        self.run(f"hakmemctl enable {REDIS}")
        self.run(f"systemctl daemon-reload && systemctl restart {REDIS}")
        self.machine.until("redis-cli ping", "redis-server to answer")
        pid = self.main_pid(REDIS)
        expect(pid != before and self.maps_library(pid), "redis-server does not run on the library")
        self.redis_serves()
        self.ok("redis-server runs on hakmem after `hakmemctl enable` and a restart, and kept its data")
        wait_until(lambda: pid in self.listed(f"--unit {REDIS}"), "redis-server to be seen")
        before = self.listed(f"--unit {REDIS}")[pid]["allocs_total"]
        self.work_redis()
        wait_until(lambda: self.listed(f"--unit {REDIS}")[pid]["allocs_total"] > before + 20000, "its work to be seen")
        self.run(f"hakmemctl stats --unit {REDIS}")
        self.ok("redis-server is seen by its unit, and its counters follow its work")

    def tune(self):
        pid = self.main_pid(REDIS)
        self.machine.attempt(f"hakmemctl tune --unit {REDIS} --wait 0s bin_cap=77")
        self.wait_tuned(pid, "bin_cap", 77, "operator")
        self.run(f"hakmemctl tune --get {pid} bin_cap")
        self.ok("redis-server takes an operator's tuning over")

    def tell_crowd(self, **values):
        """The busy ones take it over; for the idle ones it is there when they work again."""
        wait_until(lambda: sum((p["idle_ms"] or 0) > ASLEEP_MS for p in self.crowd().values()) > IDLE,
                   "the idle ones to sleep")
        self.told = values
        said = " ".join(f"{name}={value}" for name, value in values.items())
        self.machine.attempt(f"hakmemctl tune --unit {CROWD} --wait 0s {said} | cut -c 12- | sort | uniq -c")
        wait_until(lambda: len(self.tuned_crowd()) >= BUSY, "the busy ones to take tuning over")

    def tuned_crowd(self):
        """Those in which the values are in force."""
        processes = self.ask(f"tune --get --unit {CROWD}")["processes"]
        return {p["pid"] for p in processes
                if all((p["tunables"][name]["value"], p["tunables"][name]["source"]) == (value, "operator")
                       for name, value in self.told.items()) and p["generation_applied"] == p["generation_published"]}

    def wake_crowd(self):
        """Nobody tells the idle ones again: what they now take over was kept for them."""
        untold = IDLE + BUSY + 1 - len(self.tuned_crowd())
        expect(untold > IDLE, f"only {untold} of the crowd have yet to take tuning over: were they idle?")

        def woken():
            self.run("kill -USR1 $(pgrep -f 'crowd[.]pl idle')", quiet=True)
            return len(self.tuned_crowd()) >= IDLE + BUSY

        wait_until(woken, "the idle ones to take over what was said while they slept", 1)

    def gather(self):
        # No slash: found where the dynamic linker looks, whatever the architecture.
        self.run(f"systemd-run --unit={CROWD} --collect -E LD_PRELOAD=libhakmem.so.0 "
                 f"sh /packages/crowd.sh {IDLE} {BUSY}")
        count = IDLE + BUSY + 1  # the shell too
        # Each its own family: until it runs its program, one is a child of the shell's, and would be told as that.
        wait_until(lambda: [pid == p["family"] for pid, p in self.crowd().items()] == [True] * count,
                   f"{count} processes of the crowd")
        self.tell_crowd(retain_bytes=48 << 20, bin_cap=77)
        self.ok(f"{count} processes of a unit are seen ({IDLE} idle, {BUSY} busy), and tuned together")

    def restart_daemon(self):
        pids = set(self.crowd())
        for command, what in (("systemctl restart hakmemd", "restarted"),
                              ("kill -KILL $(systemctl show --value -p MainPID hakmemd)", "killed")):
            daemon = self.main_pid("hakmemd")
            self.run(command)
            wait_until(lambda: self.main_pid("hakmemd") not in (0, daemon), "another hakmemd")
            self.wait_crowd(pids, f"after hakmemd was {what}")
            hellos = self.ask("info")["hellos_total"]
            expect(hellos == 0, f"{hellos} processes had to say hello again")
            wait_until(lambda: len(self.tuned_crowd()) >= BUSY, "their tuning to be in force")
            self.ok(f"hakmemd was {what}: all {len(pids)} are back at once, none had to say hello, tuning is in force")
        self.wake_crowd()
        self.ok(f"the {IDLE} idle ones work again: what they were told before both is in force in them too")
        expect(self.tuned_by(self.main_pid(REDIS), "bin_cap") == (77, "operator"), "redis-server lost its tuning")

    def user(self):
        """A daemon of a user's own, and a service of his that greets it."""
        self.run(f"useradd --create-home {USER} && loginctl enable-linger {USER}")
        uid = self.run(f"id -u {USER}", quiet=True).strip()
        self.machine.until(f"systemctl is-active user@{uid}.service", "the user's manager")
        home = self.run(f"echo ~{USER}", quiet=True).strip()
        his = f"runuser -u {USER} -- env HOME={home} XDG_RUNTIME_DIR=/run/user/{uid}"
        tool = f"{his} hakmemctl --runtime-dir /run/user/{uid}/hakmem"
        self.run(f"{his} systemd-analyze --user verify --man=no hakmemd.service hakmemd.socket")
        self.run(f"{his} systemctl --user start hakmemd")
        self.run(f"{tool} info")
        self.run(f"""{his} sh -c 'mkdir -p ~/.config/systemd/user
printf "[Service]\nExecStart=perl /packages/crowd.pl busy\n" >~/.config/systemd/user/web.service
systemctl --user daemon-reload'""")
        self.run(f"{tool} enable --user --reload web && {his} systemctl --user start web")

        def pid():
            return [p["pid"] for p in json.loads(self.run(f"{tool} list --json", quiet=True))["processes"]]

        web = int(self.run(f"{his} systemctl --user show --value -p MainPID web", quiet=True))
        wait_until(lambda: pid() == [web], "the user's service to be seen")
        self.run(f"{tool} tune {web} bin_cap=44")
        self.run(f"{his} systemctl --user restart hakmemd")
        wait_until(lambda: pid() == [web], "the user's service to be back")
        self.run(f"{tool} tune --get {web} bin_cap | grep -w 44")
        self.run(f"{tool} disable --user --reload web && {his} systemctl --user stop web hakmemd.socket")
        self.run(f"loginctl disable-linger {USER}; systemctl stop user@{uid}.service; userdel --remove {USER} 2>&1")
        self.ok("a user's own hakmemd sees and tunes a service of his, also after a restart")

    def policies(self):
        self.run("""cat >/etc/hakmem/policy.d/redis.json <<'TEXT'
// What redis-server keeps for reuse.
{"policies": [{"name": "redis", "match": {"unit": "redis-server.service"}, "tunables": {"retain_bytes": "24MiB"}}]}
TEXT""")
        daemon = self.main_pid("hakmemd")
        self.run("systemctl reload hakmemd")
        self.wait_tuned(self.main_pid(REDIS), "retain_bytes", 24 << 20, "policy")
        self.ok("a reload puts a new policy in force")
        self.run(f"systemctl restart {REDIS}")
        self.machine.until("redis-cli ping", "redis-server to answer")
        pid = self.main_pid(REDIS)
        wait_until(lambda: pid in self.listed(f"--unit {REDIS}"), "the new redis-server to be seen")
        self.wait_tuned(pid, "retain_bytes", 24 << 20, "policy")
        self.redis_serves()
        self.ok("a restarted redis-server is seen again, and its policy holds")
        self.run("echo '{\"interval_ms\": 1}' >/etc/hakmem/policy.d/wrong.json")
        self.machine.attempt("systemctl reload hakmemd")
        self.machine.until("journalctl -u hakmemd | grep -F wrong.json", "the daemon to complain")
        self.wait_tuned(pid, "retain_bytes", 24 << 20, "policy")
        self.run("rm /etc/hakmem/policy.d/wrong.json; systemctl reload hakmemd")
        expect(self.main_pid("hakmemd") == daemon, "hakmemd did not survive a reload")
        self.ok("a wrong configuration is named in the journal, and what ran before goes on")

    def watchdog(self):
        """With times that a test can wait for; what happens is the same."""
        pids = set(self.crowd())
        self.tell_crowd(retain_bytes=40 << 20, bin_cap=66)
        self.run("""mkdir -p /run/systemd/system/hakmemd.service.d
printf '[Service]\\nWatchdogSec=3\\nTimeoutStopSec=3\\n' >/run/systemd/system/hakmemd.service.d/test.conf
systemctl daemon-reload && systemctl restart hakmemd""")
        daemon = self.main_pid("hakmemd")
        self.wait_crowd(pids, "after the restart")
        self.run(f"kill -STOP {daemon}")
        wait_until(lambda: self.main_pid("hakmemd") not in (0, daemon), "the watchdog to replace hakmemd", 0.5)
        self.run("journalctl -u hakmemd -o cat | grep -i watchdog | tail -3")
        self.wait_crowd(pids, "after the watchdog")
        wait_until(lambda: len(self.tuned_crowd()) >= BUSY, "tuning to be in force again")
        self.wake_crowd()
        self.redis_serves()
        self.run("rm -r /run/systemd/system/hakmemd.service.d; systemctl daemon-reload; systemctl restart hakmemd")
        self.wait_crowd(pids, "after the restart")
        self.ok("a hakmemd that hangs (SIGSTOP) is replaced by the watchdog; everybody is back, tuned")

    def upgrade(self):
        pid, pids = self.main_pid(REDIS), set(self.crowd())
        self.tell_crowd(retain_bytes=32 << 20, bin_cap=55)
        expect(self.ask("info")["version"] == self.previous, "another version than was installed")
        self.run(f"dpkg -i /packages/{self.current}/*.deb")
        wait_until(lambda: self.ask("info")["version"] == self.current, "the new hakmemd")
        expect(self.main_pid(REDIS) == pid, "redis-server was restarted by the upgrade")
        self.redis_serves()
        self.wait_crowd(pids, "after the upgrade")
        wait_until(lambda: pid in self.listed(f"--unit {REDIS}"), "redis-server to be seen")
        expect(self.listed(f"--unit {REDIS}")[pid]["version"] == self.previous, "a library of another version")
        self.machine.attempt(f"hakmemctl tune --unit {REDIS} --wait 0s bin_cap=99")
        self.wait_tuned(pid, "bin_cap", 99, "operator")
        wait_until(lambda: len(self.tuned_crowd()) >= BUSY, "tuning to be in force")
        self.wake_crowd()
        self.ok(f"upgraded to {self.current} while services ran: none was disturbed, all are seen and tuned on the "
                "library they began with")
        self.run(f"systemctl restart {REDIS}")
        self.machine.until("redis-cli ping", "redis-server to answer")
        pid = self.main_pid(REDIS)
        wait_until(lambda: self.listed(f"--unit {REDIS}").get(pid, {}).get("version") == self.current,
                   "redis-server on the new library")
        old = self.run(f"grep 'libhakmem.*deleted' /proc/{pid}/maps || true", quiet=True)
        expect(not old.strip(), "the old library")
        self.ok(f"restarted, redis-server runs on {self.current}")

    def remove(self, before):
        pid = self.main_pid(REDIS)
        self.run("apt-get -y purge libhakmem0 libhakmem-dev hakmem-daemon hakmem-tools")
        expect(self.main_pid(REDIS) == pid and self.maps_library(pid), "redis-server was disturbed by the removal")
        self.redis_serves()
        self.work_redis()
        crowd = self.run("pgrep -c -f '^[a-z/]*(sh|perl) /packages/crowd'", quiet=True).strip()
        expect(int(crowd) == IDLE + BUSY + 1, f"{crowd} of the crowd are left")
        self.ok("packages are removed while services run, and those work on")
        self.run(f"systemctl stop {CROWD}")
        self.run(f"systemctl restart {REDIS}")
        self.machine.until("redis-cli ping", "redis-server to answer")
        expect(not self.maps_library(self.main_pid(REDIS)), "redis-server found a library that is not there")
        self.redis_serves()
        complaints = self.run(f"journalctl -u {REDIS} -o cat -n 20 | grep -F 'cannot be preloaded' || true")
        expect(not complaints.strip(), "redis-server is still told to preload the library")
        self.ok("restarted, redis-server runs without hakmem, and kept its data")
        left = sorted(self.files() - before)
        expect(not left, "left behind: " + ", ".join(left[:20]))
        units = self.run("systemctl list-unit-files --no-legend 'hakmem*' || true", quiet=True)
        expect(not units.strip(), "a unit is left")
        left = self.run("find / -xdev -name '*hakmem*' -not -path '/packages/*' -not -path '/var/log/*' "
                        "-not -path '/var/lib/systemd/*'", quiet=True).split()
        expect(not left, "files of our name are left: " + ", ".join(left[:20]))
        expect(not self.run("pgrep -l hakmem || true", quiet=True).strip(), "a process is left")
        self.ok("nothing is left of the packages: no file, no unit, no process (but the user, as Debian has it)")

    def all(self):
        before = self.files()
        self.install()
        self.enable()
        self.tune()
        self.gather()
        self.restart_daemon()
        self.user()
        self.policies()
        self.watchdog()
        self.upgrade()
        self.remove(before)


def gather_packages(folders, folder):
    """One folder for the machine to look into, with a folder for each version."""
    place = os.path.join(folder, "packages")
    shutil.rmtree(place, ignore_errors=True)
    versions = []
    for source in folders:
        debs = [path for path in glob.glob(os.path.join(source, "*.deb")) if "-dbgsym_" not in path]
        if not debs:
            raise Failure(f"{source}: no packages")
        versions.append(os.path.basename(debs[0]).split("_")[1])
        os.makedirs(os.path.join(place, versions[-1]))
        for path in debs:
            shutil.copy(path, os.path.join(place, versions[-1]))
    for name in ("crowd.pl", "crowd.sh"):
        shutil.copy(os.path.join(HERE, name), place)
    return place, versions


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--previous", required=True, help="packages to begin with")
    parser.add_argument("--current", required=True, help="packages to upgrade to")
    parser.add_argument("--folder", required=True, help="where the root is kept, and the transcript")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("host_test.py: needs root: it boots a system (systemd-nspawn)")
    os.makedirs(options.folder, exist_ok=True)
    transcript = Transcript(os.path.join(options.folder, "transcript.txt"))
    try:
        pristine = debian_root.make(options.folder, transcript.say)
        bind, versions = gather_packages((options.previous, options.current), options.folder)
        transcript.say(f"a Debian {debian_root.release()} by systemd-nspawn; at most {DEADLINE_S} s for each wait")
        with Machine(pristine, options.folder, bind, transcript) as machine:
            transcript.ok("it boots")
            try:
                HostTest(machine, transcript, versions).all()
            except Failure as failure:
                transcript.say(f"not ok {transcript.checks + 1} - {failure}")
                journal = machine.attempt("journalctl --no-pager -n 60; systemctl --no-pager status hakmemd | head -30")
                print(journal.stdout)
                raise
    except Failure as failure:
        sys.exit(f"FAILED: {failure}\nall that was done: {transcript.path}")
    transcript.say(f"1..{transcript.checks}")
    print(f"all that was done: {transcript.path}")


if __name__ == "__main__":
    main()
