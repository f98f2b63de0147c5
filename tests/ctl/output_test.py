"""What hakmemctl prints: tables that fit, colours only on a terminal, JSON that keeps its keys and digits."""
import fcntl
import json
import os
import pty
import struct
import subprocess
import termios
import unicodedata
import unittest

from fake_daemon import FakeDaemon, counters, process, tunables
from tool import TOOL, Case, environment

TABLES = [
    ["list"], ["list", "--dead"], ["stats"], ["stats", "host"], ["stats", "host", "--classes"], ["stats", "4242"],
    ["stats", "4242", "--classes"], ["stats", "--all"], ["stats", "--all", "--classes"],
    ["tune", "--get", "--all"], ["tune", "--all", "refill_batch=200"], ["tune", "--all", "--reset"],
    ["trim", "--all"], ["flush", "4242"], ["info"], ["schema"],
    ["stats", "4242", "--interval", "1", "--count", "2"], ["stats", "--interval", "1", "--count", "2"],
]

LONG = process(4343, comm="x" * 15, unit="a-very-long-name-of-a-unit@with-an-instance.service",
               program="/usr/lib/a/very/long/path/to/some/program/of/this/host", exe="/usr/lib/other",
               label="blue-" * 12)
DEAD = process(4444, state="dead", ended={"age_s": 12, "how": "exited"}, rss_bytes=None, user=None, unit=None)


def columns(line):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 0 if unicodedata.combining(c) else 1 for c in line)


class Tables(Case):
    def setUp(self):
        super().setUp()
        self.daemon = FakeDaemon(self.dir, [process(4242), LONG, DEAD])
        self.addCleanup(self.daemon.stop)

    def test_every_table_fits_eighty_columns(self):
        for words in TABLES:
            out = self.must(*words, "--width", "80")
            self.assertTrue(out)
            for line in out.splitlines():
                self.assertLessEqual(columns(line), 80, (words, line))
                self.assertEqual(line, line.rstrip(), words)
                self.assertNotIn("\x1b", line)

    def test_narrow_and_wide_pages(self):
        for words in TABLES:
            for width in (72, 100, 160, 250):
                for line in self.must(*words, env=environment(COLUMNS=str(width))).splitlines():
                    self.assertLessEqual(columns(line), width, (words, line))

    def test_what_is_no_terminal_is_never_cut(self):
        for words in TABLES:
            piped, wide = self.must(*words), self.must(*words, "--width", "1000")
            strip = lambda text: [l.split(maxsplit=1)[1:] if "--interval" in words else l for l in text.splitlines()]
            self.assertEqual(strip(piped), strip(wide), words)
            self.assertNotIn("\u2026", piped)

    def test_a_width_that_is_given_counts(self):
        for given, env in ((["--width", "60"], environment()), ([], environment(COLUMNS="60")),
                           (["--width", "60"], environment(COLUMNS="300"))):
            lines = self.must("list", *given, env=env).splitlines()
            self.assertLessEqual(max(columns(line) for line in lines), 60)
        for wrong in ("0", "19", "1001", "wide", ""):
            status, out, err = self.at("list", "--width", wrong)
            self.assertEqual((status, out), (2, ""))
            self.assertIn(f"--width: '{wrong}' is not a number of columns, 20..1000", err)

    def test_what_gives_way_first(self):
        """The narrower the page, the fewer the columns; none stays that was gone, and the name is whole."""
        busy = process(1234567, comm="y" * 15, live_bytes=1023 << 20, rss_bytes=1023 << 20)
        self.daemon.processes = [busy, LONG]
        for words in (["list"], ["trim", "--all"], ["tune", "--all", "refill_batch=200"]):
            before = None
            for width in (132, 80, 60, 40):
                lines = self.must(*words, "--width", str(width)).splitlines()
                titles = set(lines[0].split())
                for line in lines:
                    self.assertLessEqual(columns(line), width, (words, width))
                # What trim released is told on any page; there the name gives way when nothing else is left to.
                pinched = words[0] == "trim" and width == 40
                self.assertIn("y" * (11 if pinched else 15), lines[1])
                if words[0] == "trim":
                    self.assertLessEqual({"PID", "COMM", "STATUS", "RELEASED"}, titles)
                    self.assertTrue(lines[1].endswith("3.0 MiB"), lines[1])
                self.assertLessEqual(titles, before or titles)
                before = titles
        forty, eighty = ([t for t in self.must("list", "--width", w).splitlines()[0].split()] for w in ("40", "80"))
        self.assertLessEqual({"PID", "COMM", "LIVE"}, set(forty))
        self.assertLessEqual({"PID", "COMM", "LIVE", "RSS", "ALLOCS", "RETAINED", "UNIT"}, set(eighty))
        self.assertNotIn("USER", eighty)

    def test_wide_pages_show_more(self):
        narrow = self.must("list", "--width", "80").splitlines()[0].split()
        wide = self.must("list", env=environment(COLUMNS="400"))
        self.assertLess(set(narrow), set(wide.splitlines()[0].split()))
        self.assertIn(LONG["program"], wide)
        self.assertIn(LONG["unit"], wide)

    def test_numbers_are_read_in_units(self):
        line = next(l for l in self.must("list").splitlines() if l.startswith("4242"))
        self.assertIn("800 MiB", line)
        self.assertIn("3.4 M/s", line)
        self.assertIn("1.1 h", line)

    def test_the_memory_adds_up(self):
        out = self.must("stats", "4242")
        page = out[out.index("Memory\n"):out.index("Counters")]
        parts = [float(l.split(" MiB")[0].split()[-1]) for l in page.splitlines() if " MiB" in l]
        live_to_unused, mapped = parts[:5], parts[5]
        self.assertAlmostEqual(sum(live_to_unused), mapped, places=1)

    def test_a_page_shows_every_counter_that_counted(self):
        out = self.must("stats", "4242")
        for _, name, kind, *_ in counters():
            if name.endswith("_total"):
                self.assertIn("  " + name[:-len("_total")].replace("_", " ") + " ", out)

    def test_narrow_pages_have_figures_and_no_scraps_of_words(self):
        for words in (["stats", "4242"], ["stats", "host"]):
            page = self.must(*words, "--width", "40").split("Counters")[0]
            self.assertIn("partly used slabs", page)
            self.assertNotIn("\u2026", page[page.index("Memory"):])

    def test_tuned_values_stand_out(self):
        self.assertIn("none", self.must("stats", "4242").split("differ from their defaults")[1])
        self.daemon.values = {"retain_bytes": 64 << 20}
        shown = self.must("stats", "4242").split("differ from their defaults")[1]
        self.assertRegex(shown, r"retain_bytes +64 MiB +64 MiB +2 MiB +operator +10 min")
        self.assertNotIn("bin_cap", shown)

    def test_the_dead_say_so(self):
        self.assertNotIn("4444", self.must("list"))
        line = next(l for l in self.must("list", "--dead").splitlines() if l.startswith("4444"))
        self.assertIn("exited 12 s ago", line)

    def test_how_they_ended_has_room_on_a_narrow_page(self):
        self.daemon.processes = [LONG, DEAD]
        shown = self.must("list", "--dead", env=environment(COLUMNS="80"))
        self.assertLessEqual(max(columns(line) for line in shown.splitlines()), 80)
        self.assertRegex(shown, r"(?m)^4444 .* exited 12 s ago ")

    def test_those_that_ended_alike_are_one_line(self):
        ended = lambda pid, age, how="exec", **more: process(pid, state="dead", ended={"age_s": age, "how": how},
                                                             rss_bytes=None, live_bytes=pid << 10, **more)
        self.daemon.processes = [ended(1, 50), ended(2, 20), ended(3, 90), ended(4, 10, "exited"),
                                 ended(5, 30, comm="other"), ended(6, 30, unit=None), ended(7, 30, user="somebody"),
                                 ended(8, 30, label="blue"), process(9)]
        shown = [line.split() for line in self.must("list", "--dead").splitlines()]
        self.assertEqual(shown[0][:4], ["PID", "COMM", "COUNT", "STATE"])
        # The live one first; then what ended, the latest first, which stands for those that ended like it.
        self.assertEqual([line[0] for line in shown[1:3]], ["9", "4"])
        self.assertEqual(sorted(line[0] for line in shown[3:]), ["2", "5", "6", "7", "8"])
        folded = next(line for line in shown if line[0] == "2")
        self.assertEqual(folded[1:6], ["server", "3", "exec", "20", "s"])
        self.assertIn("2.0", folded)
        for words in (["--all"], ["1", "2", "3", "4", "5", "6", "7", "8", "9"]):
            self.assertEqual(len(self.must("list", "--dead", *words).splitlines()), 10)
        self.assertEqual(len(json.loads(self.must("list", "--dead", "--json"))["processes"]), 9)
        self.assertEqual(len(self.must("stats", "--comm", "server", "--dead").splitlines()), 7)

    def test_what_exec_made_of_a_process_is_the_same_process(self):
        def ended(pid, age, how, lived=100, **more):
            return process(pid, state="dead", ended={"age_s": age, "how": how}, age_s=lived, rss_bytes=None, **more)
        self.daemon.processes = [
            ended(10, 40, "exec", comm="sh"), process(10, comm="job", age_s=140),  # it still runs
            # Two that began as a shell and went through env; they ended alike.
            ended(20, 30, "exec", comm="sh"), ended(20, 30, "exec", comm="env"), ended(20, 30, "exited", comm="job"),
            ended(21, 35, "exec", comm="sh"), ended(21, 30, "exec", comm="env"),
            ended(21, 20, "exited", 110, comm="job"),
            ended(30, 50, "exec", comm="gone"),                                     # into what is not seen
            ended(40, 60, "exec", comm="reused"), process(40, comm="new", age_s=20),  # another process's pid by now
            ended(50, 10, "exec", comm="a"), ended(50, 10, "exec", comm="b"),
            ended(60, 10, "exited", comm="c"), process(60, comm="d")]
        rows = [line.split() for line in self.must("list", "--dead", env=environment(COLUMNS="200")).splitlines()[1:]]
        self.assertEqual(sorted((row[0], row[1]) for row in rows),
                         [("10", "job"), ("21", "job"), ("30", "gone"), ("40", "new"), ("40", "reused"), ("50", "b"),
                          ("60", "c"), ("60", "d")])
        self.assertEqual(next(row for row in rows if row[0] == "21")[2:5], ["2", "exited", "20"])
        self.assertEqual(len(self.must("list", "--dead", "--all").splitlines()), 1 + len(self.daemon.processes))

    def test_a_program_by_the_name_it_was_started_by(self):
        self.daemon.processes = [process(4242, exe="/usr/bin/tool", program="/usr/bin/link"), process(4343)]
        self.assertIn("  /usr/bin/link, a link to /usr/bin/tool\n", self.must("stats", "4242"))
        self.assertIn("  /usr/bin/server\n", self.must("stats", "4343"))
        self.assertIn("/usr/bin/link", self.must("list", "4242"))

    def test_hostile_names_do_not_steer_the_terminal(self):
        self.daemon.processes = [process(1, comm="\x1b[2Jevil\n", label="\u202etxt", unit="a\tb", exe="/\x7f")]
        for words in (["list"], ["stats", "1"], ["stats"], ["trim", "--all"]):
            out = self.must(*words, env=environment(COLUMNS="400"))
            self.assertFalse([c for c in out if c != "\n" and (unicodedata.category(c) in ("Cc", "Cf"))], words)
            self.assertIn("evil", out)

    def test_nothing_to_show(self):
        self.daemon.processes = []
        for words in (["list"], ["stats"], ["list", "--all"]):
            self.must(*words)

    def test_missing_members_are_dashes(self):
        self.daemon.processes = [{"pid": 7}]
        self.daemon.select = lambda params, needed=False: self.daemon.processes
        self.daemon.do_stats = lambda params: {"processes": [{"pid": 7}]}
        self.daemon.do_tune_get = lambda params: {"processes": [{}]}
        for words in (["list"], ["stats", "7"], ["tune", "--get", "--all"]):
            self.assertIn("-", self.must(*words))


class Terminal(Case):
    def on_terminal(self, *words, width=100, **changes):
        """What the tool writes to a terminal of that width."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
        env = environment(**{"TERM": "xterm", **changes})
        tool = subprocess.Popen([TOOL, "--runtime-dir", self.dir, *words], stdin=theirs, stdout=theirs, env=env)
        os.close(theirs)
        got = b""
        while True:
            try:
                chunk = os.read(ours, 65536)
            except OSError:  # EIO: the other side is closed
                break
            if not chunk:
                break
            got += chunk
        os.close(ours)
        self.assertEqual(tool.wait(120), 0)
        return got.decode()

    def test_colours_only_where_they_are_wanted(self):
        with FakeDaemon(self.dir):
            self.assertIn("\x1b[1m", self.on_terminal("list"))
            self.assertIn("\x1b[32mapplied\x1b[0m", self.on_terminal("trim", "--all"))
            self.assertNotIn("\x1b", self.on_terminal("list", "--no-color"))
            self.assertNotIn("\x1b", self.on_terminal("list", NO_COLOR="1"))
            self.assertIn("\x1b", self.on_terminal("list", NO_COLOR=""))
            self.assertNotIn("\x1b", self.on_terminal("list", TERM="dumb"))
            self.assertNotIn("\x1b", self.on_terminal("list", "--json"))

    def test_the_terminals_width_counts(self):
        with FakeDaemon(self.dir):
            narrow = self.on_terminal("list", "--no-color", width=60).splitlines()[0].split()
            wide = self.on_terminal("list", "--no-color", width=200).splitlines()[0].split()
            self.assertLess(set(narrow), set(wide))
            self.assertEqual(self.on_terminal("list", "--no-color", width=200, COLUMNS="60").splitlines()[0].split(),
                             narrow)


class Json(Case):
    def setUp(self):
        super().setUp()
        self.daemon = FakeDaemon(self.dir)
        self.addCleanup(self.daemon.stop)

    def test_is_the_daemons_answer(self):
        for words, answer in ((["list"], self.daemon.do_list({})), (["info"], self.daemon.do_info({})),
                              (["schema"], self.daemon.do_schema({})),
                              (["stats", "--all"], self.daemon.do_stats({"all": True})),
                              (["stats", "host"], self.daemon.do_stats({"scope": "host"})),
                              (["tune", "--get", "--all"], self.daemon.do_tune_get({"all": True})),
                              (["trim", "--all"], self.daemon.do_trim({"all": True}))):
            out = self.must(*words, "--json")
            self.assertEqual(out.count("\n"), 1)
            got = json.loads(out)
            if words == ["info"]:
                got["pid"] = answer["pid"]
            self.assertEqual(got, answer, words)
            self.assertEqual(json.loads(self.must("--json=pretty", *words)), answer)

    def test_digits_up_to_two_to_the_53_are_kept(self):
        self.daemon.processes = [process(1, allocs_total=2 ** 53, frees_total=2 ** 53 - 1),
                                 process(2, allocs_total=10 ** 15, frees_total=1234567890123460)]
        out = self.must("list", "--json")
        for number in (2 ** 53, 2 ** 53 - 1, 10 ** 15, 1234567890123460):
            self.assertIn(f":{number},", out)

    def test_everything_is_host_and_processes(self):
        got = json.loads(self.must("stats", "--json", "--classes"))
        self.assertLessEqual({"processes", "host", "units"}, set(got))
        self.assertIn("classes", got["host"])
        self.assertIn("totals", got["processes"][0])

    def test_one_line_each_time(self):
        lines = self.must("stats", "4242", "--json", "--interval", "1", "--count", "3").splitlines()
        self.assertEqual(len(lines), 3)
        for line in lines:
            self.assertEqual(json.loads(line)["processes"][0]["pid"], 4242)

    def test_only_the_tunables_asked_for(self):
        names = [t[0] for t in tunables() if not t[1]]
        got = json.loads(self.must("tune", "--get", "4242", names[0], names[3], "--json"))
        self.assertEqual(set(got["processes"][0]["tunables"]), {names[0], names[3]})

    def test_an_error_is_an_object_on_stderr(self):
        status, out, err = self.at("list", "--comm", "nobody", "--json")
        self.assertEqual((status, out), (1, ""))
        self.assertEqual(json.loads(err), {"code": -32002, "message": "no process matches the selector"})


class Writing(Case):
    def test_a_full_disk_is_an_error(self):
        with FakeDaemon(self.dir), open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([TOOL, "--runtime-dir", self.dir, "list"], stdout=full, stderr=subprocess.PIPE,
                                  text=True, env=environment(), timeout=120, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot write the output: No space left on device", done.stderr)


if __name__ == "__main__":
    unittest.main()
