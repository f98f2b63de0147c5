"""What each tunable does: a few values of each, over the patterns that it concerns, in speed and in memory.

One tunable is changed at a time, the others keep their defaults; all values of a pattern are measured interleaved
with the defaults. The tables go between the words of docs/tuning.md.
"""

import collections
import os
import re
import statistics

import allocators
import catalogue
import made
import measuring
import record
import report

TUNABLES_DEF = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../shm/tunables.def")

# What may be kept in bins, and how it comes there.
BINS = ("random-mixed", "random-1024", "pair-4096-first", "burst-random-256k", "burst-random-32m", "burst-random-128m",
        "handoff-mixed", "handoff-2-2", "relay-2", "big-1m-ends", "drift-random", "threads-8", "idle-1000")
# What may be kept instead of going back to the system.
MEMORY = ("random-mixed", "burst-random-32m", "burst-random-128m", "big-1m-pages", "big-64m-ends", "big-64m-pages",
          "growth-vector", "drift-random")
# tunable: values beside the default, patterns.
PLAN = {
    "refill_batch": (("10", "25", "50", "200", "400"), BINS),
    "bin_cap": (("16", "32", "64", "256", "1024"), BINS),
    "bin_bytes": (("8k", "16k", "32k", "256k", "1m"), BINS),
    "heap_cache_bytes": (("128k", "512k", "8m", "32m"), BINS),
    "retain_bytes": (("0", "512k", "16m", "64m", "256m"), MEMORY),
    "retain_percent": (("0", "10", "25", "100"), MEMORY),
    "purge_delay_ms": (("0", "50", "1000", "5000"), MEMORY),
    "big_cache_bytes": (("0", "4m", "64m", "256m"), MEMORY),
}
DEFAULT = "hakmem"
# Less is no difference, however steady.
LEAST_SHOWN = 0.03
RUNS_THAT_SAY = 3
UNITS = {"k": 10, "m": 20, "g": 30, "t": 40}


def defaults():
    """What shm/tunables.def says: {tunable: default}."""
    with open(TUNABLES_DEF, encoding="utf-8") as file:
        found = re.findall(r"^HK_TUNABLE\((\w+), UINT, \w+, \d+, \d+, (\d+),", file.read(), re.M)
    return {name: int(value) for name, value in found}


def parse_values(parser, text):
    """TUNABLE=VALUE,VALUE,... as the name and the values."""
    tunable, equals, values = text.partition("=")
    if not equals or not all(values.split(",")):
        parser.error("--values: TUNABLE=VALUE,VALUE,...")
    return tunable, values.split(",")


def amount(text):
    """A value as a number, for putting values in order."""
    found = re.fullmatch(r"(\d+)([kmgt]?)", text.lower())
    return int(found[1]) << UNITS.get(found[2], 0) if found else 0


def written(tunable, value):
    """A default as the values are written."""
    for unit, shift in (("m", 20), ("k", 10)):
        if tunable.endswith("_bytes") and value and value % (1 << shift) == 0:
            return f"{value >> shift}{unit}"
    return str(value)


def choose(parser, args, wanted):
    """{tunable: (values, rows)} of what was asked for."""
    plan = PLAN
    if args.values:
        tunable, values = parse_values(parser, args.values)
        if tunable not in PLAN:
            parser.error(f"--values: with --sweep one of {', '.join(PLAN)}")
        plan = {tunable: (values, PLAN[tunable][1])}
    by_name = {row.name: row for row in catalogue.ROWS}
    return {tunable: (values, wanted or [by_name[name] for name in names])
            for tunable, (values, names) in plan.items()}


def measuring_plan(parser, args, chosen):
    """Pairs of a row and all allocators it is measured with."""
    wanted = collections.defaultdict(list)
    rows = {}
    for tunable, (values, its_rows) in chosen.items():
        for row in its_rows:
            rows[row.name] = row
            wanted[row.name] += [f"{DEFAULT}+{tunable}={value}" for value in values]
    tuned = {}
    for name in dict.fromkeys([DEFAULT, *(name for names in wanted.values() for name in names)]):
        try:
            tuned[name] = allocators.find(name, args.build)
        except allocators.NotFound as missing:
            parser.error(f"--sweep: {missing}")
        if complaint := allocators.refused_tuning(tuned[name], args.build):
            parser.error(f"{name}: {complaint}")
    kept = measuring.drop_impossible(list(rows.values()), args.build)
    return [(row, [tuned[name] for name in (DEFAULT, *wanted[row.name])]) for row in kept]


def clear(ratios):
    """Whether every run says the same, and enough of it."""
    agreed = len(ratios) >= RUNS_THAT_SAY and (min(ratios) > 1 or max(ratios) < 1)
    return agreed and abs(statistics.median(ratios) - 1) >= LEAST_SHOWN


def ratio_cell(ratios):
    text = f"{statistics.median(ratios):.2f}"
    return f"**{text}**" if clear(ratios) else text


def of_runs(tuned, own, what):
    """A figure of each run over that of the defaults' same run."""
    pairs = [(what(a), what(b)) for a, b in zip(tuned.samples, own.samples)]
    return [a / b for a, b in pairs if a and b]


def cell(tuned, own):
    """Speed, peak RSS and RSS at the end, each over the defaults'."""
    looks = (lambda s: s.rate, lambda s: s.peak_rss_kib, lambda s: s.rss_kib)
    found = [of_runs(tuned, own, look) for look in looks]
    return " / ".join(ratio_cell(ratios) if ratios else report.NOTHING for ratios in found)


def own_cell(row, own):
    rss = own.rss_kib()
    rest = f" / {rss / 1024:.1f}" if rss else ""
    return f"{report.number(own.median_rate(row))} {row.unit} / {own.peak_rss_kib() / 1024:.1f}{rest}"


def table(tunable, values, rows, results):
    dflt = defaults()[tunable]
    columns = sorted({*values, written(tunable, dflt)}, key=amount)
    lines = []
    for row in rows:
        figures = results.get(row.name, {})
        own = figures.get(DEFAULT)
        if not own:
            continue
        cells = []
        for value in columns:
            tuned = figures.get(f"{DEFAULT}+{tunable}={value}")
            if amount(value) == dflt:
                cells.append(own_cell(row, own))
            else:
                cells.append(cell(tuned, own) if tuned else report.NOTHING)
        lines.append([row.name, *cells])
    head = [f"{value} (default)" if amount(value) == dflt else value for value in columns]
    return report.table([f"`{tunable}`", *head], lines)


def parts(facts, chosen, results, settings):
    """The page's made parts."""
    found = {"sweep": report.short_heading(facts, settings)}
    for tunable, (values, rows) in chosen.items():
        found[tunable] = table(tunable, values, rows, results)
    return found


def put_out(args, found):
    """The parts into the page, or onto standard output."""
    if not args.markdown:
        print("\n\n".join(found.values()))
        return
    measuring.write(args.markdown, made.fill_file(args.markdown, found))


def check_page(parser, path, names):
    """Before minutes of measuring, not after."""
    if path:
        try:
            made.fill_file(path, dict.fromkeys(names, ""))
        except (made.Unfit, OSError, ValueError) as unfit:
            parser.error(f"--markdown: {path}: {unfit}")


def run(parser, args, wanted, command):
    chosen = choose(parser, args, wanted)
    plan = measuring_plan(parser, args, chosen)
    check_page(parser, args.markdown, ["sweep", *chosen])
    facts = report.machine()
    results, whole = measuring.measure(args.build, plan, args.runs, args.share)
    facts["load_average_at_end"] = os.getloadavg()[0]
    settings = {"runs": args.runs, "share": args.share, "command": command, "note": args.note}
    if args.json:
        record.write_samples(args.json, facts, results, settings)
    put_out(args, parts(facts, chosen, results, settings))
    return 0 if whole else 1
