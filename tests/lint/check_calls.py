#!/usr/bin/env python3
"""Checks who uses whom, as the linker sees it: files of a floor in a ring, and uses that the rooms forbid.

usage: check_calls.py BUILD

A file uses another if its object refers to a symbol that the other's object defines: a function or a variable. What
a compiler inlined is not seen here; the includes show that (check_includes.py). When a number falls, so does its bound.
"""

import argparse
import collections
import pathlib
import subprocess

import rooms
import tree

# The objects of a floor, below the build folder.
OBJECTS = {
    "lib": "lib/CMakeFiles/hakmem_objects.dir",
    "daemon": "daemon/CMakeFiles/hakmem_daemon_core.dir",
    "ctl": "ctl/CMakeFiles/hakmem_ctl.dir",
}
# At most so many files in rings, and uses of a room that rooms.py does not allow.
BOUNDS = {"lib": (37, 32), "daemon": (17, 7), "ctl": (0, 0)}


def symbols(objects):
    """For each object: the external names it defines, and those it needs."""
    found = {}
    for path in objects:
        listed = subprocess.run(["nm", "-P", "-g", path], capture_output=True, text=True, check=True).stdout
        kinds = [line.split()[:2] for line in listed.splitlines()]
        found[path] = ({n for n, kind in kinds if kind not in "Uvw"}, {n for n, kind in kinds if kind in "Uvw"})
    return found


def uses(folder, floor):
    """{file: {file it uses: names}}, files as paths from the top of the tree."""
    name = {path: f"{floor}/{path.relative_to(folder)}".removesuffix(".o") for path in sorted(folder.rglob("*.c.o"))}
    # A build folder keeps the object of a file that was removed or renamed.
    name = {path: source for path, source in name.items() if (tree.ROOT / source).is_file()}
    found = symbols(name)
    owner = {symbol: name[path] for path, (defined, _) in found.items() for symbol in defined}
    graph = {n: collections.defaultdict(set) for n in name.values()}
    for path, (_, needed) in found.items():
        for symbol in needed:
            if symbol in owner:
                graph[name[path]][owner[symbol]].add(symbol)
    return graph


def reached(graph, start):
    seen, todo = set(), [start]
    while todo:
        for other in graph[todo.pop()]:
            if other not in seen:
                seen.add(other)
                todo.append(other)
    return seen


def rings(graph):
    """Sets of files that each reach one another, the largest first."""
    reach = {name: reached(graph, name) for name in graph}
    found = {frozenset(other for other in reach[name] if name in reach[other]) for name in graph if name in reach[name]}
    return sorted((ring for ring in found if len(ring) > 1), key=len, reverse=True)


def check_floor(report, folder, floor):
    graph = uses(folder, floor)
    found = rings(graph)
    up = [(name, other, names) for name in sorted(graph) for other, names in sorted(graph[name].items())
          if not rooms.allowed(name, other)]
    in_ring = sum(map(len, found))
    print(f"{floor}/: {len(graph)} files, {in_ring} of them in rings, {len(up)} uses against the rooms' table")
    for ring in found:
        print(f"  a ring of {len(ring)}: {' '.join(sorted(ring))}")
    for name, other, names in up:
        print(f"  {name} uses {other}: {' '.join(sorted(names))}")
    for what, number, bound in zip(("files in rings", "uses against the table"), (in_ring, len(up)), BOUNDS[floor]):
        if number > bound:
            report.add(f"{floor}/", 0, f"{number} {what}, and {bound} are the most")
    return len(graph)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path, help="the build folder, with all of the product built")
    args = parser.parse_args()
    report = tree.Report()
    checked = 0
    for floor, folder in OBJECTS.items():
        if (args.build / folder).is_dir():
            checked += check_floor(report, args.build / folder, floor)
    report.finish(checked)


if __name__ == "__main__":
    main()
