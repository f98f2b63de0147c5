"""hakmemctl's command line: help, versions, mistakes, and what it says where no daemon is."""
import os
import re
import socket
import unittest

from tool import Case, environment


class Help(Case):
    def commands(self):
        return [line.split("\t")[1] for line in self.ctl("--options")[1].splitlines() if line.startswith("command\t")]

    def test_every_command_explains_itself(self):
        commands = self.commands()
        self.assertLessEqual({"run", "enable", "disable", "list", "stats", "tune", "trim", "flush", "info", "schema"},
                             set(commands))
        status, overview, err = self.ctl("--help")
        self.assertEqual((status, err), (0, ""))
        for command in commands:
            self.assertRegex(overview, rf"(?m)^  {command} ")
            status, text, err = self.ctl(command, "--help")
            self.assertEqual((status, err), (0, ""))
            self.assertTrue(text.startswith(f"usage: hakmemctl {command} "))
            self.assertEqual(text, self.ctl("help", command)[1])

    def test_help_fits_the_page(self):
        for words in [["--help"], *([c, "--help"] for c in self.commands())]:
            for width in (60, 80, 120):
                for line in self.ctl(*words, env=environment(COLUMNS=str(width)))[1].splitlines():
                    self.assertLessEqual(len(line), max(width, 72) if line.startswith(("usage:", "      ")) else width)
                    self.assertEqual(line, line.rstrip())

    def test_version(self):
        status, out, err = self.ctl("--version")
        self.assertEqual((status, err), (0, ""))
        self.assertRegex(out, r"^hakmemctl \d+\.\d+\.\d+\n$")

    def test_help_names_every_tunable(self):
        tunables = [line.split("\t")[1] for line in self.ctl("--options")[1].splitlines()
                    if line.startswith("tunable\t")]
        self.assertGreater(len(tunables), 5)
        text = self.ctl("tune", "--help")[1]
        for name in tunables:
            self.assertRegex(text, rf"(?m)^  {re.escape(name)} ")

    def test_help_says_each_thing_in_one_place(self):
        lines = [line.split("\t") for line in self.ctl("--options")[1].splitlines()]
        common = {line[2] for line in lines if line[:2] == ["option", "-"]}
        tunables = [line[1] for line in lines if line[0] == "tunable"]
        for command in self.commands():
            text = self.ctl(command, "--help")[1]
            for option in common:
                self.assertNotRegex(text, rf"(?m)^  (-\w, )?{option}\b")
                self.assertEqual(text.count(option + " ") + text.count(option + ",") + text.count(option + "[")
                                 + text.count(option + "\n") > 0, self.takes(lines, command, option), (command, option))
            if command != "tune":
                for name in tunables:
                    self.assertNotRegex(text, rf"(?m)^  {re.escape(name)} ")
            takes_tunables = self.takes(lines, command, "--tune")
            self.assertEqual("hakmemctl tune --help" in text, takes_tunables, command)

    @staticmethod
    def takes(lines, command, option):
        return any(line[0] == "option" and line[1] == command and line[2] == option for line in lines)


class Mistakes(Case):
    """Each ends with 2, prints nothing on standard output, and says what was wrong."""

    def expect(self, words, *said):
        status, out, err = self.ctl(*words)
        self.assertEqual((status, out), (2, ""), err)
        for text in said:
            self.assertIn(text, err)
        self.assertTrue(err.startswith("hakmemctl: "))

    def test_words(self):
        self.expect([], "no command", "hakmemctl --help")
        self.expect(["lits"], "no command 'lits'; nearest: list")
        self.expect(["stats", "--clases"], "stats: no option '--clases'; nearest: --classes",
                    "Try 'hakmemctl stats --help'")
        self.expect(["stats", "--pid"], "--pid wants PID")
        self.expect(["info", "there"], "'there' is one word too many")
        self.expect(["--bogus=3"], "no option '--bogus'")

    def test_values(self):
        self.expect(["list", "--pid", "nginx"], "--pid: 'nginx' is not a process id")
        self.expect(["stats", "--interval", "often"], "--interval: 'often' is not a time")
        self.expect(["tune", "--all", "refill_batch=0"], "refill_batch: '0' is out of range, 1%..1000%")
        self.expect(["tune", "--all", "refil_batch=1"], "no tunable named 'refil_batch'; nearest: refill_batch")
        self.expect(["tune", "refill_batch=1"], "which processes?", "--all")
        self.expect(["flush"], "which processes?")
        self.expect(["run", "--tune", "bin_cap=1", "--", "true"], "bin_cap: '1' is out of range, 2..8192 blocks")

    def test_hostile_words_do_not_reach_the_terminal(self):
        status, out, err = self.ctl("\x1b[31mlist\n")
        self.assertEqual((status, out), (2, ""))
        self.assertNotIn("\x1b", err)

    def test_a_wrong_command_line_is_found_without_a_daemon(self):
        self.expect(["--runtime-dir", "/nonexistent", "tune", "--all", "retain_bytes=64Mib3"], "is not a value")


class NoDaemon(Case):
    def test_says_where_it_looked(self):
        status, out, err = self.ctl("list")
        self.assertEqual((status, out), (3, ""))
        self.assertIn("no hakmemd answers", err)
        self.assertIn("/nonexistent/hakmem: no such directory", err)
        self.assertIn("systemctl start hakmemd", err)
        self.assertIn("hakmemctl run -- CMD", err)

    def test_each_place_with_its_reason(self):
        status, _, err = self.ctl("list", env=environment(HAKMEM_RUNTIME_DIR=None, XDG_RUNTIME_DIR=self.dir))
        if status == 0:
            self.skipTest("this host runs a hakmemd")
        self.assertEqual(status, 3)
        self.assertRegex(err, r"(?m)^  /run/hakmem: .")
        self.assertIn(f"  {self.dir}/hakmem: no such directory", err)
        self.assertIn(f"  /tmp/hakmem-{os.geteuid()}: ", err)

    def reason(self):
        status, _, err = self.at("list")
        self.assertEqual(status, 3)
        return next(line for line in err.splitlines() if line.startswith(f"  {self.dir}: "))

    def test_an_empty_directory(self):
        self.assertIn("no socket 'control' there", self.reason())

    def test_a_stale_socket(self):
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(os.path.join(self.dir, "control"))
        self.assertIn("the daemon that was there has ended", self.reason())

    def test_a_directory_others_may_write_to(self):
        os.chmod(self.dir, 0o777)
        self.assertIn("not trusted", self.reason())

    def test_a_path_too_long_for_a_socket(self):
        status, _, err = self.ctl("--runtime-dir", "/tmp/" + "x" * 200, "list")
        self.assertEqual(status, 2)
        self.assertIn("--runtime-dir: ", err)


if __name__ == "__main__":
    unittest.main()
