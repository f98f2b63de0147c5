"""`./dev release` in a copy of the tree: what it refuses, what it changes, and that all versions come from there."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ["HAKMEM_SOURCE"])
sys.path.insert(0, str(SOURCE / "tests" / "lint"))
import tree  # noqa: E402

NEWS = "\n## Unreleased\n\n### Added\n- Something.\n\n## 0.0.1\n\n- Older.\n"


class Release(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if shutil.which("git") is None:
            raise unittest.SkipTest("git is not installed")

    def setUp(self):
        made = tempfile.TemporaryDirectory(prefix="hakmem-release-")
        self.addCleanup(made.cleanup)
        self.dir = pathlib.Path(made.name)
        for name in tree.files():
            (self.dir / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(SOURCE / name, self.dir / name)
        (self.dir / "CHANGELOG.md").write_text("# Changelog\n" + NEWS, encoding="utf-8")
        # Newer ones tidy up in the background, in a folder that is being removed.
        for words in (["init", "-q", "-b", "main"], ["config", "maintenance.auto", "false"], ["config", "gc.auto", "0"],
                      ["add", "-A"], ["commit", "-q", "-m", "all"]):
            self.git(*words)
        self.before = self.version()

    def git(self, *words):
        who = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
        return subprocess.run(["git", *who, *words], cwd=self.dir, capture_output=True, text=True,
                              check=True).stdout.strip()

    def release(self, *words):
        env = dict(os.environ, GIT_AUTHOR_NAME="t", GIT_AUTHOR_EMAIL="t@example.org", GIT_COMMITTER_NAME="t",
                   GIT_COMMITTER_EMAIL="t@example.org", GIT_CONFIG_GLOBAL="/dev/null")
        done = subprocess.run(["packaging/release.sh", *words], cwd=self.dir, env=env, capture_output=True, text=True,
                              check=False)
        return done.returncode, done.stdout + done.stderr

    def version(self):
        text = (self.dir / "CMakeLists.txt").read_text(encoding="utf-8")
        return re.search(r"project\(hakmem VERSION (\S+)", text)[1]

    def refused(self, words, said):
        status, out = self.release(*words)
        self.assertNotEqual(status, 0, out)
        self.assertIn(said, out)
        self.assertEqual((self.version(), self.git("tag")), (self.before, ""))

    def test_a_look_changes_nothing(self):
        status, out = self.release("9.8.7")
        self.assertEqual(status, 0, out)
        self.assertIn("nothing was changed", out)
        self.assertIn("- Something.", out)
        self.assertNotIn("- Older.", out)
        self.assertEqual((self.version(), self.git("status", "--porcelain"), self.git("tag")), (self.before, "", ""))

    def test_refusals(self):
        for words, said in ((["9.8"], "is no version"), (["0.0.9"], "not greater"), (["--bogus", "9.8.7"], "usage"),
                            ([], "usage"), (["9.8.7", "9.8.8"], "one version")):
            self.refused(words, said)
        (self.dir / "new").write_text("x\n", encoding="utf-8")
        self.refused(["--yes", "--no-tests", "9.8.7"], "not clean")
        (self.dir / "new").unlink()
        (self.dir / "CHANGELOG.md").write_text("# Changelog\n\n## Unreleased\n\n### Added\n", encoding="utf-8")
        self.git("commit", "-q", "-am", "nothing new")
        self.refused(["--yes", "--no-tests", "9.8.7"], "nothing under")

    def test_a_release(self):
        status, out = self.release("--yes", "--no-tests", "9.8.7")
        self.assertEqual(status, 0, out)
        self.assertEqual((self.version(), self.git("status", "--porcelain"), self.git("tag")), ("9.8.7", "", "v9.8.7"))
        self.assertEqual(self.git("log", "-1", "--format=%s"), "release: 9.8.7")
        self.assertEqual(set(self.git("show", "--name-only", "--format=").split()), {"CMakeLists.txt", "CHANGELOG.md"})
        news = (self.dir / "CHANGELOG.md").read_text(encoding="utf-8")
        self.assertRegex(news, r"## Unreleased\n\n## 9\.8\.7 - \d{4}-\d\d-\d\d\n\n### Added\n- Something\.\n")
        self.refused_again()

    def refused_again(self):
        news = self.dir / "CHANGELOG.md"
        news.write_text(news.read_text(encoding="utf-8").replace("## Unreleased\n", "## Unreleased\n- More.\n"),
                        encoding="utf-8")
        self.git("commit", "-q", "-am", "more")
        status, out = self.release("--yes", "--no-tests", "9.8.7")
        self.assertNotEqual(status, 0)
        self.assertIn("not greater than v9.8.7", out)

    def test_everything_reads_it_there(self):
        self.release("--yes", "--no-tests", "9.8.7")
        build = self.dir / "build"
        subprocess.run(["cmake", "-S", str(self.dir), "-B", str(build), "-DHAKMEM_TESTS=OFF", "-DHAKMEM_TOOLS=OFF",
                        "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON"], check=True, capture_output=True)
        self.assertIn(".Os hakmem 9.8.7\n", (build / "docs" / "man" / "hakmem.3").read_text(encoding="utf-8"))
        commands = (build / "compile_commands.json").read_text(encoding="utf-8")
        self.assertIn('HAKMEM_VERSION=\\\\\\"9.8.7\\\\\\"', commands)
        self.assertNotIn(self.before, commands)


if __name__ == "__main__":
    unittest.main(verbosity=2)
