#!/usr/bin/env python3
"""Checks what no formatter does: names and length of files, how they open, guards, and words that must not stay."""

import re

import tree

MAX_LINES = 600
MAX_COLUMNS = 120  # of scripts; C has its formatter
CODE = {".c", ".h", ".def", ".py", ".sh", ".cmake", ".cc", ".js"}
# Written in pieces, so that this file does not find itself.
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
MACHINE_PATH = re.compile(r"(?<![\w.~$}-])/(wo" r"rk|ho" r"me|ro" r"ot|fa" r"rm)/")
CONFLICT = re.compile(r"^(<{7}|>{7}|={7})( |$)")
# Files whose lines are data: read by programs, or fixed by others.
DATA = {".golden", ".json", ".svg", ".bin"}
NAME = re.compile(r"[A-Za-z0-9._/+-]+")
SCRIPT_NAMES = {"dev", "run", "CMakeLists.txt"}


def is_code(name):
    return name.suffix in CODE or name.name in SCRIPT_NAMES


def check_lines(report, name, text):
    for number, line in enumerate(text.splitlines(), 1):
        if match := UNFINISHED.search(line):
            report.add(name, number, f"marked unfinished ({match[0]})")
        if match := MACHINE_PATH.search(line):
            report.add(name, number, f"a path of one machine ({match[0]})")
        if CONFLICT.match(line):
            report.add(name, number, "left over from a merge")
        if line != line.rstrip() and name.suffix != ".md":
            report.add(name, number, "blanks at the end of the line")
        if "\t" in line and is_code(name):
            report.add(name, number, "a tab")
        if len(line) > MAX_COLUMNS and (name.suffix in (".py", ".sh", ".js") or name.name in ("dev", "run")):
            report.add(name, number, f"{len(line)} columns; {MAX_COLUMNS} are the most")
    if text and not text.endswith("\n"):
        report.add(name, 0, "no newline at the end")


def check_opening(report, name, text):
    """A file says first what it is for."""
    start = re.sub(r"\A#!.*\n", "", text).lstrip()
    hashes = name.suffix in (".py", ".sh", ".cmake") or name.name in SCRIPT_NAMES
    comment = ("#", '"""') if hashes else ("/*", "//")
    if not start.startswith(comment):
        report.add(name, 1, "does not open with a comment on what it is for")
    elif name.suffix in (".c", ".h", ".def") and name.name not in text.split("*/")[0]:
        report.add(name, 1, f"the comment it opens with does not name it ({name.name})")


def check_guard(report, name, text):
    words = [w for w in name.with_suffix("").parts if w != "include"]
    guard = "_".join(["HAKMEM", *words, "H"]).upper().replace("-", "_")
    public = name.name == "hakmem.h"
    if not public and f"#ifndef {guard}\n#define {guard}\n" not in text:
        report.add(name, 0, f"its guard is not {guard}")


def main():
    report = tree.Report()
    checked = 0
    for name in tree.files():
        if not NAME.fullmatch(str(name)):
            report.add(repr(str(name)), 0, "a name that other tools stumble over")
        text = tree.read(name)
        if text is None or name.suffix in DATA or "corpus" in name.parts:
            continue
        checked += 1
        check_lines(report, name, text)
        if is_code(name):
            lines = text.count("\n")
            if lines > MAX_LINES:
                report.add(name, 0, f"{lines} lines; {MAX_LINES} are the most (one idea a file?)")
            check_opening(report, name, text)
        if name.suffix == ".h":
            check_guard(report, name, text)
    report.finish(checked)


if __name__ == "__main__":
    main()
