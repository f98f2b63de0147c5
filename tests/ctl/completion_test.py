"""Completion in bash and zsh: whatever the tool takes is offered, with the values there are at the moment."""
import os
import pty
import re
import shutil
import signal
import subprocess
import unittest

from fake_daemon import FakeDaemon, process
from tool import SOURCE, TOOL, Case, environment, wait_until

FOLDER = os.path.join(SOURCE, "packaging", "completion")


def listing():
    out = subprocess.run([TOOL, "--options"], capture_output=True, text=True, check=True, env=environment()).stdout
    return [line.split("\t") for line in out.splitlines()]


class Completion(Case):
    def setUp(self):
        super().setUp()
        self.daemon = FakeDaemon(self.dir, [process(4242), process(4343, comm="worker two", unit="a.service")])
        self.addCleanup(self.daemon.stop)
        self.env = environment(HAKMEM_RUNTIME_DIR=self.dir, PATH=f"{os.path.dirname(TOOL)}:{os.environ['PATH']}",
                               ZDOTDIR=self.dir, TERM="dumb")


class Bash(Completion):
    def complete(self, *words, breaks=" \t\n\"'><=;|&(:"):
        """What bash offers for the last of the words, which it takes apart itself."""
        split = []
        for word in words:
            split += [w for w in re.split("(=)", word) if w or not word] if "=" in breaks else [word]
            if word.endswith("="):
                split.append("")
        script = ('source "$1/hakmemctl.bash"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
                  '_hakmemctl; printf "%s\\n" "${COMPREPLY[@]}"')
        done = subprocess.run(["bash", "--norc", "-c", script, "bash", FOLDER, "hakmemctl", *split], env=self.env,
                              capture_output=True, text=True, check=False, timeout=120)
        self.assertEqual(done.stderr, "")
        return [line for line in done.stdout.splitlines() if line]

    def test_commands(self):
        commands = {row[1] for row in listing() if row[0] == "command"}
        self.assertEqual(set(self.complete("")), commands | {"help"})
        self.assertEqual(self.complete("sta"), ["stats"])
        self.assertEqual(self.complete("--runtime-dir", self.dir, "-v", "tri"), ["trim"])
        self.assertEqual(self.complete("help", "tri"), ["trim"])

    def test_every_option_of_every_command(self):
        options = {}
        for row in listing():
            if row[0] == "option":
                options.setdefault(row[1], set()).add(row[2])
        self.assertEqual(set(self.complete("--")), options.pop("-"))
        for command, names in options.items():
            self.assertEqual(set(self.complete(command, "--")), names)

    def test_values_of_options(self):
        self.assertEqual(self.complete("list", "--pid", ""), ["4242", "4343"])
        self.assertEqual(self.complete("list", "--pid=43"), ["4343"])
        self.assertEqual(self.complete("list", "--comm", "w"), ["worker\\ two"])
        self.assertEqual(self.complete("trim", "--unit", "a"), ["a.service"])
        self.assertEqual(self.complete("list", "--uid", "roo"), ["root"])
        self.assertEqual(self.complete("--json="), ["pretty"])
        self.assertIn(self.dir, self.complete("list", "--runtime-dir", self.dir[:-2]))

    def test_words(self):
        self.assertEqual(self.complete("stats", ""), ["host", "4242", "4343"])
        self.assertEqual(self.complete("trim", "42"), ["4242"])
        self.assertEqual(self.complete("info", ""), [])

    def test_tunables(self):
        names = {row[1] for row in listing() if row[0] == "tunable"}
        offered = {n[:-len("SIZE")] if n.endswith(".SIZE") else n + "=" for n in names}
        self.assertEqual(set(self.complete("tune", "--all", "")) - {"4242", "4343"}, offered)
        self.assertEqual(set(self.complete("run", "--tune", "")), offered)
        self.assertEqual(self.complete("tune", "--all", "purge_k"), ["purge_kind="])
        self.assertEqual(self.complete("tune", "--all", "purge_kind="), ["dontneed", "free"])
        self.assertEqual(self.complete("run", "--tune", "purge_kind=fr"), ["free"])
        self.assertEqual(self.complete("tune", "--get", "purge_k"), ["purge_kind"])

    def test_services(self):
        units = os.path.join(self.dir, "etc/systemd/system")
        os.makedirs(os.path.join(units, "web.service.d"))
        for name in ("web.service", "web@.service", "mail.service", "mail.socket"):
            with open(os.path.join(units, name), "w", encoding="utf-8"):
                pass
        self.assertEqual(self.complete("enable", "--root", self.dir, ""),
                         ["mail.service", "web.service", "web@.service"])
        self.assertEqual(self.complete("enable", f"--root={self.dir}", "m"), ["mail.service"])
        self.assertEqual(self.complete("disable", "--root", self.dir, ""), [])
        with open(os.path.join(units, "web.service.d", "50-hakmem.conf"), "w", encoding="utf-8"):
            pass
        self.assertEqual(self.complete("disable", "--root", self.dir, ""), ["web.service"])

    def test_the_program_of_run(self):
        self.assertIn("printenv", self.complete("run", "print"))
        self.assertIn("printenv", self.complete("run", "--label", "x", "--", "print"))
        self.assertNotIn("--tune", self.complete("run", "--", "--"))

    def test_without_a_daemon(self):
        self.daemon.stop()
        self.assertEqual(self.complete("list", "--pid", ""), [])
        self.assertEqual(self.complete("sta"), ["stats"])


@unittest.skipUnless(shutil.which("zsh"), "no zsh here")
class Zsh(Completion):
    """In a terminal: what TAB makes of a line is what zsh itself makes of the functions."""

    SETUP = """
PS1='' RPS1='' PS2=''
unsetopt zle_bracketed_paste prompt_sp
fpath=($1 $fpath)
autoload -Uz compinit && compinit -u -D
bindkey -e
bindkey '^I' complete-word
zstyle ':completion:*' list-grouped false
unsetopt list_ambiguous auto_list beep
show-buffer() { print -r -- "<<$BUFFER>>" > $2; BUFFER=''; }
zle -N show-buffer
bindkey '^X' show-buffer
"""

    def complete(self, line):
        """The line after TAB, as the editor has it."""
        answer = os.path.join(self.dir, "answer")
        with open(os.path.join(self.dir, ".zshrc"), "w", encoding="utf-8") as f:
            f.write(self.SETUP.replace("$1", FOLDER).replace("$2", answer) + f"\nprint ready > {answer}\n")
        pid, terminal = pty.fork()
        if pid == 0:
            os.execvpe("zsh", ["zsh", "-d", "-i"], self.env)
        try:
            self.read_until(answer, terminal, "ready")
            os.unlink(answer)
            os.write(terminal, line.encode() + b"\t\x18")
            return re.fullmatch("<<(.*)>>\n", self.read_until(answer, terminal, ">>\n"), re.S)[1]
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            os.close(terminal)

    def read_until(self, path, terminal, end):
        os.set_blocking(terminal, False)

        def complete():
            try:
                os.read(terminal, 65536)
            except BlockingIOError:
                pass
            if not os.path.exists(path):
                return None
            with open(path, encoding="utf-8") as f:
                text = f.read()
            return text if text.endswith(end) or text.strip() == end else None
        return wait_until(complete, "an answer of zsh")

    def test_lines(self):
        units = os.path.join(self.dir, "etc/systemd/system")
        os.makedirs(units)
        with open(os.path.join(units, "mail.service"), "w", encoding="utf-8"):
            pass
        for line, expected in (
                ("hakmemctl sta", "hakmemctl stats "),
                ("hakmemctl --no-c", "hakmemctl --no-color "),
                ("hakmemctl -v stats --cla", "hakmemctl -v stats --classes "),
                ("hakmemctl list --comm serv", "hakmemctl list --comm server "),
                ("hakmemctl list --pid 42", "hakmemctl list --pid 4242 "),
                ("hakmemctl --runtime-dir " + self.dir + " trim 43", f"hakmemctl --runtime-dir {self.dir} trim 4343 "),
                ("hakmemctl stats ho", "hakmemctl stats host "),
                ("hakmemctl tune --all purge_k", "hakmemctl tune --all purge_kind="),
                ("hakmemctl tune --all purge_kind=dont", "hakmemctl tune --all purge_kind=dontneed "),
                ("hakmemctl tune --get purge_k", "hakmemctl tune --get purge_kind"),
                ("hakmemctl run --tune purge_k", "hakmemctl run --tune purge_kind="),
                (f"hakmemctl enable --root {self.dir} mai", f"hakmemctl enable --root {self.dir} mail.service "),
                ("hakmemctl run printe", "hakmemctl run printenv ")):
            self.assertEqual(self.complete(line), expected)


if __name__ == "__main__":
    unittest.main()
