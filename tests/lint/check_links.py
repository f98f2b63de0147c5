#!/usr/bin/env python3
"""Checks that every relative link in the Markdown files leads to a file, and every anchor to a heading; the same of
links in drawings (SVG), which must be well-formed and shown somewhere; and that manual pages named in a text, such as
hakmemctl(1), exist; and that no table is without rows.
"""

import re
import xml.etree.ElementTree

import tree

FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
INLINE_CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
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


MANUAL = re.compile(r"\b(hakmem(?:ctl|d)?(?:[.-][a-z]+)?)\((\d)\)")


def check_manual(report, name, text):
    for match in MANUAL.finditer(text):
        if not (tree.ROOT / "docs" / "man" / f"{match[1]}.{match[2]}").is_file():
            report.add(name, text.count("\n", 0, match.start()) + 1, f"{match[0]} is no manual page")


TABLE = re.compile(r"^\|.*\n\|[ :|-]+\n(?!\|)", re.MULTILINE)


def check_tables(report, name, text):
    for match in TABLE.finditer(text):
        report.add(name, text.count("\n", 0, match.start()) + 1, "a table without rows")


def check_drawing(report, name, shown):
    try:
        root = xml.etree.ElementTree.parse(tree.ROOT / name).getroot()
    except xml.etree.ElementTree.ParseError as error:
        report.add(name, 0, f"not well-formed: {error}")
        return
    for element in root.iter():
        for attribute, value in element.attrib.items():
            if attribute.split("}")[-1] == "href" and not re.match(r"[a-z]+:|#", value):
                check_link(report, name, 0, value)
    if name not in shown:
        report.add(name, 0, "no page shows it")


def main():
    report = tree.Report()
    names = [n for n in tree.files() if n.suffix == ".md"]
    shown = set()
    for name in names:
        # Blanked, not removed, so that line numbers stay.
        text = tree.read(name) or ""
        check_manual(report, name, text)
        check_tables(report, name, FENCE.sub(lambda m: "\n" * m[0].count("\n"), text))
        blank = re.compile(r"[^\n]")
        text = FENCE.sub(lambda m: blank.sub(" ", m[0]), text)
        text = INLINE_CODE.sub(lambda m: " " * len(m[0]), text)
        for match in LINK.finditer(text):
            if not re.match(r"[a-z]+:", match[1]):
                shown.add((tree.ROOT / name).parent.joinpath(match[1].split("#")[0]).resolve())
                check_link(report, name, text.count("\n", 0, match.start()) + 1, match[1])
    drawings = [n for n in tree.files() if n.suffix == ".svg"]
    shown = {n for n in drawings if (tree.ROOT / n).resolve() in shown}
    for name in drawings:
        check_drawing(report, name, shown)
    report.finish(len(names) + len(drawings))


if __name__ == "__main__":
    main()
