#!/usr/bin/env python3
"""What a run of ctest came to, in lines: how many passed, were skipped, failed; why those that were skipped were.

usage: summary.py JUNIT

JUNIT: what ctest --output-junit wrote.
"""
import re
import sys
import xml.etree.ElementTree

REASON = re.compile(r"skipped[: ]\s*['\"]?(.*?)['\"]?\s*$", re.M)


def reason(output):
    """Why a test says that it skips: the last of its lines that says so, or its last line."""
    said = [found for found in REASON.findall(output) if found.strip()]
    lines = [line for line in output.splitlines() if line.strip()]
    return (said or lines or ["it does not say why"])[-1].strip()


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    passed, failed, skipped, off = [], [], [], []
    for case in xml.etree.ElementTree.parse(sys.argv[1]).getroot().iter("testcase"):
        name, status, why = case.get("name"), case.get("status"), case.find("skipped")
        if status == "disabled":
            off.append(name)
        elif why is not None:
            skipped.append((name, reason(case.findtext("system-out") or "")))
        elif status == "run":
            passed.append(name)
        else:
            failed.append(name)
    for name, why in skipped:
        print(f"dev: skipped: {name}: {why}")
    for name in failed:
        print(f"dev: failed: {name}")
    print(f"dev: tests: {len(passed)} passed, {len(skipped)} skipped, {len(failed)} failed" +
          (f", {len(off)} not for this build" if off else ""))
    return 0


if __name__ == "__main__":
    sys.exit(main())
