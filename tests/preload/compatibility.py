#!/usr/bin/env python3
"""Writes what tests of real programs came to into the tables of docs/compatibility.md.

usage: compatibility.py LOG...

LOG: what the tests printed, such as Testing/Temporary/LastTest.log of a build folder after ./dev test --all; or
build/roots/RELEASE.log, of ./dev test --roots. Rows of what is not in it stay as they are.
"""
import json
import os
import re
import sys

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "compatibility.md")


def seconds(pair):
    """By the clock, and of processor time."""
    return " / ".join(f"{value:.0f}" if value >= 10 else f"{value:.1f}" for value in pair)


def suite_row(facts):
    passed, failed = facts["passed"], facts["failed"]
    verdict = "none"
    if facts["always"]:
        verdict = f"**{len(facts['always'])} fail with the library alone**"
    elif facts["at_first"]:
        verdict = f"none that came twice ({len(facts['at_first'])} failed once)"
    return [facts["suite"], facts["version"], facts["what"], str(facts["cases"]), f"{passed[0]} / {passed[1]}",
            f"{failed[0]} / {failed[1]}", seconds(facts["without"]), seconds(facts["under"]), verdict]


def test_row(facts):
    programs = [f"{name} {version}".strip() for name, version in facts["programs"].items()]
    if len(programs) > 6:
        programs = [f"{len(programs)} programs: {', '.join(facts['programs'])}"]
    return [facts["test"], ", ".join(programs), seconds(facts["without"]), seconds(facts["under"])]


def release_row(facts):
    passed, skipped, failed = facts["tests"] or ("", "", "")
    return [facts["release"], facts["glibc"], facts["gcc"], facts["cmake"], facts["demo"], str(facts["demo_s"]),
            str(passed), str(skipped), str(failed), str(facts["test_s"])]


def merge(page, mark, rows):
    """Replaces rows by those of the same first cell, in the table below the mark, and sorts them by it."""
    found = re.search(rf"(<!-- {mark} -->\n\|.*\n\|[ :|-]+\n)((?:\|.*\n)*)", page)
    if not found:
        raise SystemExit(f"no table below '<!-- {mark} -->' in {PAGE}")
    kept = {line.split("|")[1].strip(): line for line in found[2].splitlines()}
    kept.update({row[0]: "| " + " | ".join(row) + " |" for row in rows})
    return page[:found.start(2)] + "".join(kept[key] + "\n" for key in sorted(kept)) + page[found.end():]


def main():
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    facts = []
    for name in sys.argv[1:]:
        with open(name, encoding="utf-8", errors="replace") as log:
            facts += [json.loads(said) for said in re.findall(r"^(?:\d+: )?ran: (\{.*\})$", log.read(), re.M)]
    with open(PAGE, encoding="utf-8") as f:
        page = f.read()
    page = merge(page, "suites", [suite_row(f) for f in facts if "suite" in f])
    page = merge(page, "tests", [test_row(f) for f in facts if "test" in f])
    page = merge(page, "releases", [release_row(f) for f in facts if "release" in f])
    with open(PAGE, "w", encoding="utf-8") as f:
        f.write(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
