"""The report: figures as Markdown and as JSON, with the machine they are of."""

import os
import platform
import subprocess

import figures as compare
from catalogue import GROUPS

NOTHING = "–"
# More than this many times the leanest other's peak RSS, and this much more, is said aloud.
FAT_RATIO = 1.25
FAT_KIB = 1024


def read_first_line(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.readline().strip()
    except OSError:
        return "unknown"


def cpu_model():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith(("model name", "CPU part")):
                return line.partition(":")[2].strip()
    return platform.machine()


def revision():
    """Which state of this tree was measured, or an empty text."""
    folder = os.path.dirname(os.path.abspath(__file__))
    git = ["git", "-c", "safe.directory=*", "-C", os.path.join(folder, "../..")]
    try:
        named = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)
        changed = subprocess.run([*git, "diff", "--quiet", "HEAD", "--", "lib", "shm"], check=False)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return "revision " + named.stdout.strip() + (", with changes" if changed.returncode else "")


def machine():
    """What the figures depend on besides the allocators."""
    thp = read_first_line("/sys/kernel/mm/transparent_hugepage/enabled")
    return {
        "cpu": cpu_model(),
        "cpus": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "thp": thp.partition("[")[2].partition("]")[0] or thp,
        "libc": " ".join(platform.libc_ver()),
        "revision": revision(),
        "load_average": os.getloadavg()[0],
    }


def machine_line(facts):
    load = f"load average {facts['load_average']:.2f} at the start"
    if "load_average_at_end" in facts:
        load += f", {facts['load_average_at_end']:.2f} at the end"
    return (f"{facts['cpu']}, {facts['cpus']} CPUs, Linux {facts['kernel']}, THP {facts['thp']}, "
            f"{facts['libc']}, {load}")


def number(value):
    """Three digits at least, and no more than that say anything."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(head, lines):
    rule = ["---"] + ["--:"] * (len(head) - 1)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, rule, *lines]) + "\n"


def with_best(values, best_of, text):
    """Cells in the order of values; the best one bold."""
    known = [v for v in values if v is not None]
    best = best_of(known) if known else None
    return [(NOTHING if v is None else f"**{t}**" if v == best else t) for v, t in zip(values, text)]


def ratio_text(ratio):
    return f"{ratio.value:.2f}x" + ("†" if ratio.whole else "")


def has_rivals(names):
    return "hakmem" in names and any(compare.is_peer(n) for n in names)


def ratio_cells(figures):
    """hakmem's speed against glibc's and the best other's, where they were measured."""
    ours, floor = figures.get("hakmem"), compare.row_floor(figures)
    cells = []
    for other in ("glibc", compare.best_peer(figures)):
        theirs = figures.get(other)
        cells.append(ratio_text(compare.speed_ratio(ours, theirs, floor)) if ours and theirs else NOTHING)
    return cells


def speed_table(rows, results, names):
    lines = []
    for row in rows:
        figures = results[row.name]
        medians = [figures[n].median_rate(row) if n in figures else None for n in names]
        text = []
        for n, median in zip(names, medians):
            rates = figures[n].rates(row) if n in figures else [0]
            text.append(f"{number(median)} ({number(min(rates))}-{number(max(rates))})" if median else "")
        ratios = ratio_cells(figures) if has_rivals(names) else []
        lines.append([f"{row.name}, {row.unit}", *with_best(medians, max, text), *ratios])
    return table(["", *names, *(["hakmem / glibc", "hakmem / best other"] if has_rivals(names) else [])], lines)


def speed_tables(rows, results, names):
    parts = ["## Speed: median (min-max)\n\nThe ratios are of time above the harness's floor where the row "
             "has one; † where too little lies above it, and of whole times.\n"]
    for group, what in GROUPS.items():
        chosen = [row for row in rows if row.group == group]
        if chosen:
            parts.append(f"### {group}: {what}\n\n" + speed_table(chosen, results, names))
    return "\n".join(parts)


def above_floor_table(rows, results, names):
    lines = []
    for row in rows:
        figures = results[row.name]
        floor = compare.row_floor(figures)
        if not floor:
            continue
        values = [figures[n].cost() - floor if n in figures else None for n in names]
        cells = with_best(values, min, [f"{v:.2f}" if v is not None else "" for v in values])
        lines.append([row.name, f"{floor:.2f}", *cells])
    if not lines:
        return ""
    return ("## ns per operation above the harness's floor: median\n\nThe floor is the same loop without an "
            "allocator, measured in the same runs.\n\n" + table(["", "floor", *names], lines))


def memory_table(rows, results, names):
    lines = []
    for row in rows:
        figures = results[row.name]
        live = max(f.live_kib() for f in figures.values())
        peaks = [figures[n].peak_rss_kib() if n in figures else None for n in names]
        ends = [figures[n].rss_kib() if n in figures else None for n in names]
        cells = with_best(peaks, min, [f"{v:.0f}" if v is not None else "" for v in peaks])
        cells = [c if e is None else f"{c} / {e:.0f}" for c, e in zip(cells, ends)]
        lines.append([row.name, f"{live}" if live else "", *cells])
    return ("## Memory, KiB: median of peak RSS / RSS at the end\n\n*Live* is the most that the program had "
            "asked for at a time, where it counts. At the end all blocks are freed, and nothing was called since; "
            "where a row says otherwise below, it is that. The harness's own tables are not in it.\n\n"
            + table(["", "live", *names], lines))


def group_means(rows, results, others, ratio):
    """Per group and in all: the geometric means of ratio(figures, other) for each of others."""
    lines = []
    groups = [g for g in GROUPS if any(row.group == g for row in rows)]
    for label, chosen in [*((g, [r for r in rows if r.group == g]) for g in groups), ("**all rows**", rows)]:
        cells = []
        for other in others:
            values = (ratio(results[row.name], other) for row in chosen)
            mean = compare.geometric_mean(v for v in values if v)
            cells.append(f"{mean:.2f}x" if mean else NOTHING)
        lines.append([label, str(len(chosen)), *cells])
    return lines


def speed_of(figures, other):
    other = compare.best_peer(figures) if other is None else other
    if "hakmem" not in figures or other not in figures:
        return None
    return compare.speed_ratio(figures["hakmem"], figures[other], compare.row_floor(figures)).value


def leanness_of(figures, other):
    other = compare.leanest_peer(figures) if other is None else other
    if "hakmem" not in figures or other not in figures:
        return None
    return figures[other].peak_rss_kib() / figures["hakmem"].peak_rss_kib()


def summary(rows, results, names):
    others = [n for n in names if n != "hakmem"]
    if "hakmem" not in names or not others:
        return ""
    head = ["group", "rows", *others]
    best = [None] if has_rivals(names) else []
    text = ["## Summary\n\nHow many times as fast hakmem is as each of the others (above the floor), and as the best "
            "other allocator of each row; geometric means.\n",
            table([*head, *(["best of each row"] if best else [])],
                  group_means(rows, results, others + best, speed_of)),
            "Peak RSS: the other's over hakmem's; above 1 hakmem is the leaner one.\n",
            table([*head, *(["leanest of each row"] if best else [])],
                  group_means(rows, results, others + best, leanness_of))]
    return "\n".join(text)


def behind_part(rows, results, names):
    """Where hakmem loses: in speed beyond the spread, in memory beyond a quarter."""
    if not has_rivals(names):
        return ""
    lines = []
    for entry in compare.behind(rows, results):
        figures = results[entry.row.name]
        rates = [f"{number(figures[n].median_rate(entry.row))}" for n in ("hakmem", entry.peer)]
        lines.append([f"{entry.row.name}, {entry.row.unit}", rates[0], f"{rates[1]} ({entry.peer})",
                      ratio_text(entry.ratio),
                      f"`./dev bench {entry.row.name} --against {entry.peer},hakmem`"])
    text = ("## Where hakmem is behind\n\nIn speed: slower than the best other in every single run, and by "
            f"{compare.LEAST_BEHIND:.0%} or more in the median.\n\n")
    text += table(["", "hakmem", "best other", "ratio", "to repeat it"], lines) if lines else "In no row.\n"
    fat = []
    for row in rows:
        figures = results[row.name]
        peer = compare.leanest_peer(figures)
        if not peer or "hakmem" not in figures:
            continue
        ours, theirs = figures["hakmem"].peak_rss_kib(), figures[peer].peak_rss_kib()
        if ours > FAT_RATIO * theirs and ours > theirs + FAT_KIB:
            fat.append((ours / theirs, [row.name, f"{ours:.0f}", f"{theirs:.0f} ({peer})", f"{ours / theirs:.2f}x"]))
    if fat:
        fat.sort(key=lambda pair: -pair[0])
        text += "\nIn memory, by more than a quarter and a mebibyte (peak RSS, KiB):\n\n"
        text += table(["", "hakmem", "leanest other", "ratio"], [line for _, line in fat])
    return text


HOW = """## How it is measured

- Runs are interleaved: in each, every row is measured with every allocator in turn, another one first each time.
- Every program proves from inside which library serves its malloc, by name and by whose heap grows, and gives no
  figures of another. Programs that are not the suite's own are asked by a library preloaded with the allocator's.
- Threads are pinned to processors, one after the other; programs of one thread to one.
- Nothing here greets a daemon. (What that costs is one message at the start.)
- A figure is the median of the runs, with the least and the greatest; a row's ratio is of two medians.
"""


def row_list(rows, share):
    lines = [f"- {row.name}: {row.what}; {row.scaled(share):,} {row.counted}" for row in rows]
    return "## Rows\n\n" + "\n".join(lines) + "\n"


def heading(facts, settings):
    text = f"# Benchmarks\n\n{machine_line(facts)}; {settings['runs']} "
    text += "interleaved runs" if settings["runs"] > 1 else "run"
    if settings["share"] < 1:
        text += f" of {settings['share']:.0%} length, good for a look only"
    text += f".\n{settings['note']}" if settings["note"] else "."
    text += ("\nCompare within a row; other rows, days and machines differ. "
             "How the rows are measured: [tests/bench](../tests/bench).\n") if settings["linked"] else \
            "\nCompare within a row; other rows, days and machines differ.\n"
    if settings["chart"]:
        text += f"\n![Speed of each allocator in each row, glibc = 1]({settings['chart']})\n"
    return text + f"\nTo repeat it: `{settings['command']}`\n"


def short_heading(facts, settings):
    """What was measured where, and how to do it again."""
    length = f" of {settings['share']:.0%} length, good for a look only" if settings["share"] < 1 else ""
    text = f"{machine_line(facts)}; {facts['revision']}; {settings['runs']} interleaved runs{length}."
    note = f"\n{settings['note']}" if settings["note"] else ""
    return f"{text}{note}\n\nTo repeat it: `{settings['command']}`"


def allocator_list(facts, allocators):
    lines = []
    for a in allocators:
        text = f"- {a.name}: `{os.path.basename(a.path)}`"
        version = a.version or (facts["revision"] if a.name.startswith("hakmem") else "")
        text += f", {version}" if version else ""
        lines.append(text + (f", HAKMEM_TUNE=`{a.tune}`" if a.tune else ""))
    return "\n".join(lines) + "\n"


def markdown(facts, allocators, rows, results, settings):
    """results: {row name: {allocator name: Figures}}; settings: runs, share, note, chart (its file's name), command,
    linked (the page lies in docs/)."""
    names = [a.name for a in allocators]
    measured = [row for row in rows if results.get(row.name)]
    parts = [
        heading(facts, settings),
        allocator_list(facts, allocators),
        summary(measured, results, names),
        behind_part(measured, results, names),
        speed_tables(measured, results, names),
        above_floor_table(measured, results, names),
        memory_table(measured, results, names),
        HOW,
        row_list(measured, settings["share"]),
    ]
    return "\n".join(part for part in parts if part)
