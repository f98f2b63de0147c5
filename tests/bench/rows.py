"""What is measured: each row of the report, and how one sample of it is taken."""

import dataclasses
import json
import os
import subprocess

import redis_row

# Bounds a program that hangs; nothing that works comes near.
TIMEOUT_S = 900


class Failed(Exception):
    """A measurement that could not be taken, with the reason."""


@dataclasses.dataclass
class Sample:
    """One measurement of one allocator."""

    ops: int
    ns: int
    floor_ns: int  # 0: this row has no floor
    peak_rss_kib: int
    rss_kib: int
    allocator: str  # the object that served it, as proved from inside
    detail: dict = dataclasses.field(default_factory=dict)

    @property
    def rate(self):
        return self.ops / self.ns * 1e9


@dataclasses.dataclass(frozen=True)
class Row:
    """A program of this folder with its arguments; OPS among them stands for ops, in the program's own
    count (mallocs and frees, pairs of them, or blocks)."""

    name: str
    group: str
    what: str
    program: str
    arguments: tuple
    ops: int
    unit: str = "M ops/s"
    unit_factor: float = 1e-6
    counted: str = "operations"
    wants: tuple = ()  # programs of the host

    def sample(self, build, allocator, share):
        """Takes one; share (0..1) of the operations is done."""
        ops = max(1000, int(self.ops * share))
        command = [os.path.join(build, "tests/bench", f"bench.{self.program}")]
        command += [str(ops) if a == "OPS" else a for a in self.arguments]
        try:
            result = subprocess.run(
                command,
                env=allocator.environment(build),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=TIMEOUT_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Failed(str(error)) from error
        if result.returncode != 0:
            raise Failed(f"{command[0]}: exit status {result.returncode}: {result.stderr.strip()[-500:]}")
        measured = json.loads(result.stdout)
        del measured["program"]
        return Sample(**measured)


@dataclasses.dataclass(frozen=True)
class RedisRow:
    name: str = "redis"
    group: str = "programs"
    what: str = "redis-server, SET and GET of 200-byte values, half each"
    ops: int = 400000
    unit: str = "k requests/s"
    unit_factor: float = 1e-3
    counted: str = "requests"
    wants: tuple = ("redis-server", "redis-benchmark")

    def sample(self, build, allocator, share):
        try:
            measured = redis_row.measure(build, allocator, max(2000, int(self.ops * share)))
        except (OSError, RuntimeError, subprocess.SubprocessError) as error:
            raise Failed(str(error)) from error
        return Sample(**measured)


def random_row(name, what, low, high):
    return Row(f"random-{name}", "random", f"random malloc and free, {what}", "random_mixed",
               ("OPS", str(low), str(high)), 20_000_000)


def pair_row(size, touch):
    # Writing 32 KiB takes a thousand times what malloc takes: enough is enough.
    ops = 10_000_000 if touch == "first" else min(10_000_000, 4 * 2**30 // size)
    written = "first byte written" if touch == "first" else "all of it written"
    return Row(f"pair-{size}-{touch}", "pair", f"malloc({size}) and free, {written}", "pairs",
               ("OPS", str(size), touch), ops)


def handoff_row(name, what, low, high, ways):
    told = {"one": "one thread allocates {}, another frees",
            "both": "two threads free each other's blocks, {}"}
    return Row(f"handoff-{name}", "handoff", told[ways].format(what), "handoff",
               ("OPS", str(low), str(high), ways), 5_000_000 if ways == "one" else 2_500_000)


def relay_row(threads):
    return Row(f"relay-{threads}", "relay",
               f"{threads} threads at a time that end and leave their blocks to successors, 16..1024 B",
               "relay", ("OPS", "16", "1024", str(threads)), 20_000_000)


ROWS = [
    *(random_row(str(size), f"{size} B", size, size) for size in (128, 256, 512, 1024)),
    random_row("mixed", "16..1024 B", 16, 1024),
    *(pair_row(size, touch) for touch in ("first", "whole") for size in (16, 64, 256, 1024, 4096, 32768)),
    handoff_row("64", "64 B", 64, 64, "one"),
    handoff_row("mixed", "16..1024 B", 16, 1024, "one"),
    handoff_row("both-256", "256 B", 256, 256, "both"),
    relay_row(1),
    relay_row(2),
    RedisRow(),
]
