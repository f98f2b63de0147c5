#!/usr/bin/env python3
"""A load with RTLD_DEEPBIND for which the system lets nothing be made writable is counted: sys_errors_total, of which
`hakmemctl doctor` tells (refused-calls). One that is let do as it likes counts nothing.

usage: counted_test.py PROGRAM PLUGIN
"""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.environ["HAKMEM_SOURCE"], "tests", "control"))
from harness import Daemon, clean_environment, poll, stats  # pylint: disable=wrong-import-position


def refused_calls(program, plugin, what):
    """sys_errors_total of the program that has done it, as a daemon of its own has seen it."""
    daemon = Daemon()
    try:
        environment = clean_environment(LD_PRELOAD=os.environ["HAKMEM_LIB"], HAKMEM_LIB=os.environ["HAKMEM_LIB"],
                                        HAKMEM_RUNTIME_DIR=daemon.run)
        done = subprocess.run([program, what, plugin], env=environment, check=False)
        if done.returncode == 77:
            sys.exit(77)
        assert done.returncode == 0, f"{what}: {done.returncode}"
        client = daemon.client()
        gone = poll(lambda: [p for p in client.call("list", dead=True)["processes"] if p["state"] == "dead"],
                    "the program's end")
        return stats(client, gone[0]["pid"], dead=True)["totals"]["sys_errors_total"]
    finally:
        daemon.close()


if __name__ == "__main__":
    for case, expected in (("refused", 1), ("both", 0)):
        seen = refused_calls(*sys.argv[1:3], case)
        assert seen == expected, f"{case}: sys_errors_total is {seen}, not {expected}"
