"""What the control plane costs: hakmem with its segment and a daemon that samples, against the same library built
without a segment (HAKMEM_SEGMENT=OFF).

The daemon is the real one, listens for these measurements alone, and proves that it saw them: for each sample the
processes that greeted it, the allocations it counted in them and the samplings that fell into it are taken down, and
a sample of which it saw nothing is none.
"""

import os
import statistics
import time

import allocators
import catalogue
import figures as compare
import listener
import measuring
import record
import report
import rows

INTERVAL_MS = 100


class Seen(measuring.Watch):
    """Takes down what the daemon saw of each sample."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.counts = {}

    def before(self, row, allocator):
        self.counts = self.daemon.settled()

    def after(self, row, allocator, sample):
        now = self.daemon.settled()
        sample.detail["daemon"] = {key: now[key] - self.counts[key] for key in now}
        greeted = sample.detail["daemon"]["hellos"] > 0
        if greeted != (allocator.runtime_dir == self.daemon.runtime_dir):
            raise rows.Failed(f"{sample.detail['daemon']['hellos']} processes greeted the daemon: nothing is reported")
        if greeted and sample.detail["daemon"]["allocs"] == 0:
            raise rows.Failed("the daemon counted no allocation: nothing is reported")


def find(parser, build, runtime_dir):
    """The two that are compared: without, and with."""
    paths = [os.path.join(build, name) for name in ("lib/alone/libhakmem.so", "lib/libhakmem.so", "daemon/hakmemd")]
    for path in paths:
        if not os.path.exists(path):
            parser.error(f"--price: {path} is not built")
    return [allocators.Allocator("without", os.path.realpath(paths[0])),
            allocators.Allocator("with", os.path.realpath(paths[1]), runtime_dir=runtime_dir)]


def ratios(both):
    """Speed with the segment over speed without, of each run: whole times."""
    return [a / b for a, b in zip(both["without"].costs(), both["with"].costs())]


def above_floor(both):
    """The same of the medians, above the floor where that can be told: what malloc and free take."""
    return compare.speed_ratio(both["with"], both["without"], compare.row_floor(both))


def line(row, both):
    """A row's cells."""
    whole, above = ratios(both), above_floor(both)
    saw = [s.detail["daemon"] for s in both["with"].samples]
    has_floor = compare.row_floor(both) and not above.whole
    return [f"{row.name}, {row.unit}",
            *(report.number(both[n].median_rate(row)) for n in ("without", "with")),
            f"{statistics.median(whole):.3f} ({min(whole):.3f}-{max(whole):.3f})",
            f"{above.value:.3f}" if has_floor else report.NOTHING,
            f"{both['with'].peak_rss_kib() - both['without'].peak_rss_kib():+.0f}",
            *(f"{statistics.median(s[key] for s in saw):,.0f}" for key in ("hellos", "samples", "allocs"))]


def means(measured, results):
    """The short table's lines: geometric means of the groups and of all."""
    lines = []
    for group in (*catalogue.GROUPS, None):
        chosen = [results[row.name] for row in measured if group in (None, row.group)]
        if chosen:
            whole = compare.geometric_mean(statistics.median(ratios(both)) for both in chosen)
            above = compare.geometric_mean(above_floor(both).value for both in chosen)
            lines.append([group or "**all rows**", str(len(chosen)), f"{whole:.3f}", f"{above:.3f}"])
    return lines


ABOUT = f"""*Without* is the library built with `HAKMEM_SEGMENT=OFF`: the allocator's sources are the same, but nothing
is published, no daemon is greeted, nothing steers from outside. *With* is the library as it is shipped, and a
`hakmemd` that samples it every {INTERVAL_MS} ms on the same processors. The hot path is the same in both,
instruction for instruction (the test `hotpath.alone`). 1 is no difference.

*Above the floor* is what malloc and free take: without the time of the same loop without an allocator, where a row
has one and enough lies above it; the means take the whole times of other rows.
"""
ROWS_ABOUT = """## Row by row

Medians; of the ratio, the least and the greatest run too. Peak RSS: what *with* has more. The last three columns
are what the daemon saw of one sample: the proof that it did.
"""


def page(facts, results, measured, settings, load):
    both = ["with / without", "above the floor"]
    head = ["", "without", "with", *both, "peak RSS, KiB", "processes seen", "samplings", "allocations counted"]
    return "\n".join([
        "# The control plane's price\n",
        report.short_heading(facts, settings) + "\n",
        ABOUT,
        f"In all, the daemon saw {load['hellos']:,} processes, sampled {load['samples']:,} times and used "
        f"{load['cpu_s']:.2f} s of a processor in {load['s']:.0f} s.\n",
        "## In short: speed with over speed without, geometric means\n",
        report.table(["group", "rows", *both], means(measured, results)),
        ROWS_ABOUT,
        report.table(head, [line(row, results[row.name]) for row in measured]),
    ])


def run(parser, args, wanted, command):
    chosen_rows = measuring.drop_impossible(wanted or catalogue.ROWS, args.build)
    find(parser, args.build, "")
    facts = report.machine()
    with listener.Daemon(args.build, INTERVAL_MS) as daemon:
        began = time.monotonic()
        plan = [(row, find(parser, args.build, daemon.runtime_dir)) for row in chosen_rows]
        results, whole = measuring.measure(args.build, plan, args.runs, args.share, Seen(daemon))
        load = daemon.settled() | {"cpu_s": daemon.cpu_s(), "s": time.monotonic() - began}
    facts["load_average_at_end"] = os.getloadavg()[0]
    settings = {"runs": args.runs, "share": args.share, "command": command, "note": args.note}
    measured = [row for row in chosen_rows if len(results[row.name]) == 2]
    text = page(facts, results, measured, settings, load)
    if args.json:
        record.write_samples(args.json, facts, results, settings | {"daemon": load})
    if args.markdown:
        measuring.write(args.markdown, text)
    else:
        print(text)
    return 0 if whole else 1
