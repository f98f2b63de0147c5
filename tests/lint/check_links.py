#!/usr/bin/env python3
"""Checks that every relative link in the Markdown files leads to a file, and every anchor to a heading."""

import re

import tree

FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
INLINE_CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$", re.MULTILINE)


def anchors(text):
    """The names that GitHub-like renderers give to headings."""
    found, seen = set(), {}
    for match in HEADING.finditer(FENCE.sub("", text)):
        base = re.sub(r"[^\w\- ]", "", match[1].lower()).replace(" ", "-")
        count = seen.get(base, 0)
        seen[base] = count + 1
        found.add(f"{base}-{count}" if count else base)
    return found


def check_link(report, name, line, link):
    path, _, anchor = link.partition("#")
    target = (tree.ROOT / name).parent / path if path else tree.ROOT / name
    if not target.exists():
        report.add(name, line, f"({link}) leads nowhere")
    elif anchor and target.suffix == ".md" and anchor not in anchors(target.read_text(encoding="utf-8")):
        report.add(name, line, f"({link}) names no heading there")


def main():
    report = tree.Report()
    names = [n for n in tree.files() if n.suffix == ".md"]
    for name in names:
        # Blanked, not removed, so that line numbers stay.
        text = tree.read(name) or ""
        blank = re.compile(r"[^\n]")
        text = FENCE.sub(lambda m: blank.sub(" ", m[0]), text)
        text = INLINE_CODE.sub(lambda m: " " * len(m[0]), text)
        for match in LINK.finditer(text):
            if not re.match(r"[a-z]+:", match[1]):
                check_link(report, name, text.count("\n", 0, match.start()) + 1, match[1])
    report.finish(len(names))


if __name__ == "__main__":
    main()
