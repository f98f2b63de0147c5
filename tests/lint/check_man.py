#!/usr/bin/env python3
"""Checks the manual pages: no warning of mandoc or groff, references that exist; every function of hakmem.h, every
environment variable that the sources read, and every request is described; no line is wider than a terminal.

usage: check_man.py DIRECTORY    where the build has put the finished pages

A program that is not installed is not asked; the rest is checked without it.
"""

import pathlib
import re
import shutil
import subprocess
import sys

import tree

PAGES = ["hakmemctl.1", "hakmem.3", "hakmemd.json.5", "hakmem-segment.5", "hakmem.7", "hakmem-api.7", "hakmemd.8"]
# Other people's pages that ours lead to.
FOREIGN = {"dlmopen(3)", "dlopen(3)", "dlsym(3)", "gdb(1)", "jemalloc(3)", "ld.so(8)", "malloc(3)", "memfd_create(2)",
           "pread(2)", "sd_notify(3)", "systemd(1)", "systemd.exec(5)"}
COLUMNS = 80
# What groff puts around a reference from 1.24 on (OSC 8): terminals make a link of it, and no column.
LINK = re.compile(r"\x1b\]8;.*?\x1b\\")
REFERENCE = re.compile(r"^\.(?:.* )?Xr (\S+) (\d)", re.MULTILINE)
VARIABLE = re.compile(r'getenv\("(HAKMEM_[A-Z_]+)"\)|#define \w+_ENV\s+"(HAKMEM_[A-Z_]+)"')


def run(report, page, command):
    if shutil.which(command[0]) is None:
        return False
    done = subprocess.run([*command, str(page)], capture_output=True, text=True, check=False)
    said = (done.stderr + (done.stdout if command[0] == "mandoc" else "")).strip()
    if done.returncode or said:
        report.add(f"docs/man/{page.name}", 0, f"{command[0]}: {said}")
    return True


def rendered(page, command):
    """The lines of a page as a terminal of 80 columns shows them; None where the program is not there."""
    if shutil.which(command[0]) is None:
        return None
    done = subprocess.run([*command, str(page)], capture_output=True, text=True, check=False)
    # Without colours, and without what is printed over itself for bold and underlined letters.
    return [re.sub(".\b", "", re.sub(r"\x1b\[[0-9;]*m", "", line)) for line in done.stdout.splitlines()]


def check_width(report, page):
    """Text fills the lines there are; what stands as it is typed must fit."""
    for command in (["mandoc", "-T", "utf8", "-O", "width=78"], ["groff", "-mandoc", "-T", "utf8", "-rLL=78n"]):
        for line in rendered(page, command) or ():
            line = LINK.sub("", line)
            if len(line) > COLUMNS:
                report.add(f"docs/man/{page.name}", 0,
                           f"{command[0]}: {len(line)} columns; {COLUMNS} are the most: {line.strip()}")


def check_page(report, page):
    tools = [["mandoc", "-T", "lint", "-W", "warning"], ["groff", "-mandoc", "-ww", "-z"]]
    for tool in tools:
        if not run(report, page, tool):
            print(f"{page.name}: {tool[0]} is not installed, so not asked")
    check_width(report, page)
    text = page.read_text(encoding="utf-8")
    for name, section in REFERENCE.findall(text):
        if f"{name}.{section}" not in PAGES and f"{name}({section})" not in FOREIGN:
            report.add(f"docs/man/{page.name}", 0, f"{name}({section}) is no page of ours, nor one that is known")
    for name in re.findall(r"@\w+@", text):
        report.add(f"docs/man/{page.name}", 0, f"{name} was not put in")
    return text


def check_variables(report, texts):
    for name in tree.files():
        if name.parts[0] not in tree.FLOORS or name.suffix not in (".c", ".h"):
            continue
        for match in VARIABLE.finditer(tree.read(name) or ""):
            variable = match[1] or match[2]
            if not any(re.search(rf"^\.It Ev .*\b{variable}\b", text, re.MULTILINE) for text in texts):
                report.add(name, 0, f"{variable} has no entry in a manual page")


def check_functions(report):
    header = tree.read(pathlib.PurePosixPath("lib/include/hakmem.h"))
    page = tree.read(pathlib.PurePosixPath("docs/man/hakmem.3"))
    for name in re.findall(r"^[a-z].*?\b(hakmem_\w+)\(", header, re.MULTILINE):
        for line in (f".Nm {name}", f".Fn {name} ", f".It Fn {name}"):
            if not re.search(rf"^{re.escape(line)}", page, re.MULTILINE):
                report.add("docs/man/hakmem.3", 0, f"{name} of hakmem.h has no '{line}'")


def check_methods(report):
    """Each request has a section in both descriptions of the protocol."""
    rows = tree.read(pathlib.PurePosixPath("daemon/control/methods.def"))
    names = set(re.findall(r'^HK_METHOD\("([a-z.]+)"', rows, re.MULTILINE))
    for page, heading in (("docs/protocol.md", r"^### (.*)$"), ("docs/man/hakmem-api.7", r"^\.Ss (.*)$")):
        text = tree.read(pathlib.PurePosixPath(page))
        described = {name for line in re.findall(heading, text, re.MULTILINE) for name in line.split(", ")}
        for name in sorted(names ^ described):
            what = "no section for the request" if name in names else "a section for what is no request:"
            report.add(page, 0, f"{what} {name}")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    report = tree.Report()
    made = pathlib.Path(sys.argv[1])
    there = [page for page in PAGES if (made / page).is_file()]
    if sorted(p.name for p in (tree.ROOT / "docs" / "man").glob("*.[0-9]")) != sorted(PAGES):
        report.add("docs/man", 0, f"holds other pages than {', '.join(PAGES)}")
    texts = [check_page(report, made / page) for page in there]
    check_functions(report)
    check_methods(report)
    if len(there) == len(PAGES):  # a build without the tools has not all of them
        check_variables(report, texts)
    report.finish(len(there))


if __name__ == "__main__":
    main()
