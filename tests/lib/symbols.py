#!/usr/bin/env python3
"""Prints the names that a shared library exports: symbols.py LIBRARY. For a golden test."""

import subprocess
import sys


def main():
    command = ["nm", "--dynamic", "--defined-only", "--portability", sys.argv[1]]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = sorted(line.split()[:2] for line in listed.splitlines())
    for name, kind in rows:
        print(kind, name)


if __name__ == "__main__":
    main()
