"""What a row of the report is, and how one sample of it is taken. catalogue.py lists the rows."""

import dataclasses
import json
import os
import subprocess

# Bounds a program that hangs; nothing that works comes near.
TIMEOUT_S = 900


class Failed(Exception):
    """A measurement that could not be taken, with the reason."""


class Unfit(Failed):
    """One that cannot be taken at all: the program does not run with this allocator."""


@dataclasses.dataclass
class Sample:
    """One measurement of one allocator."""

    ops: int
    ns: int
    floor_ns: int  # 0: this row has no floor
    peak_rss_kib: int
    rss_kib: int  # when all blocks were freed, unless the row says otherwise; 0: not known
    allocator: str  # the object that served it, as proved from inside
    live_kib: int = 0  # most that was live, as asked for; 0: not counted
    detail: dict = dataclasses.field(default_factory=dict)

    @property
    def rate(self):
        return self.ops / self.ns * 1e9


def run_program(build, program, arguments, env, stdin=subprocess.DEVNULL):
    """Runs a program of this folder; returns the object it prints."""
    command = [os.path.join(build, "tests/bench", f"bench.{program}"), *arguments]
    try:
        result = subprocess.run(
            command,
            env=env,
            stdin=stdin,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failed(str(error)) from error
    if result.returncode != 0:
        raise Failed(f"{command[0]}: exit status {result.returncode}: {result.stderr.strip()[-500:]}")
    return json.loads(result.stdout)


@dataclasses.dataclass(frozen=True)
class Row:
    """A row's name, what it stands for, and how much of it is a sample."""

    name: str
    group: str
    what: str
    ops: int  # in the program's own count, which `counted` names
    unit: str = "M ops/s"
    unit_factor: float = 1e-6
    counted: str = "mallocs and frees"
    wants: tuple = ()  # programs of the host
    least: int = 1000  # ops of a quick run, at the least

    def scaled(self, share):
        return min(self.ops, max(self.least, int(self.ops * share)))

    def missing(self, build):
        """What this host or build lacks for it, or None."""
        raise NotImplementedError

    def sample(self, build, allocator, share):
        """Takes one; share (0..1) of the operations is done. Failed where it can't."""
        raise NotImplementedError


@dataclasses.dataclass(frozen=True)
class OwnRow(Row):
    """A program of this folder with its arguments; OPS among them stands for ops."""

    program: str = ""
    arguments: tuple = ()
    floor_counts: bool = True  # no allocator can be below it

    def missing(self, build):
        path = os.path.join(build, "tests/bench", f"bench.{self.program}")
        return None if os.path.exists(path) else f"{path} is not built"

    def sample(self, build, allocator, share):
        ops = str(self.scaled(share))
        arguments = [ops if a == "OPS" else a for a in self.arguments]
        measured = run_program(build, self.program, arguments, allocator.environment(build))
        del measured["program"]
        if not self.floor_counts:
            measured["detail"] = {"table_ns": measured["floor_ns"]}
            measured["floor_ns"] = 0
        return Sample(**measured)
