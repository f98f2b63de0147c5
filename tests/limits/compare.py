#!/usr/bin/env python3
"""Runs a program in surroundings that it may not bear under any allocator, and judges only ours.

usage: compare.py UNDER OPTION... PROGRAM ARGUMENT...

First as `UNDER --plain ...`: where that fails, the surroundings are to blame and the test is skipped. Then
with libhakmem.so, which must do as well.
"""

import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from reachable import reachable


def run(command):
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def main():
    under, *rest = sys.argv[1:]
    os.environ["HAKMEM_LIB"] = reachable(os.environ["HAKMEM_LIB"])
    rest = [reachable(word) if os.path.isabs(word) and os.path.isfile(word) else word for word in rest]
    plain = run([under, "--plain", *rest])
    if plain.returncode != 0:
        print(f"skipped: fails under the system's allocator too: {plain.stdout}{plain.stderr}")
        return 77
    ours = run([under, *rest])
    if (ours.returncode, ours.stdout) != (0, plain.stdout):
        print(f"exit status {ours.returncode}\n{ours.stdout}{ours.stderr}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
