"""hakmemctl enable and disable: what they write and remove, and what they say of a unit's settings.

Units are those of a system in a folder (--root), or of a user with a home of its own. What a running systemd says is
played by a program of the test's, called systemctl; the groups of system calls are asked of the real systemd-analyze.
"""
import glob
import os
import re
import shutil
import stat
import subprocess
import sys
import unittest

from tool import BUILD, SOURCE, Case, environment

LIBRARY = "/usr/lib/libhakmem.so"

SYSTEMCTL = """#!{python}
import os, sys
with open(os.environ["PLAYED_LOG"], "a") as log:
    log.write(" ".join(sys.argv[1:]) + "\\n")
if "daemon-reload" in sys.argv:
    sys.exit(int(os.environ.get("PLAYED_RELOAD", "0")))
sys.stdout.write(open(os.path.join(os.environ["PLAYED"], sys.argv[-1])).read())
"""


class EnableCase(Case):
    def setUp(self):
        super().setUp()
        self.root = os.path.join(self.dir, "root")
        self.system = os.path.join(self.root, "etc/systemd/system")
        os.makedirs(os.path.join(self.root, "usr/lib/systemd/system"))
        os.makedirs(self.system)
        os.chmod(self.dir, 0o755)
        shutil.copy(os.environ["HAKMEM_MARKER"], self.root + LIBRARY)
        self.unit("web.service", "ExecStart=/usr/bin/web")

    def unit(self, name, *settings, where="usr/lib/systemd/system"):
        path = os.path.join(self.root, where, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write("[Unit]\nDescription=x\n\n[Service]\n" + "\n".join(settings) + "\n")
        return path

    def drop_in(self, name):
        return os.path.join(self.system, f"{name}.d", "50-hakmem.conf")

    def read(self, name):
        with open(self.drop_in(name), encoding="utf-8") as f:
            return f.read()

    def enable(self, *words, status=0, command="enable", **more):
        got, out, err = self.ctl(command, "--root", self.root, *words, **more)
        self.assertEqual(got, status, out + err)
        return out, err

    def disable(self, *words, **more):
        return self.enable(*words, command="disable", **more)

    def warned(self, *settings, status=0):
        """What is said of a service with these settings."""
        self.unit("x.service", *settings)
        err = self.enable("x", status=status)[1]
        self.disable("x")
        return err


class Files(EnableCase):
    def test_writes_and_removes(self):
        self.unit("web.service", "ExecStart=/usr/bin/web")
        out, err = self.enable("web")
        self.assertEqual(err, "")
        self.assertIn(f"web.service: wrote {self.drop_in('web.service')}", out)
        self.assertIn('\n[Service]\nEnvironment="LD_PRELOAD=/usr/lib/libhakmem.so"\n', self.read("web.service"))
        self.assertEqual(stat.S_IMODE(os.stat(self.drop_in("web.service")).st_mode), 0o644)
        self.assertEqual(os.listdir(os.path.dirname(self.drop_in("web.service"))), ["50-hakmem.conf"])
        self.assertIn("is enabled already", self.enable("web.service")[0])
        self.assertIn("removed", self.disable("web")[0])
        self.assertEqual(os.listdir(self.system), [])
        self.assertIn("is not enabled", self.disable("web")[0])

    def test_mode_whatever_the_umask(self):
        before = os.umask(0o077)
        self.addCleanup(os.umask, before)
        self.enable("web")
        os.umask(before)
        self.assertEqual(stat.S_IMODE(os.stat(self.drop_in("web.service")).st_mode), 0o644)

    def test_values_are_quoted(self):
        self.enable("web", "--tune", "retain_bytes=64MiB", "--tune", "bin_cap=64", "--label", 'a"b\\c%n $x',
                    "--runtime-dir", "/run/own")
        text = self.read("web.service")
        self.assertIn('Environment="HAKMEM_TUNE=retain_bytes=64MiB,bin_cap=64"\n', text)
        self.assertIn('Environment="HAKMEM_LABEL=a\\"b\\\\c%%n $x"\n', text)
        self.assertIn('Environment="HAKMEM_RUNTIME_DIR=/run/own"\n', text)
        out = self.enable("web", "--tune", "bin_cap=32")[0]
        self.assertIn("wrote", out)
        self.assertNotIn("RUNTIME_DIR", self.read("web.service"))

    @unittest.skipUnless(shutil.which("systemd-analyze"), "no systemd-analyze here")
    def test_systemd_takes_what_was_written(self):
        path = self.unit("web.service", "ExecStart=/bin/true", where="etc/systemd/system")
        self.enable("web", "--label", 'a"b\\c%n $x', "--tune", "bin_cap=64")
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", path], capture_output=True, text=True,
                              check=False, env=environment(SYSTEMD_UNIT_PATH=self.system + ":"))
        self.assertNotIn("50-hakmem.conf", done.stderr)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_foreign_files_stay(self):
        folder = os.path.dirname(self.drop_in("web.service"))
        os.makedirs(folder)
        with open(self.drop_in("web.service"), "w", encoding="utf-8") as f:
            f.write("[Service]\nNice=3\n")
        for command in (self.enable, self.disable):
            self.assertIn("left as it is", command("web", status=1)[1])
            self.assertEqual(self.read("web.service"), "[Service]\nNice=3\n")
        os.unlink(self.drop_in("web.service"))
        self.enable("web")
        with open(self.drop_in("web.service"), "a", encoding="utf-8") as f:
            f.write("Nice=3\n")
        for command in (self.enable, self.disable):
            self.assertIn("has been changed since", command("web", "--", status=1)[1])
        os.unlink(self.drop_in("web.service"))
        os.symlink("/dev/null", self.drop_in("web.service"))
        self.assertIn("left as it is", self.disable("web", status=1)[1])
        self.assertTrue(os.path.islink(self.drop_in("web.service")))

    def test_the_directory_stays_if_something_else_is_in_it(self):
        self.enable("web")
        other = os.path.join(os.path.dirname(self.drop_in("web.service")), "other.conf")
        with open(other, "w", encoding="utf-8"):
            pass
        self.disable("web")
        self.assertEqual(os.listdir(os.path.dirname(other)), ["other.conf"])

    def test_what_an_interrupted_one_left_is_no_hindrance(self):
        folder = os.path.dirname(self.drop_in("web.service"))
        os.makedirs(folder)
        with open(os.path.join(folder, ".50-hakmem.conf.new"), "w", encoding="utf-8") as f:
            f.write("half")
        self.enable("web")
        self.assertEqual(os.listdir(folder), ["50-hakmem.conf"])

    def test_no_link_leads_out_of_the_root(self):
        outside = os.path.join(self.dir, "outside")
        os.mkdir(outside)
        for link in (os.path.join(self.system, "web.service.d"), self.system):
            if os.path.isdir(link):
                os.rmdir(link)
            os.symlink(outside, link)
            self.assertRegex(self.enable("web", status=1)[1], "cannot write .*50-hakmem.conf: ")
            self.assertEqual(os.listdir(outside), [])
            os.unlink(link)
            os.makedirs(self.system, exist_ok=True)

    @unittest.skipIf(os.geteuid() == 0 and not shutil.which("setpriv"), "no way to give up root's rights")
    def test_without_rights(self):
        os.chmod(self.dir, 0o755)
        prefix = ["setpriv", "--reuid=65534", "--clear-groups"] if os.geteuid() == 0 else []
        tool = shutil.copy(os.path.join(BUILD, "ctl", "hakmemctl"), self.dir)
        os.chmod(self.system, 0o555)
        done = subprocess.run([*prefix, tool, "enable", "--root", self.root, "web"], env=environment(),
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "web.service: cannot write .*: Permission denied")
        self.assertEqual(os.listdir(self.system), [])

    def test_a_user(self):
        home = os.path.join(self.dir, "home")
        env = environment(HOME=home, XDG_CONFIG_HOME=None, HAKMEM_LIBRARY=self.root + LIBRARY,
                          PATH="/nonexistent")
        units = os.path.join(home, ".local/share/systemd/user")
        os.makedirs(units)
        with open(os.path.join(units, "web.service"), "w", encoding="utf-8") as f:
            f.write("[Service]\nExecStart=/usr/bin/web\n")
        status, out, err = self.ctl("enable", "--user", "webb", env={**env, "XDG_DATA_HOME": home + "/.local/share"})
        self.assertEqual(status, 1)
        self.assertIn("webb.service: there is no such user service; nearest: web.service", err)
        status, out, err = self.ctl("enable", "--user", "web", env={**env, "XDG_DATA_HOME": home + "/.local/share"})
        path = os.path.join(home, ".config/systemd/user/web.service.d/50-hakmem.conf")
        self.assertEqual((status, os.path.exists(path)), (0, True), err)
        self.assertIn("systemctl --user daemon-reload", out)
        self.assertIn("only unit files were read", err)
        self.assertEqual(self.ctl("disable", "--user", "web", env=env)[0], 0)
        self.assertFalse(os.path.exists(os.path.dirname(path)))


class Names(EnableCase):
    def test_hostile_and_wrong_names(self):
        for name in ("../../etc/x", "a/b", "", "a b", "a\nb.service", "\x1b[31m", ".service", "@.service", "x" * 300,
                     "..", "a*", "é"):
            status, out, err = self.ctl("enable", "--root", self.root, "good", "--", name)
            self.assertEqual((status, out), (2, ""), repr(name))
            self.assertNotIn("\x1b", err)
        self.assertIn("only services run programs", self.enable("x.socket", status=2)[1])
        self.assertEqual(os.listdir(self.system), [])

    def test_wrong_command_lines(self):
        for words, said in ((["enable"], "which units?"), (["enable", "--root", "/", "--user", "x"], "exclude"),
                            (["enable", "--root", "/tmp", "--reload", "x"], "exclude"),
                            (["enable", "--library", "lib.so", "x"], "not an absolute path"),
                            (["enable", "--root", "/nonexistent", "x"], "--root: '/nonexistent'"),
                            (["enable", "--tune", "bin_cap=1", "x"], "out of range"),
                            (["disable", "--tune", "bin_cap=64", "x"], "no option '--tune'"),
                            (["enable", "--json", "x"], "no option '--json'")):
            status, out, err = self.ctl(*words)
            self.assertEqual((status, out), (2, ""), words)
            self.assertIn(said, err)

    def test_no_library(self):
        os.unlink(self.root + LIBRARY)
        self.assertIn("hakmem is not installed in", self.enable("web", status=1)[1])
        self.assertIn("there is no file", self.enable("--library", "/opt/no.so", "web", status=1)[1])
        self.assertEqual(os.listdir(self.system), [])

    def test_templates_and_instances(self):
        self.unit("web@.service", "Environment=LD_PRELOAD=/usr/lib/other.so")
        for typed, name in (("web@", "web@.service"), ("web@a-b", "web@a-b.service"), ("web.1", "web.1.service")):
            missing = name == "web.1.service"
            err = self.enable(typed, *(["--force"] if missing else []))[1]
            self.assertEqual("no such service" in err, missing)
            self.assertEqual("libhakmem.so:/usr/lib/other.so" in self.read(name), "@" in name)
            self.disable(name)
        self.assertEqual(os.listdir(self.system), [])

    def test_what_does_not_exist_is_refused(self):
        self.unit("redis-server.service")
        self.unit("worker@.service")
        for typed, whole, near in (("nosuch", "nosuch.service", None),
                                   ("redis", "redis.service", "redis-server.service"),
                                   ("redsi-server", "redsi-server.service", "redis-server.service"),
                                   ("nosuch@", "nosuch@.service", None),
                                   ("wroker@", "wroker@.service", "worker@.service"),
                                   ("wroker@1", "wroker@1.service", "worker@1.service")):
            for command in (self.enable, self.disable):
                out, err = command(typed, status=1)
                force = "; --force enables it before it comes" if command == self.enable else ""
                self.assertEqual(err, f"hakmemctl: {whole}: there is no such service in {self.root}"
                                 f"{'; nearest: ' + near if near else ''}{force}\n")
                self.assertEqual(out, "")
        self.assertEqual(os.listdir(self.system), [])

    def test_the_others_of_a_command_line_are_done(self):
        out, err = self.enable("nosuch", "web", status=1)
        self.assertIn("nosuch.service: there is no such service", err)
        self.assertIn("web.service: wrote", out)
        self.assertEqual(os.listdir(self.system), ["web.service.d"])

    def test_force_enables_what_is_to_come(self):
        err = self.enable("nosuch", "--force")[1]
        self.assertIn("there is no such service here; it will run on hakmem once there is", err)
        self.assertIn("removed", self.disable("nosuch")[0])
        self.assertIn("there is no such service", self.disable("nosuch", status=1)[1])

    def test_what_generators_make_is_there(self):
        for where in ("run/systemd/generator", "run/systemd/generator.late", "run/systemd/generator.early",
                      "run/systemd/transient"):
            name = "made-by-" + where.rsplit("/", maxsplit=1)[-1].replace(".", "-") + ".service"
            self.unit(name, "ExecStart=/usr/bin/x", where=where)
            self.assertEqual(self.enable(name)[1], "")
            self.read(name)
        os.makedirs(os.path.join(self.root, "etc/init.d"))
        with open(os.path.join(self.root, "etc/init.d/old"), "w", encoding="utf-8") as f:
            f.write("#!/bin/sh\n")
        self.assertIn("no such service", self.enable("old", status=1)[1])
        os.chmod(os.path.join(self.root, "etc/init.d/old"), 0o755)
        self.enable("old")

    def test_aliases(self):
        self.unit("redis-server.service", "ExecStart=/usr/bin/redis-server")
        os.symlink("/lib/systemd/system/redis-server.service", os.path.join(self.system, "redis.service"))
        out = self.enable("redis")[0]
        self.assertIn("redis.service: is a name of redis-server.service", out)
        self.read("redis-server.service")
        self.disable("redis")
        self.assertEqual(os.listdir(self.system), ["redis.service"])

    def test_masked(self):
        os.symlink("/dev/null", os.path.join(self.system, "web.service"))
        self.assertIn("masked", self.enable("web")[1])

    def test_links_in_a_circle(self):
        os.symlink("b.service", os.path.join(self.system, "a.service"))
        os.symlink("a.service", os.path.join(self.system, "b.service"))
        self.enable("a")


class Settings(EnableCase):
    def test_nothing_in_the_way(self):
        self.assertEqual(self.warned("ExecStart=/bin/sh", "ProtectHome=yes", "PrivateTmp=yes",
                                     "RestrictAddressFamilies=AF_INET AF_UNIX", "RootDirectory=/"), "")

    def test_own_preload(self):
        self.unit("x.service", 'Environment=A=1 "LD_PRELOAD=/usr/lib/jemalloc.so"')
        out, err = self.enable("x")
        self.assertEqual(err, "")
        self.assertIn("/usr/lib/systemd/system/x.service preloads /usr/lib/jemalloc.so", out)
        self.assertIn('"LD_PRELOAD=/usr/lib/libhakmem.so:/usr/lib/jemalloc.so"', self.read("x.service"))
        self.assertIn("enabled already", self.enable("x")[0])

    def test_own_preload_that_was_taken_back(self):
        self.unit("x.service", "Environment=LD_PRELOAD=/a.so")
        self.unit("20-x.conf", "Environment=", where="etc/systemd/system/x.service.d")
        self.enable("x")
        self.assertIn('"LD_PRELOAD=/usr/lib/libhakmem.so"', self.read("x.service"))

    def test_preload_that_wins(self):
        self.unit("x.service", "EnvironmentFile=-/etc/default/x")
        self.unit("90-late.conf", "Environment=LD_PRELOAD=/late.so", where="etc/systemd/system/service.d")
        self.assertIn("/etc/systemd/system/service.d/90-late.conf sets LD_PRELOAD, too, and is read later",
                      self.enable("x")[1])
        os.makedirs(os.path.join(self.root, "etc/default"))
        with open(os.path.join(self.root, "etc/default/x"), "w", encoding="utf-8") as f:
            f.write("A=1\n#LD_PRELOAD=no\n LD_PRELOAD=/file.so\n")
        self.assertIn("/etc/default/x sets LD_PRELOAD", self.enable("x")[1])
        self.assertIn("UnsetEnvironment=", self.warned("UnsetEnvironment=A LD_PRELOAD"))

    def test_address_families(self):
        left_out = "RestrictAddressFamilies= leaves AF_UNIX out"
        for settings, wanted in ((["AF_INET"], True), (["AF_INET", "AF_UNIX"], False), (["~AF_UNIX"], True),
                                 (["~AF_INET"], False), (["none"], True), (["AF_INET", ""], False),
                                 (["AF_UNIX", "~AF_UNIX"], True), (["AF_INET \\\n  AF_UNIX"], False)):
            err = self.warned(*(f"RestrictAddressFamilies={s}" for s in settings))
            self.assertEqual(left_out in err, wanted, settings)

    def test_hidden_files(self):
        os.makedirs(os.path.join(self.root, "srv/jail"))
        for settings, said in ((["InaccessiblePaths=-/usr/lib"], "its InaccessiblePaths= hides " + LIBRARY),
                               (["InaccessiblePaths=/run/hakmem"], "its InaccessiblePaths= hides /run/hakmem"),
                               (["TemporaryFileSystem=/run:ro"], "its TemporaryFileSystem= hides /run/hakmem"),
                               (["RootDirectory=/srv/jail"], "its RootDirectory= hides " + LIBRARY),
                               (["RootImage=/srv/x.raw"], "its RootImage= hides " + LIBRARY),
                               (["NoExecPaths=/", "ExecPaths=/usr/bin"], "NoExecPaths= forbids to load " + LIBRARY)):
            self.assertIn(said, self.warned(*settings), settings)
        for settings in (["TemporaryFileSystem=/run", "BindReadOnlyPaths=/run/hakmem"],
                         ["NoExecPaths=/", "ExecPaths=/usr/bin /usr/lib"], ["InaccessiblePaths=/usr/libexec"]):
            self.assertEqual(self.warned(*settings), "", settings)

    def test_a_library_that_services_cannot_read(self):
        private = os.path.join("/home", "me", "libhakmem.so")
        for path, by in ((private, "ProtectHome="), ("/tmp/libhakmem.so", "PrivateTmp=")):
            os.makedirs(os.path.dirname(self.root + path), exist_ok=True)
            shutil.copy(self.root + LIBRARY, self.root + path)
            self.unit("x.service", "ProtectHome=true", "PrivateTmp=true")
            self.assertIn(f"its {by} hides {path}", self.enable("x", "--library", path)[1])
        os.chmod(self.root + "/tmp", 0o700)
        self.unit("y.service")
        self.assertIn("cannot be read by every user", self.enable("y", "--library", "/tmp/libhakmem.so")[1])

    def test_odd_unit_files(self):
        self.unit("x.service", "Environment", "=x", "[Service", "[Install]", "Environment=LD_PRELOAD=/no.so", "\\", "")
        self.enable("x")
        self.assertNotIn("no.so", self.read("x.service"))
        path = os.path.join(self.root, "usr/lib/systemd/system", "fifo.service")
        os.mkfifo(path)
        self.enable("fifo")


@unittest.skipUnless(shutil.which("systemd-analyze"), "no systemd-analyze here")
class SystemCalls(EnableCase):
    def test_allowed(self):
        for settings in (["@system-service"], ["@system-service", "~@privileged @resources"], ["~@mount"],
                         ["~ @clock @debug"], ["memfd_create", ""], ["~memfd_create", "memfd_create"]):
            self.assertEqual(self.warned(*(f"SystemCallFilter={s}" for s in settings)), "", settings)

    def test_would_end_the_service(self):
        self.unit("x.service", "SystemCallFilter=@system-service", "SystemCallFilter=~memfd_create @memlock")
        out, err = self.enable("x", status=1)
        self.assertIn("would end it at its first call of: memfd_create\n", err)
        self.assertIn("add to the unit: SystemCallFilter=memfd_create\n", err)
        self.assertIn("not enabled", err)
        self.assertEqual((out, os.listdir(self.system)), ("", []))
        self.assertIn("wrote", self.enable("x", "--force")[0])
        err = self.warned("SystemCallFilter=@basic-io", status=1)
        self.assertRegex(err, r"first call of: madvise mremap .*socket connect getsockopt sendmsg")
        self.assertNotIn("mmap", err)

    def test_refused(self):
        err = self.warned("SystemCallFilter=~@network-io", "SystemCallErrorNumber=EPERM")
        self.assertIn("refuses: socket connect getsockopt sendmsg\n", err)
        self.assertIn("will not be seen", err)
        self.assertIn("refuses: madvise\n", self.warned("SystemCallFilter=~madvise:ENOSYS"))
        self.assertIn("would end it", self.warned("SystemCallErrorNumber=EPERM", "SystemCallFilter=~madvise:kill",
                                                  status=1))

    def test_the_table_is_what_the_library_calls(self):
        called = set()
        for name in glob.glob(os.path.join(SOURCE, "lib", "**", "*.[ch]"), recursive=True):
            with open(name, encoding="utf-8") as f:
                called |= set(re.findall(r"\bSYS_([a-z0-9_]+)", f.read()))
        with open(os.path.join(SOURCE, "ctl", "service", "syscalls.def"), encoding="utf-8") as f:
            listed = set(re.findall(r"(?m)^HK_SYSCALL_USED\((\w+),", f.read()))
        # Of architectures without newfstatat; and of modes that are off by default, in systemd's @default, which
        # every list of allowed calls has.
        self.assertEqual(called - {"fstat", "fstatat"} - {"getrandom", "gettid", "sched_yield"}, listed)


class Asked(EnableCase):
    """Where a systemd answers."""

    def setUp(self):
        super().setUp()
        self.bin = os.path.join(self.dir, "bin")
        self.log = os.path.join(self.dir, "log")
        os.mkdir(self.bin)
        with open(os.path.join(self.bin, "systemctl"), "w", encoding="utf-8") as f:
            f.write(SYSTEMCTL.format(python=sys.executable))
        os.chmod(os.path.join(self.bin, "systemctl"), 0o755)
        self.env = environment(HOME=self.dir, XDG_CONFIG_HOME=None, PATH=f"{self.bin}:{os.environ['PATH']}",
                               PLAYED=self.dir, PLAYED_LOG=self.log, HAKMEM_LIBRARY=self.root + LIBRARY,
                               LD_PRELOAD="")

    def answer(self, name, **says):
        says = {"LoadState": "loaded", "ActiveState": "active", "Id": name, "FragmentPath": "", "DropInPaths": "",
                "SystemCallFilter": "~", **says}
        with open(os.path.join(self.dir, name), "w", encoding="utf-8") as f:
            f.writelines(f"{key}={value}\n" for key, value in says.items())

    def user(self, command, *words, status=0):
        got, out, err = self.ctl(command, "--user", *words, env=self.env)
        self.assertEqual(got, status, out + err)
        return out, err

    def test_what_to_run_next(self):
        self.answer("web.service")
        self.answer("off.service", ActiveState="inactive")
        self.answer("many@hakmem.service", Id="many@hakmem.service")
        out, err = self.user("enable", "web", "off", "many@")
        self.assertEqual(err, "")
        self.assertEqual(out.split("for it to take effect:\n")[1],
                         "  systemctl --user daemon-reload\n  systemctl --user restart web.service\n"
                         "  systemctl --user restart 'many@*.service'\n")
        written = os.path.join(self.dir, ".config/systemd/user")
        self.assertTrue(os.path.exists(os.path.join(written, "many@.service.d/50-hakmem.conf")))
        self.assertNotIn("take effect", self.user("enable", "web")[0])
        out = self.user("disable", "web", "off")[0]
        self.assertIn("  systemctl --user restart web.service\n", out)
        self.assertNotIn("off.service\n", out.split("take effect")[1])

    def test_reload(self):
        self.answer("web.service")
        out = self.user("enable", "--reload", "web")[0]
        self.assertIn("has read its units again", out)
        self.assertNotIn("daemon-reload", out)
        with open(self.log, encoding="utf-8") as f:
            self.assertEqual(f.read().splitlines()[-1], "--user daemon-reload")
        self.env["PLAYED_RELOAD"] = "1"
        out, err = self.user("disable", "--reload", "web", status=1)
        self.assertIn("could not be told", err)
        self.assertIn("daemon-reload", out)

    def test_its_files_and_filter(self):
        fragment = self.unit("web.service", "Environment=LD_PRELOAD=/one.so", "SystemCallFilter=@system-service")
        late = self.unit("60-late.conf", "RestrictAddressFamilies=AF_INET", where="late dir")
        self.answer("web.service", FragmentPath=fragment, DropInPaths=late.replace(" ", "\\x20"),
                    SystemCallFilter="~connect memfd_create:EPERM")
        out, err = self.user("enable", "web", status=1)
        self.assertIn("end it at its first call of: connect\n", err)
        self.assertIn("refuses: memfd_create\n", err)
        self.assertIn("leaves AF_UNIX out", err)
        self.user("enable", "--force", "web")
        with open(os.path.join(self.dir, ".config/systemd/user/web.service.d/50-hakmem.conf"), encoding="utf-8") as f:
            self.assertIn(":/one.so", f.read())

    def test_alias_and_missing(self):
        self.answer("web.service", Id="real.service")
        self.answer("no.service", LoadState="not-found", ActiveState="inactive")
        self.assertIn("is a name of real.service", self.user("enable", "web")[0])
        for command in ("enable", "disable"):
            self.assertIn("no.service: there is no such user service", self.user(command, "no", status=1)[1])
        self.assertIn("there is no such service", self.user("enable", "no", "--force")[1])
        # A file that systemd has not read yet: the answer is of before.
        folder = os.path.join(self.dir, ".config/systemd/user")
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "fresh.service"), "w", encoding="utf-8") as f:
            f.write("[Service]\nExecStart=/bin/true\n")
        self.answer("fresh.service", LoadState="not-found", ActiveState="inactive")
        self.user("enable", "fresh")


if __name__ == "__main__":
    unittest.main()
