#!/usr/bin/env python3
"""A program's own test suite, run without and with libhakmem.so: what passes without it passes with it.

usage: suites_test.py SUITE [UNIT...]       UNIT: only these parts of it
       suites_test.py --list

Suites that packages leave out come from Debian's source packages, which tests/preload/sources.sh fetches (./dev test
--all does so). A case that fails with the library alone is tried twice more: suites have cases that fail now and then,
on any allocator. It is the library's fault if it fails each time, and never fails without it.
"""
import os
import sys

from harness import Clock, counted, ran
from suite import SUITES, Missing
import suites_programs  # noqa: F401  fills SUITES
import suites_servers  # noqa: F401  so does this

TRIES = 3


class Outcome:
    """What a run came to: the cases by their result, and the seconds it took, by the clock and of processor time."""

    def __init__(self):
        self.cases = {}
        self.seconds = [0.0, 0.0]

    def named(self, result):
        return {case for case, said in self.cases.items() if said == result}


def run(suite, units, preloaded):
    """All units, or those named. What a unit said last is kept in suite.folder for a look at it."""
    made, clock = Outcome(), Clock()
    for group in suite.groups(units):
        made.cases.update(suite.run(group, preloaded))
    made.seconds = clock.read()
    return made


def worse(plain, ours):
    """Cases that passed without the library and not with it: they failed, or were not reached."""
    return plain.named("ok") - ours.named("ok") - ours.named("skipped")


def compare(suite, units):
    parts = len(suite.units())
    what = suite.what if len(units) == parts else f"{len(units)} parts of {parts}: {suite.what}"
    plain = run(suite, units, False)
    ours = run(suite, units, True)
    suspects = first = worse(plain, ours)
    for _ in range(TRIES - 1):
        if not suspects:
            break
        again = sorted({suite.unit_of(case) for case in suspects})
        print(f"again, for {len(suspects)} cases that failed with the library alone: {sorted(suspects)[:20]}")
        suspects = suspects & worse(run(suite, again, False), run(suite, again, True))
    print(f"{suite.name} {suite.version()}: {len(plain.cases)} cases; without the library {len(plain.named('ok'))} "
          f"pass, {len(plain.named('failed'))} fail, {plain.seconds[0]:.0f} s; with it {len(ours.named('ok'))} pass, "
          f"{len(ours.named('failed'))} fail, {ours.seconds[0]:.0f} s; {len(first)} passed without it alone at first, "
          f"{len(suspects)} always")
    ran(suite=suite.name, version=suite.version(), cases=len(plain.cases), passed=[len(plain.named("ok")),
        len(ours.named("ok"))], failed=[len(plain.named("failed")), len(ours.named("failed"))], without=plain.seconds,
        under=ours.seconds, at_first=sorted(first), always=sorted(suspects), what=what)
    for case in sorted(suspects):
        print(f"fails with the library alone: {case}\n{suite.said_of(case)[-4000:]}")
    if not plain.named("ok"):
        print(f"nothing passed without the library: {suite.last_output[-4000:]}")
        return 1
    return 1 if suspects else 0


def main():
    if sys.argv[1:] == ["--list"]:
        print("\n".join(sorted(SUITES)))
        return 0
    if len(sys.argv) < 2 or sys.argv[1] not in SUITES:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        suite = SUITES[sys.argv[1]]()
    except Missing as missing:
        print(f"skipped: {missing}")
        return 77
    with suite:
        status = compare(suite, sys.argv[2:] or suite.units())
    if status == 0:
        counted("programs", suite.name)
    return status


if __name__ == "__main__":
    os.environ.pop("LD_PRELOAD", None)
    sys.exit(main())
