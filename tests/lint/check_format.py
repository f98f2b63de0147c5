#!/usr/bin/env python3
"""Checks that every C file is as clang-format would have it; `clang-format -i FILE` mends it.

Skipped (77) where clang-format is not installed.
"""

import shutil
import subprocess
import sys

import tree


def main():
    if shutil.which("clang-format") is None:
        print("clang-format is not installed")
        sys.exit(77)
    names = [str(n) for n in tree.files() if n.suffix in (".c", ".h", ".cpp")]
    done = subprocess.run(["clang-format", "--dry-run", "-Werror", *names], cwd=tree.ROOT, check=False)
    print(f"{len(names)} files checked")
    sys.exit(1 if done.returncode or not names else 0)


if __name__ == "__main__":
    main()
