#!/usr/bin/env python3
"""Compares hakmem with other allocators: speed, and what it costs in memory.

Runs are interleaved: in each run every row is measured with every allocator in turn, the first one
another each time, so that what else the machine does meets all of them. Every program proves from inside
which allocator serves it, and refuses to report another's figures. The report is Markdown, on standard output
or in a file; --svg draws it, --json keeps all samples, and --from makes a report of them again.

To compare settings of hakmem, name it more than once (--against hakmem,hakmem+bin_cap=32+thp=madvise), or let a
tunable take several values beside its own (--values bin_cap=32,64,256).

Three questions have pages of their own, and tables of their own form: what the control plane costs (--price), what
each tunable does (--sweep), what huge pages do (--thp). They take --runs, --quick, --markdown, --json and rows too.
"""

import argparse
import fnmatch
import json
import os
import shlex
import sys

import allocators
import catalogue
import chart
import measuring
import price
import record
import report
import thp
import tuning


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="./dev bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("names", nargs="*", metavar="NAME", help="rows, groups or globs (default: all; see --list)")
    add("--against", metavar="LIST", help="allocators, with commas (default: those of "
        f"{', '.join(allocators.NAMES)} that are there); NAME=PATH is any other library, "
        "hakmem+TUNABLE=VALUE... hakmem tuned, hakmem+harden=MODE hardened")
    add("--values", metavar="TUNABLE=VALUE,...", help="measure hakmem with each of these values, too, against "
        "itself alone unless --against says otherwise; with --sweep: these in place of its own choice")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--price", action="store_const", dest="mode", const=price, help="hakmem with its segment and a "
                      "daemon that samples ten times a second, against the same library built without")
    mode.add_argument("--sweep", action="store_const", dest="mode", const=tuning, help="each tunable with a few "
                      "values, over patterns that it concerns")
    mode.add_argument("--thp", action="store_const", dest="mode", const=thp, help="thp=off against the others, "
                      "where huge pages matter")
    add("--runs", type=int, default=5, metavar="N", help="interleaved runs (default: 5)")
    add("--quick", action="store_true", help="a twentieth of the operations, to see that all works")
    add("--json", metavar="FILE", help="write every sample and the machine there")
    add("--markdown", metavar="FILE", help="write the report there, not to standard output")
    add("--svg", metavar="FILE", help="draw the speeds there; a report in a file shows it")
    add("--from", metavar="FILE", dest="source", help="report on the samples that --json wrote there; "
        "measure nothing")
    add("--note", metavar="TEXT", default="", help="a sentence for the report's head")
    add("--build", default="build", metavar="DIR", help="build folder (default: build)")
    add("--list", action="store_true", help="list the rows and stop")
    args = parser.parse_args()
    if args.runs < 1:
        parser.error("--runs: at least 1")
    refused = {"--against": args.against, "--svg": args.svg, "--from": args.source}
    for option in (o for o, value in refused.items() if args.mode and value):
        parser.error(f"{option}: not with --price, --sweep or --thp")
    if args.values and args.mode not in (None, tuning):
        parser.error("--values: not with --price or --thp")
    return parser, args


def choose_rows(parser, names):
    for name in names:
        if not any(fnmatch.fnmatch(row.name, name) or row.group == name for row in catalogue.ROWS):
            parser.error(f"no row or group '{name}'; --list shows them")
    return [row for row in catalogue.ROWS
            if any(fnmatch.fnmatch(row.name, n) or row.group == n for n in names)]


def wanted_allocators(parser, args):
    """Names of those asked for; None: whatever is there."""
    names = [name.strip() for name in args.against.split(",")] if args.against else None
    if args.values:
        tunable, values = tuning.parse_values(parser, args.values)
        names = (names or ["hakmem"]) + [f"hakmem+{tunable}={value}" for value in values]
    return names


def choose_allocators(parser, args):
    """Those asked for must be there; those not asked for may be missing."""
    chosen = []
    names = wanted_allocators(parser, args)
    for name in names or allocators.NAMES:
        try:
            chosen.append(allocators.find(name, args.build))
        except allocators.NotFound as missing:
            if names:
                parser.error(f"--against: {missing}")
            print(f"bench: left out: {missing}", file=sys.stderr)
    if len({a.name for a in chosen}) != len(chosen):
        parser.error("--against: each allocator needs a name of its own")
    for allocator in chosen:
        if complaint := allocators.refused_tuning(allocator, args.build):
            parser.error(f"{allocator.name}: {complaint}")
    return chosen


def check_outputs(parser, args):
    """Before minutes of measuring, not after."""
    for option in ("json", "markdown", "svg"):
        path = getattr(args, option)
        folder = os.path.dirname(os.path.abspath(path)) if path else "."
        if not os.access(folder, os.W_OK) or (path and os.path.isdir(path)):
            parser.error(f"--{option}: {path} cannot be written")


def command_line():
    """What was typed, less what is of this run and this machine alone."""
    words = iter(sys.argv[1:])
    kept = []
    for word in words:
        if word in ("--build", "--note", "--json"):
            next(words, None)
        else:
            kept.append(word)
    return " ".join(["./dev bench", shlex.join(kept)]).strip()


def write_reports(args, facts, chosen, chosen_rows, results, settings):
    settings |= {"chart": "", "linked": False}
    picture = chart.svg(chosen, chosen_rows, results) if args.svg else ""
    if picture:
        measuring.write(args.svg, picture)
    elif args.svg:
        print(f"bench: {args.svg}: not written: there is nothing to compare", file=sys.stderr)
    if args.markdown:
        folder = os.path.dirname(os.path.abspath(args.markdown))
        settings["linked"] = os.path.exists(os.path.join(folder, "../tests/bench/bench.py"))
        if picture:
            settings["chart"] = os.path.relpath(args.svg, folder)
    page = report.markdown(facts, chosen, chosen_rows, results, settings)
    if args.markdown:
        measuring.write(args.markdown, page)
    else:
        print(page)
    if args.json:
        document = record.dump(facts, chosen, chosen_rows, results, settings)
        measuring.write(args.json, json.dumps(document, indent=1) + "\n")


def read_samples(parser, args):
    try:
        with open(args.source, encoding="utf-8") as file:
            loaded = record.load(json.load(file))
    except (OSError, ValueError, record.Unreadable) as error:
        parser.error(f"--from: {args.source}: {error}")
    if args.note:
        loaded[4]["note"] = args.note
    return loaded


def answer_question(parser, args):
    """A mode's own measuring and page."""
    wanted = choose_rows(parser, args.names) if args.names else None
    return args.mode.run(parser, args, wanted, command_line())


def main():
    parser, args = parse_arguments()
    if args.list:
        for row in catalogue.ROWS:
            print(f"{row.name:18} {row.group:10} {row.what}")
        return 0
    check_outputs(parser, args)
    args.build = os.path.abspath(args.build)
    args.share = measuring.QUICK if args.quick else 1.0
    if args.mode:
        return answer_question(parser, args)
    if args.source:
        facts, chosen, kept_rows, results, settings = read_samples(parser, args)
        write_reports(args, facts, chosen, kept_rows, results, settings)
        return 0
    wanted = choose_rows(parser, args.names) if args.names else catalogue.ROWS
    chosen_rows = measuring.drop_impossible(wanted, args.build)
    chosen = choose_allocators(parser, args)
    if not chosen_rows or not chosen:
        parser.error("nothing is left to measure")
    facts = report.machine()
    results, whole = measuring.measure(args.build, [(row, chosen) for row in chosen_rows], args.runs, args.share)
    facts["load_average_at_end"] = os.getloadavg()[0]
    settings = {"runs": args.runs, "share": args.share, "note": args.note, "command": command_line()}
    write_reports(args, facts, chosen, chosen_rows, results, settings)
    return 0 if whole else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
