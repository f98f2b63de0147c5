#!/usr/bin/env python3
"""A program in hakmemd's place: the scripted daemon in the directory it is given, until SIGTERM.

$FAKE_HAKMEMD says how it behaves: "fail" at once with a message, "stubborn" about SIGTERM, "quit" once it has
answered. $FAKE_HAKMEMD_TRACE names a file for what it was started with. It ends by itself after a while.
"""
import argparse
import json
import os
import signal
import sys
import threading

sys.path.insert(0, os.environ["FAKE_HAKMEMD_PATH"])
from fake_daemon import FakeDaemon  # noqa: E402


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runtime-dir", required=True)
    directory = parser.parse_args().runtime_dir
    behaviour = os.environ.get("FAKE_HAKMEMD", "")
    signal.alarm(300)
    print("fake: a line of log", flush=True)
    if behaviour == "fail":
        sys.exit("error: cannot bind, on purpose")
    ended = threading.Event()
    signal.signal(signal.SIGTERM, signal.SIG_IGN if behaviour == "stubborn" else lambda *_: ended.set())
    with open(os.environ["FAKE_HAKMEMD_TRACE"] + ".new", "w", encoding="utf-8") as trace:
        json.dump({"pid": os.getpid(), "keeper": os.getppid(), "session": os.getsid(0), "directory": directory,
                   "mode": oct(os.stat(directory).st_mode & 0o7777), "environment": dict(os.environ),
                   "cwd": os.getcwd()}, trace)
    os.rename(os.environ["FAKE_HAKMEMD_TRACE"] + ".new", os.environ["FAKE_HAKMEMD_TRACE"])
    with FakeDaemon(directory) as daemon:
        with open(os.path.join(directory, "lock"), "w", encoding="utf-8"):
            pass
        if behaviour == "quit":
            while not daemon.requests:
                ended.wait(0.01)
        else:
            ended.wait()


if __name__ == "__main__":
    main()
