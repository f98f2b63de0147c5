"""What huge pages do: thp=off against thp=madvise, where programs reach over much memory or fault much of it in.

Beside speed and memory, what the kernel counted while each sample was taken: huge pages faulted in and those it
could not give, those of which a part was given back or that were taken apart, stalls for compaction. They are the
whole host's, so nothing else should run.
"""

import mmap
import os
import statistics

import allocators
import catalogue
import measuring
import record
import report
import tuning

ROWS = ("random-mixed-far", "table", "burst-random-128m", "big-1m-pages", "big-64m-pages", "drift-random", "redis",
        "python", "start")
SETTINGS = ("thp=off", "thp=madvise", "thp=large")
COUNTS = {"thp_fault_alloc": "faulted in", "thp_fault_fallback": "not to be had", "thp_split_page": "split",
          "thp_deferred_split_page": "partly given back", "compact_stall": "stalls", "pgfault": "page faults"}


WARM_BYTES = 512 << 20


def warm_up():
    """Touches free memory. The host of a virtual machine takes away what is free for long, in huge pages; having it
    back can take ten times as long as clearing it, and would be charged to whoever happens to be first."""
    with mmap.mmap(-1, WARM_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        memory.madvise(mmap.MADV_HUGEPAGE)
        for at in range(0, WARM_BYTES, mmap.PAGESIZE):
            memory[at] = 1


def vmstat():
    with open("/proc/vmstat", encoding="ascii") as file:
        counts = dict(line.split() for line in file)
    return {name: int(counts.get(name, 0)) for name in COUNTS}


class Kernel(measuring.Watch):
    """Takes down what the kernel counted during each sample."""

    def __init__(self):
        self.counts = {}

    def before(self, row, allocator):
        warm_up()
        self.counts = vmstat()

    def after(self, row, allocator, sample):
        now = vmstat()
        sample.detail["vmstat"] = {name: now[name] - self.counts[name] for name in COUNTS}


def kib(value):
    return f"{value:,.0f}" if value else report.NOTHING


def line(row, setting, own, off):
    speed = f"{report.number(own.median_rate(row))} {row.unit}"
    ratio = report.NOTHING if own is off else tuning.ratio_cell(tuning.of_runs(own, off, lambda s: s.rate))
    counts = [f"{statistics.median(s.detail['vmstat'][name] for s in own.samples):,.0f}" for name in COUNTS]
    return [f"{row.name}, `{setting}`", speed, ratio, kib(own.peak_rss_kib()), kib(own.rss_kib()), *counts]


def parts(facts, rows, results, settings):
    lines = []
    for row in rows:
        figures = results[row.name]
        off = figures.get(f"hakmem+{SETTINGS[0]}")
        for setting in SETTINGS:
            own = figures.get(f"hakmem+{setting}")
            if own and off:
                lines.append(line(row, setting, own, off))
    head = ["", "speed", "over `off`", "peak RSS, KiB", "RSS at the end", *COUNTS.values()]
    return {"thp": f"{report.short_heading(facts, settings)}\n\n{report.table(head, lines)}"}


def run(parser, args, wanted, command):
    by_name = {row.name: row for row in catalogue.ROWS}
    rows = measuring.drop_impossible(wanted or [by_name[name] for name in ROWS], args.build)
    facts = report.machine()
    try:
        both = [allocators.find(f"hakmem+{setting}", args.build) for setting in SETTINGS]
    except allocators.NotFound as missing:
        parser.error(f"--thp: {missing}")
    if facts["thp"] != "madvise":
        parser.error(f"--thp: this host's transparent huge pages are set to '{facts['thp']}', where advice says "
                     "nothing: echo madvise > /sys/kernel/mm/transparent_hugepage/enabled")
    tuning.check_page(parser, args.markdown, ["thp"])
    results, whole = measuring.measure(args.build, [(row, both) for row in rows], args.runs, args.share, Kernel())
    facts["load_average_at_end"] = os.getloadavg()[0]
    settings = {"runs": args.runs, "share": args.share, "command": command, "note": args.note}
    if args.json:
        record.write_samples(args.json, facts, results, settings)
    tuning.put_out(args, parts(facts, rows, results, settings))
    return 0 if whole else 1
