#!/usr/bin/env python3
"""Checks that every C file is as clang-format would have it; `clang-format -i FILE` mends it.

Skipped (77) where the clang-format that counts is not installed.
"""

import subprocess
import sys

import tree


def main():
    program = tree.clang_tool("clang-format")
    names = [str(n) for n in tree.files() if n.suffix in (".c", ".h", ".cpp")]
    done = subprocess.run([program, "--dry-run", "-Werror", *names], cwd=tree.ROOT, check=False)
    print(f"{len(names)} files checked")
    sys.exit(1 if done.returncode or not names else 0)


if __name__ == "__main__":
    main()
