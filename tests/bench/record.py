"""Results as JSON: every sample, what follows from them, and the machine; written, and read again."""

import dataclasses
import json

import allocators
import catalogue
import figures as compare
import measuring
import report
import rows

# Of a report's settings, what belongs to the measuring and not to the page.
KEPT = ("runs", "share", "note", "command")


class Unreadable(Exception):
    """A file that dump() did not make."""


def dump(facts, chosen, rows, results, settings):
    """What report.markdown() takes, with the figures that follow from it; load() takes it back."""
    document = {"machine": facts, **{key: settings[key] for key in KEPT}, "rows": []}
    document["allocators"] = {a.name: {"path": a.path, "version": a.version, "tune": a.tune} for a in chosen}
    for row in rows:
        all_figures = results.get(row.name, {})
        peer = compare.best_peer(all_figures)
        entry = {"name": row.name, "group": row.group, "what": row.what, "unit": row.unit,
                 "floor_ns": compare.row_floor(all_figures), "best_peer": peer, "allocators": {}}
        if "hakmem" in all_figures and peer:
            entry["hakmem_over_best_peer"] = report.speed_of(all_figures, peer)
        for name, figures in all_figures.items():
            entry["allocators"][name] = {
                "median": figures.median_rate(row),
                "min": min(figures.rates(row)),
                "max": max(figures.rates(row)),
                "variation_percent": figures.variation(row),
                "peak_rss_kib": figures.peak_rss_kib(),
                "rss_kib": figures.rss_kib(),
                "samples": [dataclasses.asdict(s) for s in figures.samples],
            }
        document["rows"].append(entry)
    return document


def load(document):
    """What dump() was given: facts, allocators, rows, results, settings. Rows that are no more are left out."""
    try:
        chosen = [allocators.Allocator(name, a["path"], tune=a["tune"], version=a["version"])
                  for name, a in document["allocators"].items()]
        names = [entry["name"] for entry in document["rows"]]
        known = [row for row in catalogue.ROWS if row.name in names]
        results = {
            entry["name"]: {
                name: compare.Figures([rows.Sample(**sample) for sample in a["samples"]])
                for name, a in entry["allocators"].items()
            } for entry in document["rows"]
        }
        settings = {key: document[key] for key in KEPT}
        return document["machine"], chosen, known, results, settings
    except (KeyError, TypeError, AttributeError) as error:
        raise Unreadable(f"not the samples of a benchmark ({type(error).__name__}: {error})") from error


def write_samples(path, facts, results, settings):
    """Every sample into a file, without what follows from them."""
    document = {"machine": facts, **settings, "rows": {
        row: {name: [dataclasses.asdict(s) for s in f.samples] for name, f in figures.items()}
        for row, figures in results.items()
    }}
    measuring.write(path, json.dumps(document, indent=1) + "\n")
