"""The project's own files, and how the checks report what they find."""

import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
FLOORS = ("shm", "lib", "config", "daemon", "ctl")
# clang-format and clang-tidy find other things with each version: this one's word counts.
CLANG = "14"


def files():
    """Paths of every file of the project, relative to its root: what git tracks or would, or, in a tree
    without git, all but the build folders."""
    command = ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z"]
    command += ["--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        names = [pathlib.PurePosixPath(line) for line in listed.split("\0") if line]
    except (OSError, subprocess.CalledProcessError):
        names = [path.relative_to(ROOT) for path in ROOT.rglob("*")]
        names = [n for n in names if not n.parts[0].startswith("build") and ".git" not in n.parts]
    return sorted(n for n in set(names) if (ROOT / n).is_file() and not (ROOT / n).is_symlink())


def read(name):
    """A file's text, or None where it is not text."""
    try:
        return (ROOT / name).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def clang_tool(name):
    """The program of the version that counts; without it this check is skipped (77)."""
    for program in (f"{name}-{CLANG}", name):
        path = shutil.which(program)
        said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout if path else ""
        if re.search(rf"version {CLANG}\.", said):
            return path
    print(f"skipped: {name} {CLANG} is not installed, and other versions find other things")
    sys.exit(77)


class Report:
    """Collects findings, one a line, and turns them into an exit status."""

    def __init__(self):
        self.findings = []

    def add(self, name, line, what):
        place = f"{name}:{line}" if line else f"{name}"
        self.findings.append(f"{place}: {what}")

    def finish(self, checked):
        for finding in self.findings:
            print(finding)
        if not checked:
            print("nothing was checked: is this the project's tree?")
        print(f"{checked} files checked, {len(self.findings)} findings")
        sys.exit(1 if self.findings or not checked else 0)
