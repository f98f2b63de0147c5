"""Interleaved measuring: each row with each allocator in turn, again and again."""

import os
import sys

import figures
import rows

# Share of the operations that a quick run does.
QUICK = 0.05


class Watch:
    """What is to be looked at around each sample; this one looks at nothing."""

    def before(self, row, allocator):
        """A sample is about to be taken."""

    def after(self, row, allocator, sample):
        """It was taken: what is found out goes into sample.detail. May raise rows.Failed."""


def say_progress(text):
    """One line that is written over, for who watches; nothing in a log."""
    if sys.stderr.isatty():
        print(f"\r{text}\033[K", end="", file=sys.stderr, flush=True)


def drop_impossible(chosen, build):
    """Leaves out the rows whose programs this host lacks, and says so."""
    kept = []
    for row in chosen:
        if missing := row.missing(build):
            print(f"bench: left out: {row.name}: {missing}", file=sys.stderr)
        else:
            kept.append(row)
    return kept


def take(build, row, allocator, share, watch):
    watch.before(row, allocator)
    sample = row.sample(build, allocator, share)
    watch.after(row, allocator, sample)
    return sample


def measure(build, plan, runs, share, watch=Watch()):
    """plan: pairs of a row and the allocators it is measured with. Returns {row name: {allocator name: Figures}} and
    whether everything could be measured. What fails once is left out from then on; a program that does not run with an
    allocator is no failure."""
    results = {row.name: {} for row, _ in plan}
    broken, unfit = set(), set()
    for run in range(runs):
        for row, chosen in plan:
            first = run % len(chosen)
            for allocator in chosen[first:] + chosen[:first]:
                if (row.name, allocator.name) in broken | unfit:
                    continue
                say_progress(f"run {run + 1}/{runs}  {row.name}  {allocator.name}")
                try:
                    sample = take(build, row, allocator, share, watch)
                except rows.Unfit as reason:
                    unfit.add((row.name, allocator.name))
                    say_progress("")
                    print(f"bench: left out: {row.name} with {allocator.name}: {reason}", file=sys.stderr)
                    continue
                except rows.Failed as failure:
                    broken.add((row.name, allocator.name))
                    results[row.name].pop(allocator.name, None)
                    say_progress("")
                    print(f"bench: {row.name} with {allocator.name}: {failure}", file=sys.stderr)
                    continue
                results[row.name].setdefault(allocator.name, figures.Figures([])).samples.append(sample)
        if not sys.stderr.isatty():
            print(f"bench: run {run + 1} of {runs} is done", file=sys.stderr, flush=True)
    say_progress("")
    return results, not broken


def write(path, content):
    """All or nothing: a report that could not be written whole must not stand for one."""
    temporary = f"{path}.new"
    with open(temporary, "w", encoding="utf-8") as file:
        file.write(content)
    os.replace(temporary, path)
