"""More suites: databases, which start servers as a user of their own, and stress-ng."""
import glob
import os
import re
import shutil
import subprocess

from harness import ELSEWHERE
from reachable import as_user
from suite import SOURCES, Missing, Suite


class Skip:
    """What as_user says where there is no such user."""

    @staticmethod
    def skipTest(why):
        raise Missing(why)


class Postgres(Suite):
    """The regression tests of the SQL language: some two hundred scripts, up to twenty at once."""

    name, package, source = "postgres", "postgresql", "postgresql"
    what = "the regression tests of SQL, initdb included, up to twenty connections at once (source package)"
    programs = ("postgres", "initdb", "psql", "gcc")

    def prepare(self):
        self.root = os.path.dirname(os.path.dirname(shutil.which("initdb", path=ELSEWHERE)))
        self.package = f"postgresql-{os.path.basename(self.root)}"
        self.tool = f"{self.root}/lib/pgxs/src/test/regress/pg_regress"
        if not os.path.exists(self.tool):
            raise Missing(f"{self.package.replace('-', '-server-dev-')} is not installed")
        self.more = as_user(Skip, "postgres")
        self.at, libraries = self.path("regress"), self.path("lib")
        shutil.copytree(os.path.join(SOURCES, self.source, "src", "test", "regress"), self.at)
        os.mkdir(libraries)
        say = lambda what: subprocess.run([f"{self.root}/bin/pg_config", what], capture_output=True, text=True,
                                          check=True).stdout.strip()
        subprocess.run(["gcc", "-w", "-O1", "-fPIC", "-shared", "-I" + say("--includedir-server"),
                        "-I" + say("--includedir"), "-o", f"{libraries}/regress.so", f"{self.at}/regress.c"],
                       check=True)
        for name in ("refint.so", "autoinc.so"):
            shutil.copy(os.path.join(say("--pkglibdir"), name), libraries)
        if self.more:
            for path in glob.glob(f"{self.folder}/**", recursive=True):
                os.chown(path, self.more["user"], self.more["group"])
            os.chown(self.folder, self.more["user"], self.more["group"])

    def units(self):
        return ["regress"]

    def execute(self, group, preloaded):
        shutil.rmtree(self.path("instance"), ignore_errors=True)
        return self.command([self.tool, f"--temp-instance={self.path('instance')}", f"--bindir={self.root}/bin",
                             "--inputdir=.", "--outputdir=.", f"--dlpath={self.path('lib')}", "--no-locale",
                             "--schedule=parallel_schedule", "--max-concurrent-tests=20"],
                            preloaded, cwd=self.at, **self.more)

    def read(self, group, output):
        return {f"regress: {m[1]}": "ok" if m[2] == "ok" else "failed"
                for m in re.finditer(r"^(?:test)? +(\w+) +\.\.\. (ok|FAILED|failed)", output, re.M)}


class MariaDB(Suite):
    """A choice of the packaged suite: queries, many connections, InnoDB, temporary tables, stored programs, JSON."""

    name, package = "mariadbd", "mariadb-test"
    what = "a choice of the packaged suite: queries, many connections, InnoDB, stored programs, JSON"
    programs = ("mariadbd", "mariadb", "perl")
    at = "/usr/share/mysql/mysql-test"
    tests = """
        main.alias main.alter_table main.analyze main.bigint main.blob_sj_test main.cast main.commit_1innodb
        main.compress main.connect main.count_distinct main.create main.ctype_utf8 main.cte_recursive main.delete
        main.derived main.distinct main.events_1 main.explain main.fulltext main.func_gconcat main.func_group
        main.func_json main.func_math main.func_str main.func_time main.gis main.greedy_optimizer main.group_by
        main.group_min_max main.handlersocket main.having main.information_schema main.innodb_mrr_cpk main.insert
        main.insert_select main.join main.join_cache main.join_outer main.key_cache main.kill main.limit main.loaddata
        main.lock main.log_tables main.merge main.multi_update main.myisam main.myisampack main.mysqldump main.null
        main.olap main.order_by main.parser main.partition main.partition_innodb main.ps main.ps_1general
        main.query_cache main.range main.repair main.rowid_filter main.select main.sp main.sp-security
        main.sp_stress_case main.statistics main.status main.strict main.subselect main.subselect_innodb
        main.subselect_sj main.table_elim main.temp_table main.trigger main.truncate main.type_blob main.type_datetime
        main.type_varchar main.union main.update main.user_var main.variables main.view main.win main.xa main.xml
        innodb.innodb
        innodb.alter_table innodb.blob-crash innodb.foreign_key innodb.innodb-index innodb.innodb_bug30423
        innodb.innodb_mysql innodb.innodb-lock innodb.innodb_buffer_pool_resize innodb.innodb_bulk_create_index
        innodb.temporary_table innodb.truncate innodb.purge innodb.insert_debug json.json_no_table
        """

    def prepare(self):
        if not os.path.exists(f"{self.at}/mariadb-test-run.pl"):
            raise Missing("mariadb-test is not installed")
        self.more = as_user(Skip, "mysql")
        if self.more:
            os.chown(self.folder, self.more["user"], self.more["group"])

    def units(self):
        have = lambda suite, test: any(os.path.exists(f"{self.at}/{folder}/{test}.test")
                                       for folder in (suite, f"suite/{suite}/t"))
        return [t for t in self.tests.split() if have(*t.split("."))]

    def groups(self, units):
        return [units]

    def execute(self, group, preloaded):
        shutil.rmtree(self.path("var"), ignore_errors=True)
        return self.command(["perl", f"{self.at}/mariadb-test-run.pl", f"--vardir={self.path('var')}",
                             f"--tmpdir={self.path('t')}", "--force", "--max-test-fail=0", "--retry=0", "--parallel=2",
                             "--suite-timeout=60", "--testcase-timeout=10", *group],
                            preloaded, cwd=self.at, **self.more)

    def read(self, group, output):
        results = {"pass": "ok", "fail": "failed", "skipped": "skipped"}
        return {f"{m[1]}: {m[2] or 'all'}": results[m[3]] for m in
                re.finditer(r"^(\w+\.[\w.-]+)(?: +'([^']*)')? +(?:w\d+ +)?\[ (pass|fail|skipped) \]", output, re.M)}


class StressNg(Suite):
    """A number of rounds of each, never a number of seconds; each verifies what it can.

    Not brk: it writes below where the program's break was at first, and relies on malloc to have memory there.
    """

    name = package = "stress-ng"
    what = "its malloc, mmap, fork, thread and data structure stressors, verified, a number of rounds each"
    programs = ("stress-ng",)
    rounds = {
        "malloc": 20000, "malloc-bytes": 0, "malloc-thresh": 0, "malloc-trim": 0, "mmap": 0,
        "mmapmany": 4, "mremap": 0, "fork": 4000, "vfork": 4000, "clone": 40, "pthread": 400,
        "daemon": 200, "exec": 300, "vm": 2000, "list": 20, "tree": 3, "skiplist": 100, "hsearch": 100,
        "tsearch": 3, "lsearch": 1, "bsearch": 50, "qsort": 5, "heapsort": 3, "mergesort": 3, "judy": 2,
        "sparsematrix": 8, "str": 1500, "wcs": 300, "zlib": 5, "memfd": 2, "mlock": 500, "madvise": 6, "msync": 40,
        "full": 300, "vm-splice": 500, "dynlib": 100, "hash": 2000, "crypt": 20,
        "shm": 20, "futex": 20000, "sigsegv": 4000, "sigabrt": 500, "sigchld": 3000,
        "context": 500, "env": 40, "remap": 5, "stackmmap": 5, "zombie": 500,
    }
    options = {
        "malloc-bytes": ["--malloc", "2", "--malloc-ops", "400", "--malloc-bytes", "4m", "--malloc-max", "200",
                         "--malloc-touch"],
        "malloc-thresh": ["--malloc", "2", "--malloc-ops", "30000", "--malloc-thresh", "4096",
                          "--malloc-pthreads", "4"],
        "malloc-trim": ["--malloc", "2", "--malloc-ops", "50000", "--malloc-zerofree", "--malloc-pthreads", "2"],
        "mremap": ["--mremap", "2", "--mremap-ops", "100", "--mremap-bytes", "4m"],
        "mmap": ["--mmap", "2", "--mmap-ops", "40", "--mmap-bytes", "8m"],
        "vm": ["--vm", "2", "--vm-ops", "2000", "--vm-bytes", "64m"],
    }

    def units(self):
        return [unit for unit, count in self.rounds.items() if count or unit in self.options]

    def execute(self, group, preloaded):
        unit = group[0]
        words = self.options.get(unit) or ["--" + unit, "2", f"--{unit}-ops", str(self.rounds[unit])]
        return self.command(["stress-ng", "--verify", "--metrics-brief", "--oomable", "--temp-path", self.folder,
                             "--timeout", "600", *words], preloaded)

    def read(self, group, output):
        cases = {f"{group[0]}: {m[2]}": "failed" for m in
                 re.finditer(r"(fail|error): +\[\d+\] (.*?)\s*$", output, re.M)}
        return {**cases, f"{group[0]}: no failure": "failed" if cases else "ok"}
