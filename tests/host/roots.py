#!/usr/bin/env python3
"""What a new user does, in fresh Debian systems: ./dev demo and ./dev test in a bare root of each release.

usage: roots.py [OPTION...] [RELEASE...] [-- ARGUMENT...]

RELEASE: 12, 13, sid (all three), or the name of another that debootstrap knows. ARGUMENT: for ./dev test there.
  --folder DIR   where transcripts go: RELEASE.log, and RELEASE.tests.log, what the tests printed (default: build/roots)
  --mirror URI   in place of the archive that this host's apt is set up for
  --stale        take lists of packages that the archive should have renewed: an archive that is a copy of some day, or
                 is kept by a proxy, shows sid as it was, and apt refuses what is older than its date allows
  --keep         leave the roots where they are

It takes root, debootstrap and some 3 GB below TMPDIR (/var/tmp) for one root at a time. The tree there is a clone of
what is committed here. Nothing that runs in a root outlives it: it has its own processes and mounts.
"""
import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import debian_root

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CODENAMES = {"12": "bookworm", "13": "trixie", "sid": "sid"}
NEEDED_BYTES = 6 << 30
PLACE = "/src/hakmem"
# A hang ends here; nothing is measured against it.
DEADLINES_S = {"debootstrap": 1800, "demo": 3600, "test": 14400, "ask": 120}

ENTER = r"""
root=$1
shift
mount --make-rprivate /
# Programs in it make mount namespaces of their own, for which a root has to be a mount.
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --rbind /sys "$root/sys"
mount -t tmpfs tmpfs "$root/run"
exec chroot "$root" /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
    TERM=dumb LANG=C.UTF-8 "$@"
"""


def say(text):
    print(f"roots: {text}", flush=True)


class Root:
    """A bare system of a release, and the tree in it."""

    def __init__(self, release, options):
        self.release, self.codename = release, CODENAMES.get(release, release)
        self.options = options
        self.log = os.path.join(options.folder, f"{release}.log")
        self.top = tempfile.mkdtemp(prefix=f"hakmem-root-{release}.", dir=os.environ.get("TMPDIR", "/var/tmp"))
        os.chmod(self.top, 0o755)
        self.path = os.path.join(self.top, "root")
        self.spent, self.commit = {}, ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.options.keep:
            say(f"kept: {self.path}")
        else:
            shutil.rmtree(self.top)

    def write(self, text):
        with open(self.log, "a", encoding="utf-8") as log:
            log.write(text)

    def run(self, command, deadline, **more):
        """Exit status of a command whose output goes into the transcript. With it ends whatever it started."""
        with open(self.log, "ab") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                                       start_new_session=True, **more)
            try:
                return process.wait(deadline)
            except subprocess.TimeoutExpired:
                self.write(f"\n(ended after {deadline} s)\n")
                return 124
            finally:
                # unshare's child is the first process of its namespace, and ends with it.
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()

    @staticmethod
    def entering(path, command):
        return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "bash", "-euc", ENTER, "enter", path, *command]

    def ask(self, text):
        """The first line that a shell in the root prints."""
        done = subprocess.run(self.entering(self.path, ["sh", "-c", text]), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False, timeout=DEADLINES_S["ask"])
        return (done.stdout.splitlines() or [""])[0].strip()

    def make(self):
        uri = self.options.mirror or debian_root.mirror(debian_root.release())
        say(f"{self.release}: debootstrap {self.codename}")
        # Its mounts are in a namespace of their own, gone however it ends.
        command = ["unshare", "--mount", "debootstrap", "--variant=minbase", self.codename, self.path, uri]
        status = self.run(command, DEADLINES_S["debootstrap"], env={**os.environ, **debian_root.proxies()})
        if status != 0:
            raise RuntimeError(f"debootstrap {self.codename} ended with {status}: {self.log}")
        settings = debian_root.apt_settings()
        if self.options.stale:
            settings += 'Acquire::Check-Valid-Until "false";\n'
        with open(os.path.join(self.path, "etc/apt/apt.conf.d/90host"), "w", encoding="utf-8") as file:
            file.write(settings)
        # The owner of the tree may be another than who runs this.
        trust = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}
        env = {**os.environ, **trust}
        subprocess.run(["git", "-c", "advice.detachedHead=false", "clone", "--quiet", "--depth", "1",
                        f"file://{SOURCE}", self.path + PLACE], check=True, env=env)
        self.commit = subprocess.run(["git", "-C", self.path + PLACE, "rev-parse", "--short=10", "HEAD"], check=True,
                                     env=env, capture_output=True, text=True).stdout.strip()

    def dev(self, word, *arguments):
        """./dev WORD in the root. Its exit status; how long it took is kept."""
        line = " ".join(["./dev", word, *arguments])
        say(f"{self.release}: {line}")
        self.write(f"\n{PLACE}$ {line}\n")
        begin = time.monotonic()
        status = self.run(self.entering(self.path, ["bash", "-c", f'cd {PLACE} && exec ./dev "$@"', "dev", word,
                                                    *arguments]), DEADLINES_S[word])
        self.spent[word] = round(time.monotonic() - begin)
        self.write(f"\n(exit status {status}, {self.spent[word]} s)\n")
        return status

    def counts(self):
        """Tests passed, skipped and failed, as ./dev test said last."""
        with open(self.log, encoding="utf-8", errors="replace") as log:
            found = re.findall(r"^dev: tests: (\d+) passed, (\d+) skipped, (\d+) failed", log.read(), re.M)
        return [int(number) for number in found[-1]] if found else None

    def facts(self):
        version = r"sed -n '1s/.* \([0-9][0-9.]*\)$/\1/p'"
        return {"release": self.ask("echo Debian $(cat /etc/debian_version)"),
                "glibc": self.ask(f"ldd --version | {version}"), "gcc": self.ask(f"gcc --version | {version}"),
                "cmake": self.ask(f"cmake --version | {version}"),
                "commit": self.commit,
                "tests": self.counts(), **{f"{word}_s": seconds for word, seconds in self.spent.items()}}


def one(release, options):
    """0 if all went well in a root of the release."""
    with open(os.path.join(options.folder, f"{release}.log"), "wb"):
        pass
    with Root(release, options) as root:
        root.make()
        statuses = {"demo": root.dev("demo"), "test": root.dev("test", *options.arguments)}
        results = os.path.join(root.path + PLACE, "build/Testing/Temporary/LastTest.log")
        if os.path.exists(results):
            shutil.copy(results, os.path.join(options.folder, f"{release}.tests.log"))
        facts = root.facts()
        facts["demo"] = "passes" if statuses["demo"] == 0 else "fails"
        root.write("ran: " + json.dumps(facts, sort_keys=True) + "\n")
    passed, skipped, failed = facts["tests"] or ("no", "no", "no")
    say(f"{release}: {facts['release']}, glibc {facts['glibc']}, gcc {facts['gcc']}, cmake {facts['cmake']}: demo "
        f"{facts['demo']} ({facts['demo_s']} s); tests: {passed} passed, {skipped} skipped, {failed} failed "
        f"({facts['test_s']} s); {root.log}")
    return int(any(statuses.values()))


def read_options():
    words, arguments = sys.argv[1:], []
    if "--" in words:
        at = words.index("--")
        words, arguments = words[:at], words[at + 1:]
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1], add_help=False)
    parser.add_argument("--folder", default=os.path.join(SOURCE, "build", "roots"))
    parser.add_argument("--mirror")
    parser.add_argument("--stale", action="store_true")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("releases", nargs="*")
    options = parser.parse_args(words)
    options.releases = options.releases or list(CODENAMES)
    options.arguments = arguments
    for release in options.releases:
        script = os.path.join("/usr/share/debootstrap/scripts", CODENAMES.get(release, release))
        if "/" in release or not os.path.exists(script):
            parser.error(f"no release '{release}': 12, 13, sid, or another that debootstrap knows")
    return options


def main():
    if "-h" in sys.argv[1:] or "--help" in sys.argv[1:]:
        print(__doc__)
        return 0
    options = read_options()
    if os.geteuid() != 0:
        say("takes root: it makes whole systems (debootstrap, chroot)")
        return 1
    os.makedirs(options.folder, exist_ok=True)
    if shutil.disk_usage(os.environ.get("TMPDIR", "/var/tmp")).free < NEEDED_BYTES:
        say(f"wants {NEEDED_BYTES >> 30} GiB free below {os.environ.get('TMPDIR', '/var/tmp')} (TMPDIR)")
        return 1
    if subprocess.run(["git", "-c", "safe.directory=*", "status", "--porcelain"], cwd=SOURCE, capture_output=True,
                      check=False).stdout:
        say("what is not committed here is not in the roots")
    # So that a root is removed when this is ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    status = 0
    for release in options.releases:
        try:
            status |= one(release, options)
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:
            say(f"{release}: {error}")
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
