"""The test suites of languages and of servers that need no database."""
import os
import re
import shutil
import subprocess

from suite import SOURCES, Missing, Suite


class CPython(Suite):
    """Its own allocator is switched off both times, so that the runs differ by the library alone."""

    name, package = "python3", "libpython3-testsuite"
    what = "Debian's test package: some hundred modules, all that allocate, fork, start threads or call C much"
    python = "/usr/bin/python3"
    modules = """
        array ast asyncio atexit buffer builtin bytes bz2 call capi class codecs collections compile
        concurrent_futures context copy coroutines csv ctypes decimal deque descr dict difflib embed exceptions
        faulthandler fcntl file fileio fork1 format fractions functools gc generators global gzip hashlib heapq hmac
        importlib inspect int io iter itertools json largefile list logging long lzma marshal math memoryio memoryview
        mmap multiprocessing_fork multiprocessing_forkserver multiprocessing_spawn operator ordered_dict os pickle
        picklebuffer poll popen posix pty pyexpat queue random re repl resource runpy select selectors set shelve
        signal socket socketserver sort sqlite3 ssl statistics str struct subprocess super syntax sys sys_settrace
        tarfile tempfile thread threadedtempfile threading threading_local threadsignals tracemalloc traceback tuple
        types unicode unicodedata userdict utf8_mode wait3 wait4 weakref weakset xml_etree xml_etree_c zipfile zlib
        """

    def __init__(self):
        done = subprocess.run([self.python, "-m", "test", "--list-tests"], capture_output=True, text=True, check=False)
        self.known = set(done.stdout.split())
        said = subprocess.run([self.python, "-c", "import sys; print(*sys.version_info[:2], sep='.')"],
                              capture_output=True, text=True, check=False)
        self.package = f"libpython{said.stdout.strip()}-testsuite"
        if not self.known:
            raise Missing(f"{self.package} is not installed")
        super().__init__()

    def units(self):
        return [f"test_{word}" for word in self.modules.split() if f"test_{word}" in self.known]

    def execute(self, group, preloaded):
        return self.command([self.python, "-m", "test", "-v", *group], preloaded,
                            env={"PYTHONMALLOC": "malloc", "PYTHONDONTWRITEBYTECODE": "1"})

    def read(self, group, output):
        cases = {f"{group[0]}: {m[1]} {m[2]}": "ok" for m in re.finditer(r"^(\w+) \(([\w.]+)\)", output, re.M)}
        for m in re.finditer(r"^(?:FAIL|ERROR): (\w+) \(([\w.]+)\)", output, re.M):
            cases[f"{group[0]}: {m[1]} {m[2]}"] = "failed"
        return cases


class Perl(Suite):
    """The core's tests, with the packaged perl and its modules in the place of what they were made for."""

    name = package = source = "perl"
    what = "the core's t/ folders base, comp, cmd, io, opbasic, op, mro, uni, re (source package, installed perl)"
    programs = ("perl",)
    folders = ("base", "comp", "cmd", "io", "opbasic", "op", "mro", "uni", "re")

    def prepare(self):
        source, to = os.path.join(SOURCES, "perl"), self.path("core")
        shutil.copytree(os.path.join(source, "t"), os.path.join(to, "t"), symlinks=True)
        for name in ("TestInit.pm", "MANIFEST"):
            shutil.copy(os.path.join(source, name), to)
        says = subprocess.run(["perl", "-MConfig", "-e", 'print "@Config{qw(privlib archlib)}"'], capture_output=True,
                              text=True, check=True).stdout.split()
        base = os.path.join(os.path.dirname(os.path.realpath(says[1])), "perl-base")
        for folder in (*says, base):
            subprocess.run(["cp", "-rsn", os.path.realpath(folder) + "/.", os.path.join(to, "lib")], check=False,
                           capture_output=True)
        for name in ("perl", "t/perl"):
            os.symlink(shutil.which("perl"), os.path.join(to, name))

    def units(self):
        core = self.path("core", "t")
        return [f"{f}/{name}" for f in self.folders for name in sorted(os.listdir(os.path.join(core, f)))
                if name.endswith(".t")]

    def groups(self, units):
        made = {}
        for unit in units:
            made.setdefault(unit.split("/")[0], []).append(unit)
        return list(made.values())

    def execute(self, group, preloaded):
        return self.command(["./perl", "TEST", *group], preloaded, cwd=self.path("core", "t"))

    def read(self, group, output):
        cases = {}
        for m in re.finditer(r"^t/(\S+) \.+ ?(.*)$", output, re.M):
            result = "skipped" if m[2].startswith("skipped") else "ok" if m[2].endswith("ok") else "failed"
            cases[f"{m[1]}.t: all"] = result
        return cases


class Php(Suite):
    """With the extensions that its packages enable, which Debian 12's loads with RTLD_DEEPBIND. A unit is a folder."""

    name = source = "php"
    what = "the .phpt files of Zend, tests and the extensions that Debian enables (source package, installed php)"
    programs = ("php",)
    folders = ("Zend", "tests", "ext/standard", "ext/mbstring", "ext/spl", "ext/date", "ext/dom", "ext/pdo_sqlite",
               "ext/sqlite3", "ext/json", "ext/pcre", "ext/reflection", "ext/intl", "ext/gd", "ext/opcache",
               "ext/simplexml", "ext/xml", "ext/xmlreader", "ext/xmlwriter", "ext/ctype", "ext/tokenizer")

    def prepare(self):
        self.at = self.copy_source()

    def version(self):
        number = subprocess.run(["php", "-n", "-r", "echo PHP_MAJOR_VERSION . '.' . PHP_MINOR_VERSION;"],
                                capture_output=True, text=True, check=True).stdout
        self.package = f"php{number}-cli"
        return super().version()

    def units(self):
        return [folder for folder in self.folders if os.path.isdir(os.path.join(self.at, folder))]

    def execute(self, group, preloaded):
        result = self.path("result")
        status, output = self.command(["php", "-d", "memory_limit=512M", "run-tests.php", "-q", "--set-timeout", "300",
                                       "-W", result, group[0]], preloaded, cwd=self.at,
                                      env={"TEST_PHP_EXECUTABLE": shutil.which("php"), "NO_INTERACTION": "1",
                                           "SKIP_ONLINE_TESTS": "1", "SKIP_SLOW_TESTS": "1"})
        with open(result, encoding="utf-8") as lines:
            return status, lines.read() + "\n" + output

    def read(self, group, output):
        results = {"PASSED": "ok", "FAILED": "failed", "BORKED": "failed", "LEAKED": "failed"}
        return {f"{group[0]}: {m[2]}": results.get(m[1], "skipped") for m in
                re.finditer(r"^([A-Z]+)\t(\S+\.phpt)$", output, re.M)}


class Tcl(Suite):
    name, package, source = "tclsh", "tcl8.6", "tcl8.6"
    what = "the core's tests but those of Windows and macOS (source package, installed tclsh)"
    programs = ("tclsh8.6",)

    def prepare(self):
        self.tests = os.path.join(self.copy_source(), "tests")

    def units(self):
        return [name for name in sorted(os.listdir(self.tests))
                if name.endswith(".test") and not name.startswith(("win", "macOSX"))]

    def execute(self, group, preloaded):
        return self.command(["tclsh8.6", group[0], "-verbose", "bpse"], preloaded, cwd=self.tests)

    def read(self, group, output):
        cases = {f"{group[0]}: {m[1]}": "ok" for m in re.finditer(r"\+\+\+\+ (\S+) PASSED", output)}
        cases.update({f"{group[0]}: {m[1]}": "skipped" for m in re.finditer(r"\+\+\+\+ (\S+) SKIPPED", output)})
        cases.update({f"{group[0]}: {m[1]}": "failed" for m in re.finditer(r"^==== (\S+) .*FAILED", output, re.M)})
        return cases


class Ruby(Suite):
    name, package, source = "ruby", "ruby", "ruby"
    what = ("the language's tests of memory, strings, threads, fibers, processes, input and output, and of its C "
            "extensions (source package)")
    programs = ("ruby",)
    tests = """
        ruby/test_alias ruby/test_array ruby/test_bignum ruby/test_class ruby/test_continuation ruby/test_encoding
        ruby/test_enumerator ruby/test_exception ruby/test_fiber ruby/test_file ruby/test_float ruby/test_gc
        ruby/test_gc_compact ruby/test_hash ruby/test_integer ruby/test_io ruby/test_io_buffer ruby/test_iterator
        ruby/test_lazy_enumerator ruby/test_m17n ruby/test_marshal ruby/test_method ruby/test_module
        ruby/test_objectspace
        ruby/test_optimization ruby/test_pack ruby/test_parse ruby/test_proc ruby/test_process ruby/test_rand
        ruby/test_refinement ruby/test_regexp ruby/test_settracefunc ruby/test_signal ruby/test_sprintf ruby/test_string
        ruby/test_struct ruby/test_symbol ruby/test_syntax ruby/test_thread ruby/test_thread_cv ruby/test_thread_queue
        ruby/test_time ruby/test_transcode ruby/test_weakmap ruby/test_yield digest fiddle json monitor objspace openssl
        psych ripper socket stringio strscan zlib
        """

    def prepare(self):
        self.at = self.copy_source()

    def units(self):
        there = lambda t: os.path.exists(os.path.join(self.at, "test", t))
        return [t if there(t) else t + ".rb" for t in self.tests.split() if there(t) or there(t + ".rb")]

    def execute(self, group, preloaded):
        return self.command(["ruby", "--disable=gems", "test/runner.rb", "-v", "--excludes-dir=test/excludes",
                             "test/" + group[0]], preloaded, cwd=self.at)

    def read(self, group, output):
        cases = {f"{group[0]}: {m[1]}": "ok" for m in re.finditer(r"^\[ *\d+/\d+\] (\S+)", output, re.M)}
        for m in re.finditer(r"^ *\d+\) (Skipped|Failure|Error|Timeout):\n(\S+?)(?: \[|:$)", output, re.M):
            cases[f"{group[0]}: {m[2]}"] = "skipped" if m[1] == "Skipped" else "failed"
        return cases


class Redis(Suite):
    name, package, source = "redis-server", "redis-server", "redis"
    what = "its unit and integration tests but TLS, cluster and modules (source package, packaged server)"
    programs = ("redis-server", "redis-cli", "redis-benchmark", "tclsh8.6")
    left_out = ("unit/printver", "unit/tls", "unit/cluster", "unit/moduleapi", "integration/corrupt-dump-fuzzer",
                "integration/convert", "integration/psync2", "integration/replication-4")

    def prepare(self):
        self.at = self.copy_source()
        for name in ("server", "cli", "benchmark", "check-aof", "check-rdb", "sentinel"):
            os.symlink(shutil.which(f"redis-{name}") or shutil.which("redis-server"),
                       os.path.join(self.at, "src", f"redis-{name}"))

    def units(self):
        tests = os.path.join(self.at, "tests")
        found = [os.path.relpath(os.path.join(root, name), tests)[:-4] for top in ("unit", "integration")
                 for root, _, names in os.walk(os.path.join(tests, top)) for name in names if name.endswith(".tcl")]
        return sorted(unit for unit in found if not unit.startswith(self.left_out))

    def execute(self, group, preloaded):
        status, output = self.command(["tclsh8.6", "tests/test_helper.tcl", "--clients", "1", "--timeout", "600",
                                       "--single", group[0]], preloaded, cwd=self.at)
        return status, re.sub(r"\x1b\[[0-9;]*m", "", output)

    def read(self, group, output):
        results = {"ok": "ok", "err": "failed", "exception": "failed", "skip": "skipped", "ignore": "skipped"}
        return {f"{group[0]}: {m[2]}": results[m[1]] for m in
                re.finditer(r"^\[(ok|err|exception|skip|ignore)\]: (.*?)(?: \(\d+ ms\)| in tests/.*)?$", output, re.M)}


class Memcached(Suite):
    """Its tests want a server that takes an option which only the debugging one has."""

    name = package = source = "memcached"
    what = "all of t/ (source package, packaged server)"
    programs = ("memcached", "perl", "gcc")
    server = """#!/bin/bash
words=()
while [[ $# -gt 0 ]]; do
    if [[ "$1 ${2-}" == "-o relaxed_privileges" ]]; then shift; else words+=("$1"); fi
    shift
done
exec memcached "${words[@]}"
"""

    def prepare(self):
        self.at = self.copy_source()
        with open(os.path.join(self.at, "memcached-debug"), "w", encoding="utf-8") as f:
            f.write(self.server)
        os.chmod(f.name, 0o755)
        subprocess.run(["gcc", "-w", "-o", "timedrun", "timedrun.c"], cwd=self.at, check=True)

    def units(self):
        return sorted(name for name in os.listdir(os.path.join(self.at, "t")) if name.endswith(".t"))

    def execute(self, group, preloaded):
        return self.command(["perl", "-It/lib", "t/" + group[0]], preloaded, cwd=self.at)

    def read(self, group, output):
        return {f"{group[0]}: {m[2]}": "failed" if m[1] else "ok" for m in
                re.finditer(r"^(not )?ok (\d+)", output, re.M)}
