"""docs/hakmemctl.md names every command and option there is, and none that is not."""
import os
import re
import unittest

from tool import SOURCE, Case

# Of hakmemctl too, but not in its table: for completions.
HIDDEN = {"--options", "--complete"}


class Page(Case):
    def setUp(self):
        super().setUp()
        with open(os.path.join(SOURCE, "docs", "hakmemctl.md"), encoding="utf-8") as f:
            self.text = f.read()
        self.rows = [line.split("\t") for line in self.ctl("--options")[1].splitlines()]

    def test_names_every_command(self):
        for row in self.rows:
            if row[0] == "command":
                self.assertRegex(self.text, rf"(?m)^    hakmemctl {row[1]}\b")

    def test_names_every_option(self):
        named = set(re.findall(r"--[a-z][a-z-]*", self.text))
        options = {row[2] for row in self.rows if row[0] == "option"}
        self.assertEqual(options - named, set())
        elsewhere = set(re.findall(r"(?:redis-server|systemctl) (--[a-z]+)", self.text))  # options of other programs
        self.assertEqual(named - options - HIDDEN - elsewhere, set())

    def test_names_no_tunable_that_is_not(self):
        tunables = {row[1].removesuffix(".SIZE") for row in self.rows if row[0] == "tunable"}
        used = set(re.findall(r"\b([a-z][a-z_]+)(?:\.\d+)?=(?=[0-9a-zA-Z])", self.text))
        self.assertLessEqual(used - {"json"}, tunables)
        self.assertTrue(used)


if __name__ == "__main__":
    unittest.main()
