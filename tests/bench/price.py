"""What the control plane costs: hakmem with its segment and a daemon that samples, against the same library built
without a segment (HAKMEM_SEGMENT=OFF).

The daemon is the real one, listens for these measurements alone, and proves that it saw them: for each sample the
processes that greeted it, the allocations it counted in them and the samplings that fell into it are taken down, and
a sample of which it saw nothing is none.
"""

import dataclasses
import json
import os
import statistics
import time

import allocators
import catalogue
import figures as compare
import listener
import measuring
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
    """Speed with the segment over speed without, of each run: above the floor where that can be told."""
    floor = compare.row_floor(both)
    least = min(figures.cost() for figures in both.values()) - floor
    if least < compare.LEAST_ABOVE_FLOOR * floor:
        floor = 0
    return [(a - floor) / (b - floor) for a, b in zip(both["without"].costs(), both["with"].costs())
            if a > floor and b > floor]


def line(row, both):
    """A row's cells."""
    all_ratios = ratios(both)
    saw = [s.detail["daemon"] for s in both["with"].samples]
    rates = [f"{report.number(both[n].median_rate(row))}" for n in ("without", "with")]
    more = both["with"].peak_rss_kib() - both["without"].peak_rss_kib()
    spread = f"{statistics.median(all_ratios):.3f} ({min(all_ratios):.3f}-{max(all_ratios):.3f})" if all_ratios \
        else report.NOTHING
    seen = [f"{statistics.median(s[key] for s in saw):,.0f}" for key in ("hellos", "samples", "allocs")]
    return [f"{row.name}, {row.unit}", *rates, spread, f"{more:+.0f}", *seen]


def page(facts, results, measured, settings, load):
    means = {}
    for group in (*catalogue.GROUPS, None):
        medians = [statistics.median(r) for row in measured if group in (None, row.group)
                   if (r := ratios(results[row.name]))]
        if medians:
            means[group or "**all rows**"] = [str(len(medians)), f"{compare.geometric_mean(medians):.3f}"]
    head = ["", "without", "with", "with / without", "peak RSS, KiB", "processes seen", "samplings", "allocations counted"]
    return "\n".join([
        "# The control plane's price\n",
        f"{report.machine_line(facts)}; {facts['revision']}; {settings['runs']} interleaved runs"
        + (f" of {settings['share']:.0%} length, good for a look only." if settings["share"] < 1 else "."),
        f"\nTo repeat it: `{settings['command']}`\n",
        "*Without* is the library built with `HAKMEM_SEGMENT=OFF`: the allocator's sources are the same, but nothing is "
        "published, no daemon is\ngreeted, nothing steers from outside. *With* is the library as it is shipped, and a "
        f"`hakmemd` that samples it every {INTERVAL_MS} ms\non the same processors. The hot path is the same in both, "
        "instruction for instruction (the test `hotpath.alone`).\n",
        f"In all, the daemon saw {load['hellos']:,} processes, sampled {load['samples']:,} times and used "
        f"{load['cpu_s']:.2f} s of a processor in {load['s']:.0f} s.\n",
        "## In short: speed with over speed without, geometric means\n",
        report.table(["group", "rows", "with / without"], [[g, *cells] for g, cells in means.items()]),
        "## Row by row: medians, and of the ratio the least and the greatest run\n\n"
        "1 is no difference. Ratios are of time above the harness's floor where the row has one and enough lies above "
        "it. Peak RSS: what *with*\nhas more. The last three columns are what the daemon saw of one sample: the proof "
        "that it did.\n",
        report.table(head, [line(row, results[row.name]) for row in measured]),
    ])


def write_json(path, facts, results, settings, load):
    document = {"machine": facts, **settings, "daemon": load, "rows": {
        name: {a: [dataclasses.asdict(s) for s in f.samples] for a, f in both.items()} for name, both in results.items()
    }}
    measuring.write(path, json.dumps(document, indent=1) + "\n")


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
    settings = {"runs": args.runs, "share": args.share, "command": command}
    measured = [row for row in chosen_rows if len(results[row.name]) == 2]
    text = page(facts, results, measured, settings, load)
    if args.json:
        write_json(args.json, facts, results, settings, load)
    if args.markdown:
        measuring.write(args.markdown, text)
    else:
        print(text)
    return 0 if whole else 1
