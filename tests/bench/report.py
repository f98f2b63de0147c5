"""From samples to figures, and figures as Markdown and JSON."""

import dataclasses
import os
import platform
import statistics


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


def machine():
    """What the figures depend on besides the allocators."""
    thp = read_first_line("/sys/kernel/mm/transparent_hugepage/enabled")
    return {
        "cpu": cpu_model(),
        "cpus": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "thp": thp.partition("[")[2].partition("]")[0] or thp,
        "libc": " ".join(platform.libc_ver()),
        "load_average": os.getloadavg()[0],
    }


def machine_line(facts):
    return (f"{facts['cpu']}, {facts['cpus']} CPUs, Linux {facts['kernel']}, THP {facts['thp']}, "
            f"{facts['libc']}, load average {facts['load_average']:.2f} at the start")


@dataclasses.dataclass
class Figures:
    """One row's samples of one allocator."""

    samples: list

    def rates(self, row):
        return [s.rate * row.unit_factor for s in self.samples]

    def median_rate(self, row):
        return statistics.median(self.rates(row))

    def variation(self, row):
        """Coefficient of variation, percent; None for a single sample."""
        rates = self.rates(row)
        return statistics.stdev(rates) / statistics.mean(rates) * 100 if len(rates) > 1 else None

    def peak_rss_kib(self):
        return statistics.median(s.peak_rss_kib for s in self.samples)

    def fastest_ns(self):
        return min(s.ns / s.ops for s in self.samples)

    def floor_ns(self):
        floors = [s.floor_ns / s.ops for s in self.samples if s.floor_ns]
        return min(floors) if floors else None


def number(value):
    return f"{value:.0f}" if value >= 1000 else f"{value:.1f}"


def table(title, head, lines):
    rule = ["---"] + ["--:"] * (len(head) - 1)
    rows = [head, rule, *lines]
    return f"## {title}\n\n" + "\n".join("| " + " | ".join(cells) + " |" for cells in rows) + "\n"


def with_best(values, best_of, text):
    """Cells in the order of values; the best one bold."""
    known = [v for v in values if v is not None]
    best = best_of(known) if known else None
    return [("–" if v is None else f"**{t}**" if v == best else t) for v, t in zip(values, text)]


def ratio_cells(rates, names):
    """hakmem's speed against glibc's and the best other's, where they were measured."""
    ours, base = rates.get("hakmem"), rates.get("glibc")
    peers = [rates[n] for n in names if not n.startswith("hakmem") and rates.get(n)]
    cells = []
    for other in (base, max(peers) if peers else None):
        cells.append(f"{ours / other:.2f}x" if ours and other else "–")
    return cells


def speed_table(unit, rows, results, names):
    lines = []
    for row in rows:
        figures = results[row.name]
        rates = {n: figures[n].median_rate(row) if n in figures else None for n in names}
        text = []
        for n in names:
            if n in figures:
                all_rates = figures[n].rates(row)
                text.append(f"{number(rates[n])} ({number(min(all_rates))}-{number(max(all_rates))})")
            else:
                text.append("")
        lines.append([row.name, *with_best([rates[n] for n in names], max, text), *ratio_cells(rates, names)])
    head = ["", *names, "hakmem / glibc", "hakmem / best other"]
    return table(f"Speed, {unit}: median (min-max)", head, lines)


def above_floor_table(rows, results, names):
    lines = []
    for row in rows:
        figures = results[row.name]
        floors = [f.floor_ns() for f in figures.values() if f.floor_ns() is not None]
        if not floors:
            continue
        floor = min(floors)
        values = [figures[n].fastest_ns() - floor if n in figures else None for n in names]
        cells = with_best(values, min, [f"{v:.2f}" if v is not None else "" for v in values])
        lines.append([row.name, f"{floor:.2f}", *cells])
    if not lines:
        return ""
    return table("ns per operation above the harness floor: fastest run", ["", "floor", *names], lines)


def memory_table(rows, results, names):
    lines = []
    for row in rows:
        figures = results[row.name]
        values = [figures[n].peak_rss_kib() if n in figures else None for n in names]
        cells = with_best(values, min, [f"{v:.0f}" if v is not None else "" for v in values])
        lines.append([row.name, *cells])
    return table("Peak RSS, KiB: median", ["", *names], lines)


def markdown(facts, allocators, rows, results, runs, share):
    """results: {row name: {allocator name: Figures}}."""
    names = [a.name for a in allocators]
    measured = [row for row in rows if results.get(row.name)]
    parts = [f"# Benchmark\n\n{machine_line(facts)}; {runs} interleaved runs"
             + (f" of {share:.0%} length, good for a look only" if share < 1 else "")
             + ".\nCompare within a row; other rows, days and machines differ.\n"]
    tuned = {a.name: f", HAKMEM_TUNE=`{a.tune}`" if a.tune else "" for a in allocators}
    parts.append("\n".join(f"- {a.name}: `{a.path}`{tuned[a.name]}" for a in allocators) + "\n")
    for unit in dict.fromkeys(row.unit for row in measured):
        parts.append(speed_table(unit, [row for row in measured if row.unit == unit], results, names))
    parts.append(above_floor_table(measured, results, names))
    parts.append(memory_table(measured, results, names))
    what = [f"- {row.name}: {row.what}; {row.ops * share:,.0f} {row.counted}" for row in measured]
    parts.append("## Rows\n\n" + "\n".join(what) + "\n")
    return "\n".join(part for part in parts if part)


def as_json(facts, allocators, rows, results, runs, share):
    document = {"machine": facts, "runs": runs, "share": share, "rows": []}
    document["allocators"] = {a.name: {"path": a.path, "tune": a.tune} for a in allocators}
    for row in rows:
        entry = {"name": row.name, "group": row.group, "what": row.what, "unit": row.unit, "allocators": {}}
        for name, figures in results.get(row.name, {}).items():
            entry["allocators"][name] = {
                "median": figures.median_rate(row),
                "min": min(figures.rates(row)),
                "max": max(figures.rates(row)),
                "variation_percent": figures.variation(row),
                "peak_rss_kib": figures.peak_rss_kib(),
                "samples": [dataclasses.asdict(s) for s in figures.samples],
            }
        document["rows"].append(entry)
    return document
