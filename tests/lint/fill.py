#!/usr/bin/env python3
"""Prints a page with its marked parts made anew; a golden test compares that with the page as it is.

usage: fill.py PAGE PROGRAM FORM [NAME=PROGRAM]...

A part lies between two marks, `<!-- made: NAME -->` and `<!-- end of NAME -->` in Markdown, `.\\" made: NAME` and
`.\\" end of NAME` in a manual page. What goes between is what `PROGRAM ARGUMENT... NAME` prints.
"""

import re
import subprocess
import sys

MARKS = {
    "md": re.compile(r"(<!-- made: ([\w-]+) -->\n)(.*?)(\n?<!-- end of \2 -->)", re.DOTALL),
    "man": re.compile(r'(\.\\" made: ([\w-]+)\n)(.*?)(\.\\" end of \2\n)', re.DOTALL),
}


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    page, command = sys.argv[1], sys.argv[2:4]
    own = dict(word.split("=", 1) for word in sys.argv[4:])
    kind = "md" if page.endswith(".md") else "man"
    with open(page, encoding="utf-8") as file:
        text = file.read()

    def fill(match):
        program = [own[match[2]]] if match[2] in own else [*command, match[2]]
        done = subprocess.run(program, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"{page}: {match[2]}: {done.stderr.strip()}")
        made = done.stdout if kind == "man" else f"\n{done.stdout}\n"
        return match[1] + made + match[4].lstrip("\n")

    filled, parts = MARKS[kind].subn(fill, text)
    opened = len(re.findall(r"(?m)^(?:<!--|\.\\\") made: ", text))
    if parts == 0 or parts != opened:
        sys.exit(f"{page}: {opened} parts are opened, {parts} have an end of the same name")
    sys.stdout.write(filled)


if __name__ == "__main__":
    main()
