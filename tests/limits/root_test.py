#!/usr/bin/env python3
"""A root folder with a program, the libraries it needs, and nothing else: no /proc, /sys, /dev, /etc or /tmp.

usage: root_test.py [--mounts] COMPARE UNDER PROGRAM [ARGUMENT...]     --mounts: nor any other mount
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile


def needed(path):
    """Files that the dynamic linker maps for a program or library."""
    out = subprocess.run(["ldd", path], capture_output=True, text=True, check=True).stdout
    return re.findall(r"(/\S+) \(0x", out)


def copy_into(root, path):
    to = root + path
    os.makedirs(os.path.dirname(to), exist_ok=True)
    shutil.copy(path, to)


def main():
    mounts = sys.argv[1:2] == ["--mounts"]
    compare, under, program, *arguments = sys.argv[1 + mounts:]
    library = os.environ["HAKMEM_LIB"]
    root = tempfile.mkdtemp(prefix="hakmem-root-", dir="/tmp")
    try:
        for path in {program, library, *needed(program), *needed(library)}:
            copy_into(root, path)
        options = ["--root", root] + ["--mounts"] * mounts
        return subprocess.run([sys.executable, compare, under, *options, program, *arguments], check=False).returncode
    finally:
        shutil.rmtree(root)


if __name__ == "__main__":
    sys.exit(main())
