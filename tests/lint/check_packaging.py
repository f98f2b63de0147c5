#!/usr/bin/env python3
"""Checks that what the packages say agrees with the tree: symbols, their version, parts of the install rules;
and that the page on the units lists the events of the journal.
"""

import re

import tree

CONTROL = "packaging/debian/control"
RULES = "packaging/debian/rules"
SYMBOLS = "packaging/debian/libhakmem0.symbols"
SONAME = "libhakmem.so.0"
EVENTS = "daemon/base/events.def"
JOURNAL = "docs/systemd.md"


def check_symbols(report):
    golden = {line.split()[1] for line in tree.read("tests/lib/symbols.golden").splitlines()}
    head, *rows = tree.read(SYMBOLS).splitlines()
    if head.split()[:2] != [SONAME, "libhakmem0"]:
        report.add(SYMBOLS, 1, f"is not of {SONAME}")
    listed = {row.split("@")[0].strip() for row in rows}
    for name in sorted(golden - listed):
        report.add(SYMBOLS, 0, f"does not list {name}, which tests/lib/symbols.golden has")
    for name in sorted(listed - golden):
        report.add(SYMBOLS, 0, f"lists {name}, which tests/lib/symbols.golden does not have")
    version = re.search(r"^project\(hakmem VERSION ([0-9.]+)", tree.read("CMakeLists.txt"), re.M)[1]
    for number, row in enumerate(rows, 2):
        since = row.split()[1]
        if [int(n) for n in since.split(".")] > [int(n) for n in version.split(".")]:
            report.add(SYMBOLS, number, f"{row.split('@')[0].strip()} is of a version ({since}) that is yet to come")


def check_packages(report):
    """Each package is one component, and the number in the library's name is one everywhere."""
    packages = set(re.findall(r"^Package: (.*)$", tree.read(CONTROL), re.M))
    filled = set(re.findall(r"debian/([a-z0-9-]+) cmake --install", tree.read(RULES))) - {"tmp"}
    for name in sorted(packages ^ filled):
        report.add(RULES, 0, f"{name} is a package here or in {CONTROL}, and not in both")
    number = SONAME.rpartition(".")[2]
    if f"SOVERSION {number})" not in tree.read("lib/CMakeLists.txt"):
        report.add("lib/CMakeLists.txt", 0, f"SOVERSION is not {number}, which the packages are of")
    if f'PLAIN ".{number}"' not in tree.read("ctl/base/install_paths.c"):
        report.add("ctl/base/install_paths.c", 0, f"hakmemctl does not look for {SONAME}")


def check_events(report):
    """What is written to the journal is what the page on it lists."""
    events = set(re.findall(r'^HK_EVENT\(\w+, *"([a-z-]+)"', tree.read(EVENTS), re.M))
    table = re.search(r"^\| event \|.*?\n\n", tree.read(JOURNAL), re.M | re.S)[0]
    listed = {name for row in table.split("\n")[2:-2] for name in re.findall(r"`([a-z-]+)`", row.split("|")[1])}
    for name in sorted(events ^ listed):
        report.add(JOURNAL, 0, f"{name} is in its table of events or in {EVENTS}, and not in both")


def main():
    report = tree.Report()
    check_symbols(report)
    check_packages(report)
    check_events(report)
    report.finish(6)


if __name__ == "__main__":
    main()
