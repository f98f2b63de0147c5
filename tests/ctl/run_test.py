"""hakmemctl run: the program is itself, on hakmem, seen by a daemon, and nothing stays behind.

The daemon is a scripted one in a tree of its own; the library to preload only leaves a trace. live_test.py
does the same with the real ones.
"""
import json
import os
import pty
import resource
import shutil
import signal
import stat
import subprocess
import sys
import unittest

from fake_daemon import FakeDaemon
from tool import TOOL, Case, environment, is_alive, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))

# Writes what it is to stdout, then sleeps until a signal it counts, or end of input.
WITNESS = """
import json, os, signal, sys
seen = []
for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGWINCH"):
    signal.signal(getattr(signal, name), lambda number, _: seen.append(signal.Signals(number).name))
print(json.dumps({"pid": os.getpid(), "ppid": os.getppid(), "environment": dict(os.environ)}), flush=True)
signal.alarm(300)
for line in iter(sys.stdin.readline, ""):
    print(json.dumps(seen), flush=True)
sys.exit(7)
"""


class RunCase(Case):
    def setUp(self):
        super().setUp()
        self.tool = os.path.join(self.dir, "tree", "ctl", "hakmemctl")
        self.library = os.path.join(self.dir, "tree", "lib", "libhakmem.so")
        self.daemon = os.path.join(self.dir, "tree", "daemon", "hakmemd")
        self.tmp = os.path.join(self.dir, "tmp")
        self.trace = os.path.join(self.dir, "trace")
        self.marker = os.path.join(self.dir, "marker")
        for source, target in ((TOOL, self.tool), (os.environ["HAKMEM_MARKER"], self.library),
                               (os.environ["HAKMEM_FAKE_DAEMON"], self.daemon)):
            os.makedirs(os.path.dirname(target))
            shutil.copy(source, target)
        os.mkdir(self.tmp)

    def env(self, **changes):
        return environment(**{"TMPDIR": self.tmp, "FAKE_HAKMEMD_TRACE": self.trace, "FAKE_HAKMEMD_PATH": HERE,
                              "MARKER_FILE": self.marker, "PYTHONDONTWRITEBYTECODE": "1", **changes})

    def run_ctl(self, *words, before=(), env=None, **more):
        return self.ctl(*before, "run", *words, tool=self.tool, env=env or self.env(), **more)

    def start(self, *words, env=None, **more):
        """A program under run whose end the test decides, and what it says of itself."""
        tool = subprocess.Popen([self.tool, "run", *words, "--", sys.executable, "-c", WITNESS], text=True,
                                env=env or self.env(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, **more)
        self.addCleanup(self.end, tool)
        return tool, json.loads(tool.stdout.readline())

    def end(self, tool):
        tool.kill()
        tool.wait(120)
        for stream in (tool.stdin, tool.stdout, tool.stderr):
            stream.close()

    def started(self):
        """How the private daemon was started."""
        with open(self.trace, encoding="utf-8") as f:
            return json.load(f)

    def expect_clean(self, daemon=None):
        """The private daemon, its keeper and its directory go away."""
        daemon = daemon or self.started()
        wait_until(lambda: not is_alive(daemon["pid"]), "end of the private daemon")
        wait_until(lambda: not os.path.exists(daemon["directory"]), "removal of its directory")
        wait_until(lambda: not is_alive(daemon["keeper"]), "end of its keeper")
        self.assertEqual(os.listdir(self.tmp), [])


class Program(RunCase):
    def test_is_the_process_itself(self):
        tool, said = self.start()
        self.assertEqual(said["pid"], tool.pid)
        self.assertEqual(said["ppid"], os.getpid())

    def test_has_the_library_loaded(self):
        status, out, err = self.run_ctl("--", "sh", "-c", "echo $$")
        self.assertEqual((status, err), (0, ""))
        with open(self.marker, encoding="utf-8") as f:
            self.assertIn(out, f.readlines())

    def test_ends_as_it_ends(self):
        for code in (0, 1, 3, 255):
            self.assertEqual(self.run_ctl("--", "sh", "-c", f"exit {code}")[0], code)
        self.assertEqual(self.run_ctl("sh", "-c", "exit 5")[0], 5)

    def test_a_signal_ends_it_as_a_shell_sees_it(self):
        self.assertEqual(self.run_ctl("--", "sh", "-c", "kill -TERM $$")[0], -signal.SIGTERM)
        shell = f'{self.tool} run -- sh -c "kill -$0 \\$\\$" 2>/dev/null; echo $?'
        for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGUSR1):
            done = subprocess.run(["bash", "-c", shell, str(int(number))], env=self.env(), stdout=subprocess.PIPE,
                                  text=True, timeout=120, check=True)
            self.assertEqual(done.stdout.splitlines()[-1], str(128 + number))

    def test_streams_are_its_own(self):
        done = subprocess.run([self.tool, "run", "--", "sh", "-c", "cat; echo said >&2"], input="typed\n", text=True,
                              env=self.env(), capture_output=True, timeout=120, check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "typed\n", "said\n"))

    def test_arguments_stay_as_they_are(self):
        words = ["--json", "", " a b ", "-v", "--", "$HOME", "*"]
        status, out, _ = self.run_ctl("--", "printf", "[%s]", *words)
        self.assertEqual((status, out), (0, "".join(f"[{w}]" for w in words)))

    def test_signals_reach_it_once(self):
        tool, _ = self.start()
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGWINCH):
            tool.send_signal(number)
        seen = []
        def all_came():
            tool.stdin.write("?\n")
            tool.stdin.flush()
            seen[:] = json.loads(tool.stdout.readline())
            return len(seen) >= 4
        wait_until(all_came, "four signals")
        self.assertEqual(sorted(seen), sorted(["SIGTERM", "SIGHUP", "SIGUSR1", "SIGWINCH"]))
        tool.stdin.close()
        self.assertEqual(tool.wait(120), 7)
        self.expect_clean()

    def test_descriptors_stay_open(self):
        readable, writable = os.pipe()
        os.set_inheritable(writable, True)
        subprocess.run([self.tool, "run", "--", "sh", "-c", f"echo through >&{writable}"], env=self.env(),
                       close_fds=False, timeout=120, check=True)
        os.close(writable)
        with os.fdopen(readable) as f:
            self.assertEqual(f.read(), "through\n")

    def test_not_found_and_not_executable(self):
        plain = os.path.join(self.dir, "plain")
        with open(plain, "w", encoding="utf-8"):
            pass
        for name, status, said in (("no-such-program", 127, "not found"), ("/nonexistent/x", 127, "not found"),
                                   (plain, 126, "cannot be executed"), (self.dir, 126, "cannot be executed"),
                                   ("", 127, "not found")):
            got, out, err = self.run_ctl("--", name)
            self.assertEqual((got, out), (status, ""), name)
            self.assertIn(f"{name}: {said}", err)
        self.assertFalse(os.path.exists(self.trace), "a daemon was started for nothing")
        self.assertEqual(os.listdir(self.tmp), [])

    def test_a_script_without_an_interpreter_line(self):
        script = os.path.join(self.dir, "script")
        with open(script, "w", encoding="utf-8") as f:
            f.write("echo ran\n")
        os.chmod(script, 0o755)
        self.assertEqual(self.run_ctl("--", script), (0, "ran\n", ""))

    def test_a_file_that_cannot_run_leaves_nothing_behind(self):
        broken = os.path.join(self.dir, "broken")
        with open(broken, "w", encoding="utf-8") as f:
            f.write("#!/nonexistent/interpreter\n")
        os.chmod(broken, 0o755)
        status, _, err = self.run_ctl("--", broken)
        self.assertEqual(status, 127)
        self.assertIn("No such file or directory", err)
        self.expect_clean()


class Environment(RunCase):
    def variables(self, *words, **changes):
        status, out, err = self.run_ctl(*words, "--", "env", "-0", env=self.env(**changes))
        self.assertEqual((status, err), (0, ""))
        return dict(v.split("=", 1) for v in out.split("\0") if v)

    def test_the_library_comes_first(self):
        self.assertEqual(self.variables()["LD_PRELOAD"], self.library)
        other = os.environ["HAKMEM_MARKER"]
        self.assertEqual(self.variables(LD_PRELOAD=other)["LD_PRELOAD"], f"{self.library}:{other}")

    def test_a_run_in_a_run(self):
        status, out, err = self.run_ctl("--", self.tool, "run", "--", "sh", "-c",
                                        "echo $LD_PRELOAD $HAKMEM_RUNTIME_DIR")
        self.assertEqual((status, err), (0, ""))
        library, directory = out.split()
        self.assertEqual((library, directory), (self.library, self.started()["directory"]))
        self.expect_clean()

    def test_the_library_that_is_named(self):
        other = os.path.join(self.dir, "other.so")
        shutil.copy(self.library, other)
        self.assertEqual(self.variables(HAKMEM_LIBRARY=other)["LD_PRELOAD"], other)
        status, _, err = self.run_ctl("--", "true", env=self.env(HAKMEM_LIBRARY="/nonexistent.so"))
        self.assertEqual(status, 1)
        self.assertIn("HAKMEM_LIBRARY: '/nonexistent.so': No such file", err)

    def test_no_library_at_all(self):
        os.unlink(self.library)
        status, _, err = self.run_ctl("--", "true")
        if status == 0:
            self.skipTest("hakmem is installed on this host")
        self.assertEqual(status, 1)
        self.assertIn("libhakmem.so is neither beside hakmemctl nor in /", err)

    def test_values_and_label(self):
        got = self.variables("--tune", "refill_batch=200", "--tune=retain_bytes=64MiB", "--label", "blue green",
                             HAKMEM_TUNE="bin_cap=8")
        self.assertEqual(got["HAKMEM_TUNE"], "bin_cap=8,refill_batch=200,retain_bytes=64MiB")
        self.assertEqual(got["HAKMEM_LABEL"], "blue green")
        self.assertNotIn("HAKMEM_TUNE", self.variables())

    def test_nothing_else_changes(self):
        before, after = self.env(KEPT="yes"), self.variables(KEPT="yes")
        for name in ("LD_PRELOAD", "HAKMEM_RUNTIME_DIR", "_"):
            before.pop(name, None)
            after.pop(name, None)
        self.assertEqual(before, after)

    def test_a_static_program_is_warned_of(self):
        program = os.path.join(self.dir, "static")
        with open(os.path.realpath("/bin/true"), "rb") as f:
            image = bytearray(f.read())
        start, size, count = (int.from_bytes(image[a:b], "little") for a, b in ((32, 40), (54, 56), (56, 58)))
        for at in range(start, start + size * count, size):
            if int.from_bytes(image[at:at + 4], "little") == 3:  # PT_INTERP
                image[at:at + 4] = bytes(4)
        with open(program, "wb") as f:
            f.write(image)
        os.chmod(program, 0o755)
        # It has no interpreter any more, so it cannot live: what counts is what was said before.
        _, _, err = self.run_ctl("--", program, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)))
        self.assertEqual(err, f"hakmemctl: warning: {program} will not run on hakmem: it is statically linked: "
                         "nothing can be preloaded into it\nlink it with libhakmem.a\n")
        self.expect_clean()


class PrivateDaemon(RunCase):
    def test_has_a_directory_of_its_own(self):
        tool, said = self.start("-v")
        daemon = self.started()
        directory = daemon["directory"]
        self.assertEqual(said["environment"]["HAKMEM_RUNTIME_DIR"], directory)
        self.assertEqual(daemon["mode"], "0o700")
        self.assertTrue(directory.startswith(self.tmp + "/"))
        self.assertEqual(self.ctl("--runtime-dir", directory, "list")[0], 0)
        tool.stdin.close()
        self.assertEqual(tool.wait(120), 7)
        self.assertIn(f"hakmemctl --runtime-dir {directory} list", tool.stderr.read())
        self.expect_clean(daemon)

    def test_says_nothing_unless_asked(self):
        self.assertEqual(self.run_ctl("--", "true"), (0, "", ""))

    def test_ends_when_the_program_is_killed(self):
        for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV):
            tool, _ = self.start()
            os.kill(tool.pid, signal.SIGKILL if number == signal.SIGTERM else number)
            self.assertNotEqual(tool.wait(120), 0)
            self.expect_clean()

    def test_is_apart_from_the_terminal_and_the_program(self):
        _, said = self.start()
        daemon = self.started()
        self.assertNotEqual(daemon["session"], os.getsid(said["pid"]))
        with open(f"/proc/{said['pid']}/task/{said['pid']}/children", encoding="utf-8") as f:
            self.assertEqual(f.read(), "", "the program has children that it did not make")
        ours = {os.readlink(f"/proc/{said['pid']}/fd/{i}") for i in (0, 1, 2)}
        for pid in (daemon["pid"], daemon["keeper"]):
            theirs = {os.readlink(f"/proc/{pid}/fd/{i}") for i in os.listdir(f"/proc/{pid}/fd")}
            self.assertFalse(ours & theirs, "a pipe of the program is held open")
            self.assertEqual(os.readlink(f"/proc/{pid}/cwd"), "/")
        with open(f"/proc/{daemon['keeper']}/cmdline", encoding="utf-8") as f:
            self.assertNotIn("WITNESS", f.read())

    def test_an_interrupt_from_the_terminal_is_the_programs_alone(self):
        pid, terminal = pty.fork()
        if pid == 0:
            os.execve(self.tool, [self.tool, "run", "--", sys.executable, "-c", WITNESS], self.env())
        try:
            said = os.read(terminal, 65536)
            while said.count(b"\n") < 1:
                said += os.read(terminal, 65536)
            os.write(terminal, b"\x03")
            def interrupted():
                os.write(terminal, b"?\n")
                return b'["SIGINT"' in os.read(terminal, 65536)
            wait_until(interrupted, "SIGINT at the program")
            daemon = self.started()
            self.assertTrue(is_alive(daemon["pid"]))
            self.assertTrue(is_alive(pid))
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            os.close(terminal)
        self.expect_clean(daemon)

    def test_does_not_inherit_what_is_not_its_own(self):
        tool, _ = self.start(env=self.env(NOTIFY_SOCKET="/run/x", WATCHDOG_USEC="1", LISTEN_FDS="1",
                                          RUNTIME_DIRECTORY="/run/x", HAKMEM_TUNE="bin_cap=8", HAKMEM_LABEL="x"))
        environment_there = self.started()["environment"]
        for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "LISTEN_FDS", "RUNTIME_DIRECTORY", "HAKMEM_TUNE",
                     "HAKMEM_LABEL", "LD_PRELOAD", "HAKMEM_RUNTIME_DIR"):
            self.assertNotIn(name, environment_there)
        tool.stdin.close()
        tool.wait(120)

    def test_a_stubborn_one_is_ended_all_the_same(self):
        self.assertEqual(self.run_ctl("--", "true", env=self.env(FAKE_HAKMEMD="stubborn"))[0], 0)
        daemon = self.started()
        wait_until(lambda: not is_alive(daemon["pid"]), "end of a daemon that ignores SIGTERM")
        self.expect_clean(daemon)

    def test_one_that_ends_early_harms_nobody(self):
        tool, _ = self.start(env=self.env(FAKE_HAKMEMD="quit"))
        daemon = self.started()
        wait_until(lambda: not is_alive(daemon["pid"]), "a daemon that quits")
        self.assertIsNone(tool.poll())
        tool.stdin.close()
        self.assertEqual(tool.wait(120), 7)
        self.expect_clean(daemon)

    def test_telling_the_guard_to_end_cleans_up_early(self):
        tool, _ = self.start()
        daemon = self.started()
        os.kill(daemon["keeper"], signal.SIGTERM)
        self.expect_clean(daemon)
        self.assertIsNone(tool.poll())

    def test_one_that_cannot_start(self):
        status, out, err = self.run_ctl("--", "true", env=self.env(FAKE_HAKMEMD="fail"))
        self.assertEqual((status, out), (3, ""))
        self.assertIn("the private daemon ended at once", err)
        self.assertIn("error: cannot bind, on purpose", err)
        wait_until(lambda: os.listdir(self.tmp) == [], "removal of the directory")

    def test_none_to_start(self):
        os.unlink(self.daemon)
        status, _, err = self.run_ctl("--", "true", env=self.env(PATH="/nonexistent"))
        if status == 0:
            self.skipTest("hakmem is installed on this host")
        self.assertEqual(status, 127)
        status, _, err = self.run_ctl("--", "/bin/true", env=self.env(PATH="/nonexistent"))
        self.assertEqual(status, 3)
        self.assertIn("none to start", err)

    def test_one_in_the_path(self):
        folder = os.path.join(self.dir, "bin")
        os.mkdir(folder)
        shutil.move(self.daemon, os.path.join(folder, "hakmemd"))
        self.assertEqual(self.run_ctl("--", "true", env=self.env(PATH=f"{folder}:{os.environ['PATH']}"))[0], 0)
        self.expect_clean()

    def test_a_long_tmpdir_is_passed_over(self):
        long = os.path.join(self.tmp, "x" * 90)
        os.mkdir(long)
        tool, _ = self.start(env=self.env(TMPDIR=long))
        daemon = self.started()
        self.assertTrue(daemon["directory"].startswith("/tmp/hakmem-run-"))
        self.assertEqual(os.listdir(long), [])
        os.rmdir(long)
        tool.stdin.close()
        tool.wait(120)
        self.expect_clean(daemon)


class ChosenDirectory(RunCase):
    def test_is_made_and_removed(self):
        chosen = os.path.join(self.dir, "chosen")
        tool, said = self.start("--runtime-dir", chosen)
        self.assertEqual(said["environment"]["HAKMEM_RUNTIME_DIR"], chosen)
        self.assertEqual(stat.S_IMODE(os.stat(chosen).st_mode), 0o700)
        self.assertEqual(self.ctl("--runtime-dir", chosen, "list")[0], 0)
        tool.stdin.close()
        tool.wait(120)
        self.expect_clean()
        self.assertFalse(os.path.exists(chosen))

    def test_stays_where_it_was_there(self):
        chosen = os.path.join(self.dir, "chosen")
        os.mkdir(chosen, 0o700)
        self.assertEqual(self.run_ctl("--", "true", before=("--runtime-dir", chosen))[0], 0)
        daemon = self.started()
        wait_until(lambda: not is_alive(daemon["keeper"]), "end of the keeper")
        self.assertTrue(os.path.isdir(chosen))

    def test_must_be_ones_own(self):
        chosen = os.path.join(self.dir, "chosen")
        os.mkdir(chosen)
        os.chmod(chosen, 0o777)
        status, _, err = self.run_ctl("--runtime-dir", chosen, "--", "true")
        self.assertEqual(status, 3)
        self.assertIn("others may write to it", err)
        status, _, err = self.run_ctl("--runtime-dir", os.path.join(self.dir, "a/b/c"), "--", "true")
        self.assertEqual(status, 3)
        self.assertIn("cannot make", err)


class RunningDaemon(RunCase):
    def test_is_used(self):
        runtime = os.path.join(self.dir, "runtime")
        os.mkdir(runtime, 0o700)
        with FakeDaemon(runtime):
            for words in ({"env": self.env(HAKMEM_RUNTIME_DIR=runtime)}, {"before": ("--runtime-dir", runtime)}):
                status, out, err = self.run_ctl("--", "sh", "-c", "echo $HAKMEM_RUNTIME_DIR", **words)
                self.assertEqual((status, out, err), (0, runtime + "\n", ""))
            _, _, err = self.run_ctl("-v", "--", "true", before=("--runtime-dir", runtime))
            self.assertIn(f"hakmemctl: the daemon in {runtime}\n", err)
            self.assertIn(f"hakmemctl: preloading {self.library}\n", err)
        self.assertFalse(os.path.exists(self.trace))
        self.assertEqual(os.listdir(self.tmp), [])


if __name__ == "__main__":
    unittest.main()
