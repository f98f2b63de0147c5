"""The installed units, sysusers.d and tmpfiles.d, as systemd's own tools judge them, and activation by one of them.

No running systemd is needed: units are verified by path, users and directories made in a scratch root.
"""
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.environ["HAKMEM_SOURCE"], "tests", "control"))
from harness import BUILD, HAKMEMD, SEGMENT_PROCESS, Client, clean_environment, poll  # noqa: E402

UNITS = ("hakmemd.service", "hakmemd.socket")


def run(*command, **env):
    return subprocess.run(command, capture_output=True, text=True, check=False, env=clean_environment(**env))


def needs(*programs):
    missing = [p for p in programs if not shutil.which(p)]
    return unittest.skipIf(missing, f"not here: {' '.join(missing)}")


class UnitsCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.root = tempfile.mkdtemp(prefix="hakmem-units-")
        cls.addClassCleanup(shutil.rmtree, cls.root)
        os.chmod(cls.root, 0o755)
        cls.prefix = os.path.join(cls.root, "usr")
        done = run(os.environ["HAKMEM_CMAKE"], "--install", BUILD, "--prefix", cls.prefix, "--component", "daemon")
        assert done.returncode == 0, done.stderr

    def path(self, name, user=False):
        return os.path.join(self.prefix, "lib/systemd", "user" if user else "system", name)

    def settings(self, path):
        with open(path, encoding="utf-8") as f:
            return re.findall(r"(?m)^(\w+)=(.*)$", f.read())


class Units(UnitsCase):
    @needs("systemd-analyze")
    def test_verify(self):
        for user in (False, True):
            paths = [self.path(unit, user) for unit in UNITS]
            done = run("systemd-analyze", "verify", "--user" if user else "--system", "--man=no", *paths,
                       SYSTEMD_UNIT_PATH=os.path.dirname(paths[0]) + ":", XDG_RUNTIME_DIR=self.root)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""), paths)

    @needs("systemd-analyze")
    def test_security(self):
        done = run("systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold=20", self.path(UNITS[0]))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"Overall exposure level for hakmemd\.service: [0-2]\.\d")

    def test_what_the_daemon_needs(self):
        """Who its peers are must stay visible, and what is kept over a restart must be."""
        for user in (False, True):
            settings = dict(self.settings(self.path(UNITS[0], user)))
            self.assertNotIn("PrivateUsers", settings)
            self.assertNotIn("DynamicUser", settings)
            self.assertNotIn(settings.get("ProtectProc"), ("invisible", "ptraceable", "noaccess"))
            self.assertEqual(settings["RuntimeDirectoryPreserve"], "yes")
            self.assertEqual((int(settings["FileDescriptorStoreMax"]) - 1) % 3, 0)
            self.assertEqual(settings["Type"], "notify")
            for unit in UNITS:
                self.assertIn(("ConditionFileIsExecutable", os.path.join(self.prefix, "sbin/hakmemd")),
                              self.settings(self.path(unit, user)))

    def test_what_is_wrong_is_not_tried_again(self):
        """A command line or a configuration that the daemon will not have keeps it from being restarted."""
        wrong = os.path.join(self.root, "wrong.json")
        with open(wrong, "w", encoding="utf-8") as f:
            f.write("{")
        for arguments in (("--no-such-option",), ("--config", wrong)):
            status = run(HAKMEMD, "--runtime-dir", os.path.join(self.root, "none"), *arguments).returncode
            for user in (False, True):
                settings = dict(self.settings(self.path(UNITS[0], user)))
                self.assertEqual(settings["RestartPreventExitStatus"], str(status), arguments)

    def test_nothing_was_left_in_a_template(self):
        for directory, _, names in os.walk(self.prefix):
            for name in names:
                if name.startswith("hakmem") and name != "hakmemd":
                    with open(os.path.join(directory, name), encoding="utf-8") as f:
                        self.assertNotRegex(f.read(), "@[A-Z_]+@")
                    self.assertEqual(stat.S_IMODE(os.stat(os.path.join(directory, name)).st_mode), 0o644)

    def test_the_configuration_it_comes_with(self):
        done = run(HAKMEMD, "--config", os.path.join(self.prefix, "share/hakmem/hakmemd.json"), "--check-config")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn('"hakmem"', done.stdout)


@unittest.skipUnless(os.geteuid() == 0, "owners are root's to give")
class Directories(UnitsCase):
    @needs("systemd-sysusers", "systemd-tmpfiles")
    def test_user_and_directories(self):
        # What tmpfiles copies is named by where it will be.
        share = os.path.join(self.prefix, "share/hakmem")
        shutil.copytree(share, self.root + share)
        os.makedirs(os.path.join(self.root, "etc"))
        done = run("systemd-sysusers", f"--root={self.root}")
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(os.path.join(self.root, "etc/passwd"), encoding="utf-8") as f:
            user = next(line for line in f if line.startswith("hakmem:")).strip().split(":")
        self.assertRegex(user[6], "nologin$")
        for _ in range(2):  # at each boot
            done = run("systemd-tmpfiles", "--create", f"--root={self.root}")
            self.assertEqual(done.returncode, 0, done.stderr)
        runtime = os.stat(os.path.join(self.root, "run/hakmem"))
        self.assertEqual((runtime.st_uid, runtime.st_gid, stat.S_IMODE(runtime.st_mode)),
                         (int(user[2]), int(user[3]), 0o755))
        config = os.path.join(self.root, "etc/hakmem")
        for directory in (config, os.path.join(config, "policy.d")):
            st = os.stat(directory)
            self.assertEqual((st.st_uid, st.st_mode & 0o022), (0, 0))
        with open(os.path.join(config, "hakmemd.json"), encoding="utf-8") as f:
            self.assertIn("admin_group", f.read())
        self.read_by_the_daemon(user[3])

    # In a mount namespace with an /etc and a /run of its own, since the names in ACLs are the running system's.
    READ = """
set -e
cp /etc/nsswitch.conf "$0/etc/"
mount -t tmpfs none /run
mount -t tmpfs none /etc
cp "$0/etc/nsswitch.conf" "$0/etc/passwd" "$0/etc/group" /etc/
systemd-tmpfiles --create "$1"
umask 077
echo mine > /etc/hakmem/policy.d/own.json
exec setpriv --reuid 65534 --regid "$2" --clear-groups cat /etc/hakmem/policy.d/own.json
"""

    def read_by_the_daemon(self, gid):
        """Whatever root's umask is, what it writes there is read by the daemon and the operators."""
        if run("unshare", "--mount", "mount", "-t", "tmpfs", "none", "/run").returncode != 0:
            self.skipTest("no mount namespace here")
        done = run("unshare", "--mount", "--propagation", "private", "sh", "-c", self.READ, self.root,
                   os.path.join(self.prefix, "lib/tmpfiles.d/hakmem.conf"), gid)
        self.assertEqual((done.returncode, done.stdout), (0, "mine\n"), done.stderr)


@needs("systemd-socket-activate")
class Activation(unittest.TestCase):
    def test_the_first_process_starts_the_daemon(self):
        root = tempfile.mkdtemp(prefix="hakmem-test-")
        self.addCleanup(shutil.rmtree, root)
        hello = os.path.join(root, "hello")
        config = os.path.join(root, "hakmemd.json")
        with open(config, "w", encoding="utf-8") as f:
            f.write("{}")
        manager = subprocess.Popen(
            ["systemd-socket-activate", "--seqpacket", "--fdname=hakmem", "-l", hello, HAKMEMD, "--runtime-dir", root,
             "--interval-ms", "20", "--config", config], env=clean_environment(), stderr=subprocess.DEVNULL)
        self.addCleanup(manager.wait)
        self.addCleanup(manager.terminate)  # by then it is the daemon itself
        poll(lambda: os.path.exists(hello), "the socket")
        self.assertFalse(os.path.exists(os.path.join(root, "control")))
        process = subprocess.Popen([SEGMENT_PROCESS, "--dir", root], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   env=clean_environment())
        self.addCleanup(process.communicate)
        poll(lambda: os.path.exists(os.path.join(root, "control")) or manager.poll() is not None, "the daemon")
        self.assertIsNone(manager.poll())
        client = Client(os.path.join(root, "control"))
        self.addCleanup(client.close)
        self.assertEqual(client.call("info")["pid"], manager.pid)
        poll(lambda: [p for p in client.call("list")["processes"] if p["pid"] == process.pid], "the process")


if __name__ == "__main__":
    unittest.main()
