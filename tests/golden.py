#!/usr/bin/env python3
"""Compares what a command prints with a golden file.

usage: golden.py FILE COMMAND [ARGUMENT...]

With HAKMEM_UPDATE_GOLDEN=1 in the environment a file that differs is rewritten instead.
"""

import difflib
import os
import subprocess
import sys


def check(golden: str, actual: str, whose: str) -> int:
    """0 if actual is what the file holds, or was written there."""
    expected = ""
    if os.path.exists(golden):
        with open(golden, encoding="utf-8") as file:
            expected = file.read()
    if actual == expected:
        return 0
    if os.environ.get("HAKMEM_UPDATE_GOLDEN") == "1":
        with open(golden, "w", encoding="utf-8") as file:
            file.write(actual)
        print(f"{golden}: rewritten")
        return 0
    sys.stdout.writelines(
        difflib.unified_diff(
            expected.splitlines(keepends=True), actual.splitlines(keepends=True), golden, "printed now"
        )
    )
    print(
        f"\n{golden} differs from what {whose} prints.\n"
        "If the change is meant: HAKMEM_UPDATE_GOLDEN=1 ./dev test, then review it with git diff."
    )
    return 1


def main() -> int:
    if len(sys.argv) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    golden, command = sys.argv[1], sys.argv[2:]
    result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
    if result.returncode != 0:
        print(f"{command[0]}: exit status {result.returncode}", file=sys.stderr)
        return 1
    return check(golden, result.stdout.decode(), os.path.basename(command[0]))


if __name__ == "__main__":
    sys.exit(main())
