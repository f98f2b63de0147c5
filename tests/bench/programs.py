"""The rows of whole programs: what they are given to do, and how they are started and measured.

Each is a program of the host (Debian's) that knows nothing of being measured; its input is made afresh for
each sample, the same one every time, in a folder that goes away.
"""

import dataclasses
import os
import random
import shutil
import subprocess
import tempfile

import redis_row
import rows

HERE = os.path.dirname(os.path.abspath(__file__))


def missing_program(wants):
    return next((f"no {program}" for program in wants if not shutil.which(program)), None)


def read_probe(path):
    """What libbenchprobe.so found out in the program."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().strip()
    except OSError as error:
        raise rows.Failed(f"the program did not say who serves it: {error}") from error


def has_symbol(path, name):
    """Whether a program or library names the symbol, as its own or as one that it wants."""
    with open(os.path.realpath(path), "rb") as file:
        return b"\0" + name.encode() + b"\0" in file.read()


@dataclasses.dataclass(frozen=True)
class RedisRow(rows.Row):
    def missing(self, build):
        return missing_program(self.wants)

    def sample(self, build, allocator, share):
        # redis 8 takes blocks from jemalloc by functions of jemalloc's own, and gives them to free.
        if has_symbol(shutil.which("redis-server"), "mallocx") and not has_symbol(allocator.path, "mallocx"):
            raise rows.Unfit("redis-server calls mallocx, which this allocator has not")
        try:
            measured = redis_row.measure(build, allocator, self.scaled(share))
        except (OSError, RuntimeError, subprocess.SubprocessError) as error:
            raise rows.Failed(str(error)) from error
        return rows.Sample(**measured)


@dataclasses.dataclass(frozen=True)
class LaunchedRow(rows.Row):
    """A program that runs once to its end. prepare(folder, ops) writes its input and returns its command."""

    prepare: object = None
    settings: tuple = ()  # environment, as pairs

    def missing(self, build):
        return missing_program(self.wants)

    def sample(self, build, allocator, share):
        folder = tempfile.mkdtemp(prefix="hakmem-bench-")
        try:
            return self.sample_in(folder, build, allocator, self.scaled(share))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def sample_in(self, folder, build, allocator, ops):
        command = self.prepare(folder, ops)
        probe = os.path.join(folder, "probe")
        env = allocator.environment(build, probe_file=probe) | dict(self.settings) | {"LC_ALL": "C"}
        # For the program alone, not for what starts it.
        env["BENCH_PRELOAD"] = env.pop("LD_PRELOAD")
        measured = rows.run_program(build, "launch", ["1", *command], env)
        served_by = read_probe(probe)
        if served_by != os.path.realpath(allocator.path):
            raise rows.Failed(f"asked for {allocator.path}, served by {served_by}: nothing is reported")
        return rows.Sample(ops=ops, ns=measured["ns"], floor_ns=0, peak_rss_kib=measured["peak_rss_kib"],
                           rss_kib=0, allocator=served_by, detail={"cpu_ns": measured["cpu_ns"]})


@dataclasses.dataclass(frozen=True)
class StartRow(rows.Row):
    """Starts of the tiny program, which says itself how much memory it took."""

    def missing(self, build):
        return None

    def sample(self, build, allocator, share):
        env = allocator.environment(build)
        reported = rows.run_program(build, "tiny", ["report"], env)
        if preload := env.pop("LD_PRELOAD", None):
            env["BENCH_PRELOAD"] = preload
        tiny = os.path.join(build, "tests/bench/bench.tiny")
        measured = rows.run_program(build, "launch", [str(self.scaled(share)), tiny], env)
        return rows.Sample(ops=measured["ops"], ns=measured["ns"], floor_ns=0,
                           peak_rss_kib=reported["peak_rss_kib"], rss_kib=reported["rss_kib"],
                           allocator=reported["allocator"], detail={"cpu_ns": measured["cpu_ns"]})


def prepare_python(_folder, ops):
    return ["/usr/bin/python3", "-B", "-s", os.path.join(HERE, "objects.py"), str(ops)]


SQL = """
CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT NOT NULL, grp INTEGER NOT NULL, note BLOB);
BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
INSERT INTO item SELECT i, 'name ' || (i * 7919 % {rows}), i % 97, zeroblob(i * 31 % 200) FROM n;
CREATE INDEX by_name ON item (name);
CREATE INDEX by_group ON item (grp, name);
COMMIT;
SELECT grp, count(*), max(name), group_concat(substr(name, -2)) FROM item GROUP BY grp;
SELECT count(*) FROM item a JOIN item b ON b.name = 'name ' || a.id WHERE a.grp < 30;
UPDATE item SET name = upper(name) || grp WHERE id % 3 = 0;
DELETE FROM item WHERE grp BETWEEN 20 AND 60;
SELECT name, length(note) FROM item ORDER BY note, name DESC LIMIT 100;
"""


def prepare_sqlite(folder, ops):
    path = os.path.join(folder, "script.sql")
    with open(path, "w", encoding="utf-8") as file:
        file.write(SQL.format(rows=ops))
    return ["sqlite3", "-batch", "-bail", ":memory:", f".read {path}"]


C_FUNCTION = """
struct s{n} {{ int a[{k}]; struct s{n} *next; double d; }};
static int f{n}(struct s{n} *p, int x)
{{
    int sum = {c};
    for (int i = 0; p && i < {k}; i++) {{
        switch ((x + p->a[i]) % {m}) {{
        {cases}
        default: sum -= p->a[{k} - 1 - i]; break;
        }}
        if (sum > {c} * i && p->next) p = p->next;
        p->d += sum * {c}.5;
    }}
    return sum{call};
}}
"""


def c_source(functions):
    """One large file, without includes; the same one for the same number."""
    draw = random.Random(42)
    parts = []
    for n in range(functions):
        m = draw.randrange(3, 9)
        cases = "\n        ".join(f"case {i}: sum += x * {draw.randrange(1, 99)} + p->a[{i}]; break;"
                                  for i in range(m - 1))
        call = f" + f{n - 1}(0, sum)" if n else ""
        parts.append(C_FUNCTION.format(n=n, k=draw.randrange(9, 40), c=draw.randrange(1, 1000), m=m,
                                       cases=cases, call=call))
    return "".join(parts) + f"int main(int argc, char **argv) {{ return f{functions - 1}(0, argc); }}\n"


def prepare_gcc(folder, ops):
    path = os.path.join(folder, "large.c")
    with open(path, "w", encoding="utf-8") as file:
        file.write(c_source(ops))
    # The compiler proper: what gcc itself does is start it.
    compiler = subprocess.run(["gcc", "-print-prog-name=cc1"], capture_output=True, text=True, check=True)
    return [compiler.stdout.strip(), "-quiet", "-O2", "-w", path, "-o", "/dev/null"]
