#!/usr/bin/env python3
"""What fork() and exec cost a process with a large heap, here and with the system's allocator: a ratio to read.

usage: spawn_cost.py UNDER PROGRAM [MIB]

Passes whatever comes out: elapsed time proves nothing on a machine that does other things.
"""

import statistics
import subprocess
import sys

ROUNDS = 3


def available_mib():
    with open("/proc/meminfo", encoding="ascii") as file:
        for line in file:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) >> 10
    return 0


def main():
    under, program, *rest = sys.argv[1:]
    # The child shares the pages: twice the heap is never needed.
    mib = min(int(rest[0]) if rest else 10 << 10, available_mib() // 2)
    us = {"--plain": [], "ours": []}
    for _ in range(ROUNDS):
        for how, found in us.items():
            words = [under] + ([how] if how == "--plain" else []) + [program, str(mib)]
            found.append(int(subprocess.run(words, capture_output=True, text=True, check=True).stdout))
    plain, ours = (statistics.median(found) for found in us.values())
    print(f"fork and exec with {mib} MiB of live heap: {ours:.0f} us, {plain:.0f} us under the system's allocator; "
          f"ratio {ours / plain:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
