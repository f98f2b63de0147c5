#!/usr/bin/env python3
"""Sums up which lines of the product the tests have run, and puts the figure into the README.

usage: coverage.py BUILD [--readme]    after tests in a build with HAKMEM_COVERAGE=ON
       coverage.py --check             the README's figure is of this version

`./dev coverage` does all of it. Needs gcovr.
"""

import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
FLOORS = ("shm", "lib", "config", "daemon", "ctl")
README = ROOT / "README.md"
MARKED = re.compile(r"(<!-- made: coverage -->\n)(.*?)(<!-- end of coverage -->)", re.DOTALL)


def version():
    return re.search(r"^project\(hakmem VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text(encoding="utf-8"),
                     re.MULTILINE)[1]


def measured(build):
    """(lines, lines that were run) of each floor."""
    command = ["gcovr", "--root", str(ROOT), "--object-directory", str(build), "--json-summary", "-"]
    for floor in FLOORS:
        command += ["--filter", f"{ROOT}/{floor}/"]
    command += ["--html-details", str(build / "coverage.html"), str(build)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"gcovr: {done.stderr.strip()}")
    sums = {floor: [0, 0] for floor in FLOORS}
    for file in json.loads(done.stdout)["files"]:
        floor = pathlib.PurePosixPath(file["filename"]).parts[0]
        sums[floor][0] += file["line_total"]
        sums[floor][1] += file["line_covered"]
    return sums


def sentence(sums):
    lines, run = (sum(s[i] for s in sums.values()) for i in (0, 1))
    each = ", ".join(f"`{floor}/` {100 * s[1] / s[0]:.0f}" for floor, s in sums.items())
    return (f"The quick tests run {100 * run / lines:.1f}% of {lines:,} lines of {version()}\n"
            f"({each}): `./dev coverage`.\n")


def main():
    if sys.argv[1:] == ["--check"]:
        found = MARKED.search(README.read_text(encoding="utf-8"))
        if not found or f" lines of {version()}\n" not in found[2]:
            sys.exit(f"README.md: its coverage is not of {version()}; ./dev coverage measures it")
        return
    if len(sys.argv) not in (2, 3) or sys.argv[1].startswith("-") or sys.argv[2:] not in ([], ["--readme"]):
        sys.exit(__doc__)
    build = pathlib.Path(sys.argv[1]).resolve()
    sums = measured(build)
    if not all(s[0] for s in sums.values()):
        sys.exit(f"coverage: {build} has no counts for some floors: {sums}")
    for floor, (lines, run) in sums.items():
        print(f"{floor:8} {run:6} of {lines:6} lines  {100 * run / lines:5.1f}%")
    print(sentence(sums), end="")
    print(f"line by line: {build}/coverage.html")
    if sys.argv[2:]:
        text, count = MARKED.subn(lambda m: m[1] + sentence(sums) + m[3], README.read_text(encoding="utf-8"))
        if count != 1:
            sys.exit("README.md: no place for the figure (<!-- made: coverage -->)")
        README.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
