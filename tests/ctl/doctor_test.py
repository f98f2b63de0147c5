"""hakmemctl doctor: each finding is found where it is, and nowhere else; all of them are in the manual."""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import unittest

from fake_daemon import FakeDaemon, process, totals
from tool import BUILD, SOURCE, Case, environment, wait_until

LIBRARY = os.environ.get("HAKMEM_LIB", os.path.join(BUILD, "lib", "libhakmem.so"))
WAITS = """#include <stdio.h>
#include <stdlib.h>
int main(void) { free(malloc(100)); puts(""); fflush(stdout); return getchar(); }
"""
SLEEP = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()"]


def every_finding():
    """Each name, and whether it is a FAULT or a NOTE."""
    with open(os.path.join(SOURCE, "ctl", "doctor", "findings.def"), encoding="utf-8") as file:
        return dict(re.findall(r'^HK_FINDING\(\w+, "([a-z-]+)", ([A-Z]+),', file.read(), re.MULTILINE))


class Well(FakeDaemon):
    """A scripted daemon whose processes are in the best of health, but for what a test changes."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.info, self.counts, self.rates, self.gauges, self.tuning = {}, {}, {}, {}, {}

    def do_info(self, params):
        return {**super().do_info(params), "version": VERSION, "last_refusals": [], **self.info}

    def do_stats(self, params):
        result = super().do_stats(params)
        for entry in result["processes"]:
            entry["version"] = self.info.get("its_version", VERSION)
            entry["totals"] = {**dict.fromkeys(totals(1), 0), **self.counts}
            entry["rates"] = {**dict.fromkeys(entry["rates"], 0), **self.rates}
            entry["gauges"] = {**dict.fromkeys(entry["gauges"], 0), **self.gauges}
        return result

    def do_tune_get(self, params):
        result = super().do_tune_get(params)
        for entry in result["processes"]:
            entry.update({k: v for k, v in self.tuning.items() if k != "verdict"})
            entry["tunables"]["bin_cap"]["verdict"] = self.tuning.get("verdict", "none")
        return result


def version():
    with open(os.path.join(SOURCE, "CMakeLists.txt"), encoding="utf-8") as file:
        return re.search(r"^project\(hakmem VERSION (\S+)", file.read(), re.MULTILINE)[1]


VERSION = version()


class Doctor(Case):
    def start(self, *command, **variables):
        """A program with what is given in its environment, and nothing to do; its pid."""
        changes = {"HAKMEM_RUNTIME_DIR": self.dir, **variables}
        child = subprocess.Popen(command or SLEEP, env=environment(**changes), stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.addCleanup(self.end, child)
        child.stdout.readline()
        return child.pid

    def findings(self, *words, wrap=(), **variables):
        """{(name, pid)} of what is found, after a check that status, weights and lists say the same."""
        env = environment(**variables)
        status, out, err = self.ctl(*wrap[1:], *((BUILD + "/ctl/hakmemctl",) if wrap else ()), "--runtime-dir",
                                    self.dir, "doctor", "--json", *map(str, words), env=env,
                                    **({"tool": wrap[0]} if wrap else {}))
        self.assertEqual(err, "")
        result, weights = json.loads(out), every_finding()
        faults, notes = result["findings"], result["notes"]
        self.assertEqual(status, 1 if faults else 0)
        for finding in faults + notes:
            self.assertEqual(set(finding), {"finding", "pid", "comm", "seen", "advice"})
        self.assertEqual({weights[f["finding"]] for f in faults} - {"FAULT"}, set())
        self.assertEqual({weights[f["finding"]] for f in notes} - {"NOTE"}, set())
        return {(f["finding"], f["pid"]) for f in faults + notes}

    def daemon(self, where=None):
        where = where or self.dir
        child = subprocess.Popen([os.path.join(BUILD, "daemon", "hakmemd"), "--runtime-dir", where, "--interval-ms",
                                  "50", "--config", self.config()], env=environment(), stderr=subprocess.DEVNULL)
        self.addCleanup(self.end, child, signal.SIGTERM)
        wait_until(lambda: self.ctl("--runtime-dir", where, "info")[0] == 0, "the daemon's first answer")
        return child

    def config(self):
        path = os.path.join(self.dir, "hakmemd.json")
        with open(path, "w", encoding="utf-8") as file:
            file.write("{}\n")
        return path


class Scripted(Doctor):
    """What the daemon's figures say."""

    def setUp(self):
        super().setUp()
        self.fake = Well(self.dir, [process(4242)])
        self.addCleanup(self.fake.stop)

    def expect(self, *found):
        self.assertEqual(self.findings("--comm", process(1)["comm"]), set(found))

    def test_nothing(self):
        self.expect()
        status, out, err = self.at("doctor", "--comm", process(1)["comm"])
        self.assertEqual((status, err, out), (0, "", "nothing found; processes looked at: 1\n"))

    def test_counts(self):
        for name, figures, finding in (("counts", {"failed_allocs_total": 3}, "failed-allocations"),
                                       ("counts", {"sys_errors_total": 3}, "refused-calls"),
                                       ("gauges", {"heaps_unpublished": 3}, "unpublished-heaps"),
                                       ("rates", {"allocs_per_s": 1e6, "refills_per_s": 3e4, "flushes_per_s": 3e4},
                                        "many-refills"),
                                       ("rates", {"purged_bytes_per_s": 1 << 30}, "many-purges"),
                                       ("tuning", {"generation_published": 4}, "pending"),
                                       ("tuning", {"verdict": "clamped"}, "clamped"),
                                       ("tuning", {"verdict": "unknown"}, "unknown-value"),
                                       ("tuning", {"verdict": "fixed"}, "fixed"),
                                       ("info", {"its_version": "0.0.1"}, "other-version")):
            with self.subTest(finding=finding):
                setattr(self.fake, name, figures)
                self.expect((finding, 4242))
                setattr(self.fake, name, {})

    def test_few_refills_and_idle_processes_are_no_finding(self):
        self.fake.rates = {"allocs_per_s": 1e6, "refills_per_s": 1e4, "purged_bytes_per_s": 1000}
        self.expect()
        self.fake.rates = {"allocs_per_s": 10, "refills_per_s": 5, "flushes_per_s": 5}
        self.expect()

    def test_the_daemon(self):
        self.fake.info = {"version": "0.0.1"}
        self.expect(("other-version", None))

    def test_mappings(self):
        with open("/proc/sys/vm/max_map_count", encoding="utf-8") as file:
            most = int(file.read())
        if most > 200000:
            self.skipTest("this host allows a great many mappings")
        script = ("import ctypes, mmap, sys\n"
                  "libc = ctypes.CDLL(None, use_errno=True)\n"
                  f"n = {int(most * 0.9)}\n"
                  "m = mmap.mmap(-1, n * 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)\n"
                  "at = ctypes.addressof(ctypes.c_char.from_buffer(m))\n"
                  "for i in range(0, n, 2):\n"
                  "    if libc.mprotect(ctypes.c_void_p(at + i * 4096), 4096, 1) != 0: break\n"
                  "print(flush=True); sys.stdin.read()")
        pid = self.start(sys.executable, "-c", script)
        self.fake.processes = [process(pid)]
        self.assertEqual(self.findings(pid), {("many-mappings", pid)})

    def test_a_refusal(self):
        pid = self.start(LD_PRELOAD=LIBRARY)
        self.fake.info = {"last_refusals": [{"pid": pid, "uid": 0, "reason": "too many", "age_s": 3}]}
        self.assertEqual(self.findings(pid), {("hello-refused", pid)})

    def test_notes_of_one_name_stand_together(self):
        self.fake.processes = [process(4000 + i) for i in range(11)]
        self.fake.tuning = {"generation_published": 4}
        status, out, err = self.at("doctor", "--comm", process(1)["comm"])
        self.assertEqual((status, err), (0, ""))
        lines = out.splitlines()
        self.assertEqual(lines[0], "note: pending")
        self.assertEqual(lines[1], "  process 4000 (server): generation 4 is published, 3 in force")
        self.assertEqual(lines[9], "  and 3 more; --json shows all")
        self.assertEqual(lines[-1], "nothing to do; processes looked at: 11")
        self.assertEqual(" ".join(out.split()).count("nothing is to be done"), 1)

    def test_a_socket_that_nobody_listens_at(self):
        """It has the library, and cannot greet: just started at first, unseen when it has had its time."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.addCleanup(listener.close)
        listener.bind(os.path.join(self.dir, "hello"))
        pids = []

        def look_at_a_new_one():
            pids.append(self.start(LD_PRELOAD=LIBRARY))
            return self.findings(pids[-1]) == {("just-started", pids[-1])}

        wait_until(look_at_a_new_one, "a process that has just started")
        wait_until(lambda: self.findings(pids[0]) == {("unseen", pids[0])}, "that it is unseen")

    def test_hostile_names_do_not_reach_the_terminal(self):
        self.fake.processes = [process(4242, comm="\x1b[31mred\n")]
        self.fake.counts = {"failed_allocs_total": 1}
        status, out, _ = self.at("doctor", "4242")
        self.assertEqual(status, 1)
        self.assertNotIn("\x1b", out)


class Real(Doctor):
    """What /proc says of processes that no daemon sees."""

    def test_no_daemon_no_library_old_kernel(self):
        self.assertEqual(self.findings("--comm", "none"), {("no-daemon", None)})
        self.assertEqual(self.findings("--comm", "none", HAKMEM_LIBRARY="/nonexistent"),
                         {("no-daemon", None), ("no-library", None)})
        if shutil.which("setarch"):
            old = self.findings("--comm", "none", wrap=("setarch", os.uname().machine, "--uname-2.6"))
            self.assertEqual(old, {("no-daemon", None), ("old-kernel", None)})

    def test_those_that_are_not_seen(self):
        before = self.start(LD_PRELOAD=LIBRARY)
        retrying = self.start(LD_PRELOAD=LIBRARY, HAKMEM_PUBLISH="retry")
        time.sleep(0.02)  # /proc tells when a process began in hundredths of a second
        self.daemon()
        expected = {
            ("before-daemon", before),
            ("publish-later", retrying),
            ("publish-off", self.start(LD_PRELOAD=LIBRARY, HAKMEM_PUBLISH="off")),
            ("publish-later", self.start("/bin/sh", "-c", "echo; read x", LD_PRELOAD=LIBRARY, HAKMEM_PUBLISH="work")),
            ("other-directory", self.start(LD_PRELOAD=LIBRARY, HAKMEM_RUNTIME_DIR="/nonexistent")),
            ("preload-missing", self.start(LD_PRELOAD="/nonexistent/libhakmem.so")),
            ("preload-refused", self.start(LD_PRELOAD="libhakmem.so.none")),
            ("not-preloaded", self.start(LD_PRELOAD="/nonexistent/other-libhakmem.so")),
        }
        seen = self.start(LD_PRELOAD=LIBRARY)
        wait_until(lambda: self.at("list", str(seen))[0] == 0, "a process in the list")
        pids = [pid for _, pid in expected]
        self.assertEqual(self.findings(*pids, seen), expected)
        self.assertEqual(self.findings(seen), set())

    def test_a_value_that_was_decided_at_the_start(self):
        self.daemon()
        busy = (sys.executable, "-c", "import time; print(flush=True)\n"
                "while True: bytearray(1 << 20), [bytes(100) for _ in range(10000)], time.sleep(0.01)")
        pid, free = (self.start(*busy, LD_PRELOAD=LIBRARY, HAKMEM_HARDEN=modes) for modes in ("1", None))
        for one in (pid, free):
            wait_until(lambda one=one: self.at("list", str(one))[0] == 0, "a process in the list")
        self.at("tune", str(pid), str(free), "harden=off")
        wait_until(lambda: ("fixed", pid) in self.findings(pid, free), "that it is fixed")
        self.assertNotIn(("fixed", free), self.findings(pid, free))
        self.at("tune", "--reset", str(pid))
        wait_until(lambda: ("fixed", pid) not in self.findings(pid, free), "that it is asked for no more")

    def test_a_socket_that_cannot_be_seen(self):
        if os.geteuid() != 0 or not shutil.which("unshare"):
            self.skipTest("takes root and unshare")
        if subprocess.run(["unshare", "--mount", "mount", "-t", "tmpfs", "none", self.dir], check=False,
                          capture_output=True).returncode != 0:
            self.skipTest("no mount namespace here")
        self.daemon()
        script = f"mount -t tmpfs none {self.dir} && LD_PRELOAD={LIBRARY} exec sh -c 'echo; read x'"
        pid = self.start("unshare", "--mount", "sh", "-c", script)
        self.assertEqual(self.findings(pid), {("hidden-socket", pid)})

    def test_those_that_have_just_started(self):
        self.daemon()
        for _ in range(20):
            self.assertEqual(self.findings(self.start("/bin/sh", "-c", "echo; read x", LD_PRELOAD=LIBRARY)), set())

    def test_a_child_that_does_nothing(self):
        self.daemon()
        script = ("import ctypes; libc = ctypes.PyDLL(None); byte = ctypes.create_string_buffer(1); fork = libc.fork\n"
                  "read, pid = libc.read, libc.getpid()\nchild = fork()\n"
                  "if child == 0: read(0, byte, 1)\nelse: print(child, flush=True); read(0, byte, 1)")
        child = subprocess.Popen([sys.executable, "-c", script], env=environment(
            HAKMEM_RUNTIME_DIR=self.dir, LD_PRELOAD=LIBRARY), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(self.end, child)
        quiet = int(child.stdout.readline())
        found = self.findings(child.pid, quiet)
        if self.at("list", str(quiet))[0] == 0:
            self.skipTest("this interpreter allocates in a child that does nothing")
        self.assertEqual(found, {("quiet-child", quiet)})

    def test_processes_of_another_daemon(self):
        """One daemon is asked; the process looks for its own, in directories that are not this one's."""
        self.daemon()
        own = os.path.join(self.dir, "x", "hakmem")
        os.makedirs(own, 0o700)
        here = {"LD_PRELOAD": LIBRARY, "XDG_RUNTIME_DIR": os.path.dirname(own), "HAKMEM_RUNTIME_DIR": None}
        alone = self.start(**here)
        self.assertEqual(self.findings(alone), {("other-directory", alone)})
        self.daemon(own)
        seen = self.start(**here)
        self.assertEqual(self.findings(seen), {("other-directory", seen)})
        said = json.loads(self.at("doctor", "--json", str(seen))[1])["notes"][0]["seen"]
        if not os.path.exists("/run/hakmem"):
            self.assertEqual(said, f"seen by the daemon in {own}")

    def test_processes_of_another_directory_are_one_line(self):
        self.daemon()
        elsewhere = {"LD_PRELOAD": LIBRARY, "HAKMEM_RUNTIME_DIR": os.path.join(self.dir, "one")}
        pids = sorted(self.start(**elsewhere) for _ in range(3))
        other = self.start(**elsewhere | {"HAKMEM_RUNTIME_DIR": os.path.join(self.dir, "two")})
        status, out, err = self.at("--width", "400", "doctor", *map(str, pids), str(other))
        self.assertEqual((status, err), (0, ""))
        lines = out.splitlines()
        self.assertEqual(lines[0], "note: other-directory")
        self.assertRegex(lines[1] + "\n" + lines[2], rf"(?m)^  process {pids[0]} \(.*\) and 2 others: "
                                                     rf"started with HAKMEM_RUNTIME_DIR={self.dir}/one,")
        self.assertRegex(lines[1] + "\n" + lines[2],
                         rf"(?m)^  process {other} \([^)]*\): started with HAKMEM_RUNTIME_DIR={self.dir}/two,")
        self.assertEqual(lines[-1], "nothing to do; processes looked at: 4")
        self.assertEqual(self.findings(*pids, other), {("other-directory", pid) for pid in [*pids, other]})

    def compile(self, name, source, *flags, compiler=None):
        cc = compiler or shutil.which("cc") or shutil.which("gcc")
        path = os.path.join(self.dir, name)
        if not cc or subprocess.run([cc, "-xc", "-", "-o", path, *flags], input=source, text=True, check=False,
                                    stderr=subprocess.DEVNULL).returncode:
            self.skipTest("cannot be compiled here")
        return path

    def test_programs_that_hakmem_does_no_good(self):
        """One has an allocator of its own beside the C library's; one is not dynamically linked."""
        self.daemon()
        heap = self.compile("heap", WAITS + "void *mi_malloc(unsigned long n) { return (void *)n; }\n")
        pid = self.start(heap, LD_PRELOAD=LIBRARY)
        self.assertEqual(self.findings(pid), {("other-heap", pid)})
        static = self.compile("static", WAITS, "-static")
        pid = self.start(static, LD_PRELOAD=LIBRARY)
        self.assertEqual(self.findings(pid), {("preload-refused", pid)})
        said = json.loads(self.at("doctor", "--json", str(pid))[1])["findings"][0]["seen"]
        self.assertIn("it is statically linked", said)

    def without(self, program, name, said):
        """A process that was not preloaded is told why that is as well."""
        pid = self.start(program)
        self.assertEqual(self.findings(pid), {(name, pid)})
        result = json.loads(self.at("doctor", "--json", str(pid))[1])
        seen = (result["findings"] + result["notes"])[0]["seen"]
        self.assertTrue(seen.startswith(f"it has no libhakmem.so, and {program}: it is "), seen)
        self.assertIn(said, seen)

    def test_programs_that_are_as_well_without(self):
        self.daemon()
        self.without(self.compile("static", WAITS, "-static"), "preload-useless", "statically linked")
        plain = self.start(self.compile("plain", WAITS))
        self.assertEqual(self.findings(plain), {("not-preloaded", plain)})

    def test_sanitizers_that_are_not_preloaded(self):
        self.daemon()
        for name in ("address", "thread"):
            with self.subTest(name):
                self.without(self.compile(name, WAITS, f"-fsanitize={name}"), "preload-useless", "stands back")

    @unittest.skipUnless(shutil.which("musl-gcc"), "no musl-gcc")
    def test_a_program_for_musl(self):
        self.daemon()
        program = self.compile("musl", WAITS, compiler="musl-gcc")
        if subprocess.run([program], input="", text=True, check=False, capture_output=True).stdout != "\n":
            self.skipTest("programs for musl do not run here")
        self.without(program, "preload-harmful", "made for musl")

    def test_sanitizers_that_are_preloaded(self):
        """The library stands back and publishes nothing: no daemon, no age and no setting makes a difference."""
        program = self.compile("address", WAITS, "-fsanitize=address")
        before = self.start(program, LD_PRELOAD=LIBRARY)
        self.assertEqual(self.findings(before), {("no-daemon", None), ("preload-useless", before)})
        self.daemon()
        pid = self.start(program, LD_PRELOAD=LIBRARY, HAKMEM_RUNTIME_DIR="/nonexistent")
        self.assertEqual(self.findings(before, pid), {("preload-useless", before), ("preload-useless", pid)})
        self.assertIn(f"{program}: it is built with a sanitizer", self.at("--width", "400", "doctor", str(pid))[1])

    def test_services_that_are_enabled(self):
        """Two services of one's own manager; the program of one is for musl, of the other for another machine."""
        units = os.path.join(self.dir, "config", "systemd", "user")
        with open(os.path.realpath("/bin/true"), "rb") as f:
            image = bytearray(f.read())
        other = bytearray(image)
        other[18:20] = b"\x16\0"  # EM_S390
        at = image.index(b"/ld-linux")
        start, end = image.rindex(b"/lib", 0, at), image.index(b"\0", at)
        image[start:end] = b"/lib/ld-musl-x.so.1".ljust(end - start, b"\0")
        for name, program in (("hkmusl", image), ("hkother", other)):
            path = os.path.join(self.dir, name)
            os.makedirs(os.path.join(units, name + ".service.d"))
            for file, mode, data in ((path, 0o755, program),
                                     (os.path.join(units, name + ".service"), 0o644,
                                      f"[Service]\nExecStart=-{path} x\n".encode()),
                                     (os.path.join(units, name + ".service.d", "50-hakmem.conf"), 0o644, b"")):
                with open(file, "wb") as f:
                    f.write(data)
                os.chmod(file, mode)
        env = environment(XDG_CONFIG_HOME=os.path.join(self.dir, "config"), HAKMEM_LIBRARY=LIBRARY)
        status, out, _ = self.at("doctor", "--json", env=env)
        self.assertEqual(status, 1)
        result = json.loads(out)
        harmful = [f for f in result["findings"] if "hkmusl" in f["seen"]]
        useless = [f for f in result["notes"] if "hkother" in f["seen"]]
        self.assertEqual([f["finding"] for f in harmful], ["preload-harmful"])
        self.assertIn("hkmusl.service is enabled, and starts " + self.dir + "/hkmusl: it is made for musl",
                      harmful[0]["seen"])
        self.assertEqual([f["finding"] for f in useless], ["preload-useless"])
        # Of one process nothing is said of services.
        self.assertNotIn("hkmusl", self.at("doctor", "--json", "--comm", "none", env=env)[1])

    def test_processes_that_are_not(self):
        self.daemon()
        status, out, err = self.at("doctor", "4194305")
        self.assertEqual((status, out), (1, "nothing found; processes looked at: 0\n"))
        self.assertIn("process 4194305: there is none", err)


class Manual(unittest.TestCase):
    def test_names_every_finding(self):
        with open(os.path.join(SOURCE, "docs", "troubleshooting.md"), encoding="utf-8") as file:
            headings = re.findall(r"^### (\S+)$", file.read(), re.MULTILINE)
        self.assertEqual(sorted(headings), sorted(every_finding()))
        with open(os.path.abspath(__file__), encoding="utf-8") as file:
            tested = set(re.findall(r'"([a-z]+(?:-[a-z]+)*)"', file.read()))
        self.assertLessEqual(set(every_finding()), tested)


if __name__ == "__main__":
    unittest.main()
