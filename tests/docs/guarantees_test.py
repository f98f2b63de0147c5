#!/usr/bin/env python3
"""Every line of docs/guarantees.md names tests that hold it, and ctest knows them; slow ones are called so.

usage: guarantees_test.py BUILD_FOLDER
"""

import json
import os
import re
import subprocess
import sys
import tempfile

PAGE = os.path.join("docs", "guarantees.md")
NAME = re.compile(r"`([^`]+)`( \(slow\))?")
HELD = re.compile(r"`[^`]+`(?: \(slow\))?(?:, `[^`]+`(?: \(slow\))?)*")
SECTIONS = ("alignment", "errno", "fork", "signals", "async", "end", "limits")


def known_tests(build):
    """Name -> whether it is slow, of all tests of a build."""
    # From a folder of its own: ctest begins its log anew even to list, and the build's is that of the run we are in.
    with tempfile.TemporaryDirectory(prefix="hakmem-tests-") as folder:
        with open(os.path.join(folder, "CTestTestfile.cmake"), "w", encoding="utf-8") as file:
            file.write(f'subdirs("{os.path.realpath(build)}")\n')
        out = subprocess.run(["ctest", "--test-dir", folder, "--show-only=json-v1"], capture_output=True, text=True,
                             check=True).stdout
    found = {}
    for test in json.loads(out)["tests"]:
        labels = [p["value"] for p in test.get("properties", []) if p["name"] == "LABELS"]
        found[test["name"]] = "slow" in sum(labels, [])
    return found


def rows(text):
    """(line number, cells) of each row of a table, without heads and rules."""
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        is_head = number < len(lines) and re.match(r"\| --- ", lines[number])
        if line.startswith("|") and not line.startswith("| ---") and not is_head:
            yield number, [cell.strip() for cell in line.strip("|").split("|")]


def check_row(cells, known):
    if len(cells) != 2 or not HELD.fullmatch(cells[1]):
        yield "is not a guarantee and the tests that hold it"
        return
    for name, slow in NAME.findall(cells[1]):
        if name not in known:
            yield f"there is no test {name}"
        elif known[name] != bool(slow):
            yield f"{name} is {'slow' if known[name] else 'not slow'}"


def main():
    with open(os.path.join(os.environ["HAKMEM_SOURCE"], PAGE), encoding="utf-8") as file:
        text = file.read()
    known = known_tests(sys.argv[1])
    found = list(rows(text))
    wrong = [f"{PAGE}:{number}: {what}" for number, cells in found for what in check_row(cells, known)]
    headings = " ".join(re.findall(r"^## (.*)", text, re.MULTILINE)).lower()
    wrong += [f"{PAGE}: no section on {word}" for word in SECTIONS if word not in headings]
    print(*wrong, f"{len(found)} guarantees, {len(known)} tests, {len(wrong)} findings", sep="\n")
    return 1 if wrong or not found else 0


if __name__ == "__main__":
    sys.exit(main())
