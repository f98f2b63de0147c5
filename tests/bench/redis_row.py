"""The redis row: a private redis-server under an allocator, driven by redis-benchmark.

Everything is in a folder of its own that goes away; no TCP port is opened; nothing is written to disk.
"""

import csv
import os
import shutil
import socket
import subprocess
import tempfile
import time

START_TIMEOUT_S = 60
LOAD_TIMEOUT_S = 900
STOP_TIMEOUT_S = 30
KEYS = 200_000
VALUE_BYTES = 200


def pin(index):
    """A preexec_fn: the index-th processor that may be used."""
    cpus = sorted(os.sched_getaffinity(0))
    return lambda: os.sched_setaffinity(0, {cpus[index % len(cpus)]})


def send(path, command):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(10)
        client.connect(path)
        client.sendall(command + b"\r\n")
        return client.recv(256)


def wait_until_ready(server, path, log):
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if server.poll() is not None:
            with open(log, encoding="utf-8", errors="replace") as file:
                raise RuntimeError(f"redis-server ended with {server.returncode}: {file.read()[-500:]}")
        try:
            if send(path, b"PING").startswith(b"+PONG"):
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise RuntimeError("redis-server does not answer")


def memory(pid):
    figures = {}
    with open(f"/proc/{pid}/status", encoding="utf-8") as status:
        for line in status:
            key, _, value = line.partition(":")
            if key in ("VmHWM", "VmRSS"):
                figures[key] = int(value.split()[0])
    return figures


def load(path, requests):
    """Runs the load; returns requests a second of each command."""
    command = ["redis-benchmark", "-s", path, "-n", str(requests // 2), "-c", "50", "-P", "16"]
    command += ["-d", str(VALUE_BYTES), "-r", str(KEYS), "-t", "set,get", "--csv"]
    result = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LOAD_TIMEOUT_S,
        preexec_fn=pin(0),
        check=False,
    )
    rates = {}
    for fields in csv.reader(result.stdout.splitlines()):
        if len(fields) > 1 and fields[0] in ("SET", "GET"):
            rates[fields[0]] = float(fields[1])
    if result.returncode != 0 or set(rates) != {"SET", "GET"}:
        raise RuntimeError(f"redis-benchmark failed: {(result.stderr or result.stdout).strip()[-500:]}")
    return rates


def stop(server, path):
    try:
        send(path, b"SHUTDOWN NOSAVE")
    except OSError:
        server.terminate()
    try:
        server.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def measure_in(folder, build, allocator, requests):
    path, log, probe = (os.path.join(folder, name) for name in ("socket", "log", "probe"))
    settings = {"port": "0", "unixsocket": path, "dir": folder, "save": "", "appendonly": "no"}
    settings |= {"daemonize": "no", "supervised": "no"}
    command = ["redis-server", *(word for key, value in settings.items() for word in (f"--{key}", value))]
    # Debian's redis-server is linked with jemalloc, so that the C library's malloc needs preloading too.
    env = allocator.environment(build, always_preload=True, probe_file=probe)
    with open(log, "wb") as output:
        server = subprocess.Popen(
            command, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output, preexec_fn=pin(1)
        )
    try:
        wait_until_ready(server, path, log)
        with open(probe, encoding="utf-8") as file:
            served_by = file.read().strip()
        if served_by != os.path.realpath(allocator.path):
            raise RuntimeError(f"asked for {allocator.path}, served by {served_by}: nothing is reported")
        rates = load(path, requests)
        figures = memory(server.pid)
    finally:
        stop(server, path)
    seconds = sum(requests / 2 / rate for rate in rates.values())
    return {
        "ops": requests,
        "ns": int(seconds * 1e9),
        "floor_ns": 0,
        "peak_rss_kib": figures["VmHWM"],
        "rss_kib": figures["VmRSS"],
        "allocator": served_by,
        "detail": {f"{name.lower()}_per_s": rate for name, rate in rates.items()},
    }


def measure(build, allocator, requests):
    """Measures one allocator. RuntimeError, OSError or subprocess.SubprocessError where it can't."""
    folder = tempfile.mkdtemp(prefix="hakmem-bench-")
    try:
        return measure_in(folder, build, allocator, requests)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
