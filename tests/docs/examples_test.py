"""The examples in the Markdown pages: those marked as runnable run, and every other command line is one that exists.

A fenced block opened with `sh run` is run; all of one page's in one shell, in order, in a folder of their own, with the
programs of this build in front of PATH. A block `text shown` behind one is what it prints: each of its lines but
for numbers, units and blanks. Lines may be left out.
"""

import getpass
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ["HAKMEM_SOURCE"])
BUILD = pathlib.Path(os.environ["HAKMEM_BUILD"])
FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DEADLINE_S = 280

# Ours, and what a shell needs; no library and no setting of the caller's.
KEEP = ("PATH", "LC_ALL", "LANG", "TMPDIR", "ASAN_OPTIONS")


def pages():
    listed = subprocess.run(["git", "-c", f"safe.directory={SOURCE}", "ls-files", "-co", "--exclude-standard", "*.md"],
                            cwd=SOURCE, capture_output=True, text=True, check=False)
    names = listed.stdout.split() if listed.returncode == 0 else [str(p.relative_to(SOURCE))
                                                                   for p in SOURCE.glob("docs/**/*.md")]
    return [SOURCE / name for name in names if (SOURCE / name).is_file()]


def shape(line):
    """A line without what differs from run to run: numbers with their units, who ran it, how wide columns are."""
    line = re.sub(r"\d+(\.\d+)*( ?([kKMGT]i?B?|B|ms|s|min|h|d|%)(?![A-Za-z]))?( ?/s)?", "N", line)
    line = re.sub(rf"\b(root|{re.escape(getpass.getuser())})\b", "N", line)
    return re.sub(r"\s+", " ", line).strip()


class Folder:
    """Where a page's examples run: a home, a runtime directory, the programs in PATH."""

    def __init__(self):
        self.made = tempfile.TemporaryDirectory(prefix="hkdoc-", dir="/tmp")  # short enough for sockets
        self.path = pathlib.Path(self.made.name)
        (self.path / "run").mkdir(mode=0o700)
        self.env = {name: os.environ[name] for name in KEEP if name in os.environ}
        self.env["PATH"] = f"{BUILD}/ctl:{BUILD}/daemon:{self.env['PATH']}"
        self.env.update(HOME=self.made.name, COLUMNS="80", XDG_RUNTIME_DIR=f"{self.made.name}/run",
                        XDG_CONFIG_HOME=self.made.name, HAKMEM_RUNTIME_DIR=f"{self.made.name}/run/hakmem")

    def run(self, script):
        """Output and exit status of a script; whatever it leaves running is ended."""
        with open(self.path / ".out", "w+", encoding="utf-8") as out:
            shell = subprocess.Popen(["bash", "-euo", "pipefail", "-c", script], cwd=self.path, env=self.env,
                                     stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                     start_new_session=True)
            try:
                status = shell.wait(DEADLINE_S)
            except subprocess.TimeoutExpired:
                status = "too long"
            finally:
                try:
                    os.killpg(shell.pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
                shell.wait()
            out.seek(0)
            return status, out.read()


def blocks(text):
    """(how, body) of each fenced block with a meaning here."""
    return [(m[1].strip(), m[2]) for m in FENCE.finditer(text) if m[1].strip() in ("sh run", "text shown")]


# Other people's programs in examples.
WANTED = re.compile(r"\b(redis-(?:server|cli|benchmark)|jq|socat)\b")


class Runnable(unittest.TestCase):
    def check_page(self, page):
        found = blocks(page.read_text(encoding="utf-8"))
        for program in sorted({name for how, body in found if how == "sh run" for name in WANTED.findall(body)}):
            if not shutil.which(program):
                self.skipTest(f"{program} is not installed, which {page.name} runs")
        folder = Folder()
        self.addCleanup(folder.made.cleanup)
        script, expected, number = [], {}, 0
        for how, body in found:
            if how == "sh run":
                number += 1
                script.append(f"echo '@@ {number}'\n{body}")
            else:
                self.assertGreater(number, 0, "shown before anything is run")
                expected.setdefault(number, []).extend(body.splitlines())
        status, out = folder.run("\n".join(script))
        self.assertEqual(status, 0, f"{page.name}:\n{out}")
        parts = re.split(r"^@@ (\d+)\n", out, flags=re.MULTILINE)
        printed = {int(n): text for n, text in zip(parts[1::2], parts[2::2])}
        for number, lines in expected.items():
            shapes = {shape(line) for line in printed[number].splitlines()}
            for line in lines:
                self.assertIn(shape(line), shapes | {"", "..."}, f"{page.name}, block {number}:\n{printed[number]}")

    def test_every_page(self):
        ran = 0
        for page in pages():
            if any(how == "sh run" for how, _ in blocks(page.read_text(encoding="utf-8"))):
                with self.subTest(page=page.name):
                    self.check_page(page)
                ran += 1
        self.assertGreater(ran, 0)


def command_lines(text):
    """Lines of code blocks, fenced and indented, that begin with a program of ours."""
    for line in text.splitlines():
        line = re.sub(r"^(    |\$ |```)+", "", line)
        line = re.sub(r"\s{2,}[#(].*|\s#\s.*", "", line)
        line = re.sub(r"^(sudo |[A-Z_]+=\S+ )*", "", line)
        if match := re.match(r"(hakmemctl|hakmemd|\./dev)(\s+.*)?$", line):
            yield match[1], (match[2] or "").split()


def examples(page):
    """Of a Markdown page its code blocks; of a manual page its literal displays."""
    text = page.read_text(encoding="utf-8")
    if page.suffix == ".md":
        code = "\n".join(body for _, body in ((m[1], m[2]) for m in FENCE.finditer(text)))
        code += "\n" + "\n".join(line for line in FENCE.sub("", text).splitlines() if line.startswith("    "))
    else:
        code = "\n".join(re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed", text, re.MULTILINE | re.DOTALL))
    return list(command_lines(code))


class CommandLines(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        def said(*command):
            return subprocess.run(command, capture_output=True, text=True, check=True, cwd=SOURCE).stdout
        rows = [line.split("\t") for line in said(str(BUILD / "ctl" / "hakmemctl"), "--options").splitlines()]
        cls.options = {}
        for row in rows:
            if row[0] == "option":
                cls.options.setdefault(row[1], set()).add(row[2])
                if row[3] != "-":
                    cls.options[row[1]].add("-" + row[3])
        cls.commands = {row[1] for row in rows if row[0] == "command"} | {"help"}
        cls.daemon = set(re.findall(r"^  (--[a-z-]+)", said(str(BUILD / "daemon" / "hakmemd"), "--help"), re.MULTILINE))
        cls.dev = set(re.findall(r"^  ([a-z]+)", said("bash", "./dev", "help"), re.MULTILINE))
        cls.lines = [(page.name, *line) for page in [*pages(), *(SOURCE / "docs" / "man").glob("*.[0-9]")]
                     for line in examples(page)]

    def test_of_the_tool(self):
        seen = 0
        for page, program, words in self.lines:
            if program != "hakmemctl":
                continue
            seen += 1
            with self.subTest(page=page, words=" ".join(words)):
                command = next((w for i, w in enumerate(words)
                                if not w.startswith("-") and (i == 0 or words[i - 1] != "--runtime-dir")), None)
                if command and command not in ("COMMAND", "command"):
                    self.assertIn(command, self.commands)
                known = self.options["-"] | self.options.get(command, set())
                own = words[:words.index("--")] if "--" in words else words
                for word in own:
                    if word.startswith("-") and len(word) > 1 and not word.startswith("-m"):
                        self.assertIn(word.split("=")[0], known | {"--options", "--complete"})
        self.assertGreater(seen, 20)

    def test_of_the_daemon(self):
        lines = [(page, words) for page, program, words in self.lines if program == "hakmemd"]
        for page, words in lines:
            for word in words:
                if word.startswith("--"):
                    self.assertIn(word.split("=")[0], self.daemon, page)
        self.assertGreater(len(lines), 3)

    def test_of_dev(self):
        lines = [(page, words) for page, program, words in self.lines if program == "./dev"]
        for page, words in lines:
            if words:
                self.assertIn(words[0], self.dev, page)
        self.assertGreater(len(lines), 5)


if __name__ == "__main__":
    unittest.main(verbosity=2)
