"""Pages of which a tool makes the tables and somebody wrote the rest.

A made part stands between two comments that Markdown does not show:

    <!-- made: NAME -->
    <!-- end of NAME -->
"""

import re


class Unfit(Exception):
    """A page that has no place for a part."""


def fill(text, parts):
    """The page with its parts in place of the former ones. parts: {name: Markdown}."""
    for name, part in parts.items():
        place = re.compile(rf"(<!-- made: {re.escape(name)} -->\n).*?(<!-- end of {re.escape(name)} -->)", re.S)
        if not place.search(text):
            raise Unfit(f"no place for '{name}': <!-- made: {name} --> and <!-- end of {name} -->")
        text = place.sub(lambda found, part=part: f"{found[1]}\n{part.strip()}\n\n{found[2]}", text, count=1)
    return text


def fill_file(path, parts):
    """The text of the page at path, filled. A page that is not there yet has the parts alone."""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except FileNotFoundError:
        text = "\n\n".join(f"<!-- made: {name} -->\n<!-- end of {name} -->" for name in parts) + "\n"
    return fill(text, parts)
