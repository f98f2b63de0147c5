#!/usr/bin/env python3
"""Runs clang-tidy over the files that a build folder compiles, and prints what it finds.

usage: check_tidy.py BUILD [JOBS]

A file that is compiled several times is looked at once. Skipped (77) where the clang-tidy that counts is not installed.
"""

import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import tree

NOISE = re.compile(r"^(\d+ warnings? generated\.|Suppressed \d+ |Use -header-filter|\d+ warnings treated as errors)")

# How far the analyzer follows one function, in states: with its own 225,000 a file takes up to 45 s, for the same.
ANALYZER = ["--extra-arg=-Xclang", "--extra-arg=-analyzer-config",
            "--extra-arg=-Xclang", "--extra-arg=max-nodes=30000"]


def entries(build):
    """The build's commands for files of this tree, one for each file."""
    with open(build / "compile_commands.json", encoding="utf-8") as file:
        commands = json.load(file)
    inside = [e for e in commands if pathlib.Path(e["file"]).is_relative_to(tree.ROOT)]
    # What the build itself has written there is not the project's text.
    inside = [e for e in inside if not pathlib.Path(e["file"]).is_relative_to(build)]
    # A sanitizer's build has the same text, and gcc's options for it are not clang's.
    inside = [e for e in inside if "-fsanitize=" not in e["command"]]
    # The first of a file's builds is the one that is shipped.
    return list({entry["file"]: entry for entry in reversed(inside)}.values())


def check(tidy, database, name):
    done = subprocess.run([tidy, "-quiet", "-p", database, *ANALYZER, name], capture_output=True, text=True,
                          check=False)
    said = [line for line in (done.stdout + done.stderr).splitlines() if not NOISE.match(line)]
    return "\n".join(said) if done.returncode else ""


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    tidy = tree.clang_tool("clang-tidy")
    build = pathlib.Path(sys.argv[1]).resolve()
    jobs = int(sys.argv[2]) if len(sys.argv) == 3 else os.cpu_count()
    commands = entries(build)
    names = sorted({entry["file"] for entry in commands})
    with tempfile.TemporaryDirectory(prefix="hakmem-tidy-") as database:
        with open(os.path.join(database, "compile_commands.json"), "w", encoding="utf-8") as file:
            json.dump(commands, file)
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            findings = [said for said in pool.map(lambda name: check(tidy, database, name), names) if said]
    for said in findings:
        print(said)
    print(f"{len(names)} files checked, {len(findings)} with findings")
    sys.exit(1 if findings or not names else 0)


if __name__ == "__main__":
    main()
