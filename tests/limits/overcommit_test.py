#!/usr/bin/env python3
"""Commands on hosts that promise any memory (vm.overcommit_memory is 1), some (0), or none they do not have (2).

usage: overcommit_test.py COMMAND -- COMMAND -- ...

The setting is the whole host's: it is put back, and the commit limit is set so that nobody comes near it.
"""

import signal
import subprocess
import sys

MODE, KBYTES = "/proc/sys/vm/overcommit_memory", "/proc/sys/vm/overcommit_kbytes"
RATIO = "/proc/sys/vm/overcommit_ratio"
ROOM_KBYTES = 64 << 20


def read(path):
    with open(path, encoding="ascii") as f:
        return f.read().strip()


def write(path, value):
    with open(path, "w", encoding="ascii") as f:
        f.write(str(value))


def restore(saved):
    write(MODE, saved[MODE])
    # Writing one of the two zeroes the other.
    if saved[KBYTES] != "0":
        write(KBYTES, saved[KBYTES])
    else:
        write(RATIO, saved[RATIO])


def commands(words):
    while words:
        end = words.index("--") if "--" in words else len(words)
        yield words[:end]
        words = words[end + 1:]


def main():
    saved = {path: read(path) for path in (MODE, KBYTES, RATIO)}
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(1))
    try:
        write(KBYTES, ROOM_KBYTES)
    except OSError as error:
        print(f"skipped: {error}")
        return 77
    failed = 0
    try:
        for mode in (0, 1, 2):
            write(MODE, mode)
            for command in commands(sys.argv[1:]):
                done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
                if done.returncode != 0:
                    failed = 1
                    print(f"mode {mode}: {command}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
    finally:
        restore(saved)
    return failed


if __name__ == "__main__":
    sys.exit(main())
