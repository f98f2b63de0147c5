"""A program's test suite: what its parts are, how a part is run and how its output is read."""
import os
import re
import shutil
import signal
import subprocess
import tempfile

from harness import ELSEWHERE, Case

SOURCES = os.environ.get("HAKMEM_SOURCES") or os.path.join(os.environ["HAKMEM_BUILD"], "sources")

# A hang ends here.
DEADLINE_S = 1800

SUITES = {}


class Missing(Exception):
    """What a suite needs is not installed."""


class Suite:
    """name: how it is called; package: whose version is shown; programs: what has to be there; source: the source
    package whose tests these are, where the packages contain none; what: what of it is run, for the table
    in docs/compatibility.md."""

    name = package = source = what = None
    programs = ()

    def __init_subclass__(cls):
        if cls.name:
            SUITES[cls.name] = cls

    def __init__(self):
        for program in self.programs:
            if not (shutil.which(program) or shutil.which(program, path=ELSEWHERE)):
                raise Missing(f"{program} is not installed")
        if self.source and not os.path.isfile(os.path.join(SOURCES, self.source, ".whole")):
            raise Missing(f"no source of {self.source} in {SOURCES}: tests/preload/sources.sh {SOURCES} fetches it")
        # Servers of other users work in it.
        self.folder = tempfile.mkdtemp(prefix="hksuite-", dir="/tmp")
        os.chmod(self.folder, 0o755)
        self.last_output, self.said = "", {}
        self.prepare()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def copy_source(self):
        """The source, for a suite that writes into it."""
        shutil.copytree(os.path.join(SOURCES, self.source), self.path("source"), symlinks=True)
        return self.path("source")

    def version(self):
        done = subprocess.run(["dpkg-query", "-W", "-f=${Version}", self.package], capture_output=True, text=True,
                              check=False)
        return done.stdout or "(not a package)"

    def prepare(self):
        pass

    def units(self):
        raise NotImplementedError

    def groups(self, units):
        """Units that one command runs."""
        return [[unit] for unit in units]

    def run(self, group, preloaded):
        """What each case came to: ok, failed or skipped. A case's name begins with its unit and a colon."""
        status, output = self.execute(group, preloaded)
        self.last_output = output
        cases = self.read(group, output)
        if len(group) == 1:
            cases[f"{group[0]}: exit status"] = "ok" if status == 0 else "failed"
        if preloaded:
            self.said.update(dict.fromkeys(group, f"exit status {status}\n{output}"))
        return cases

    def execute(self, group, preloaded):
        raise NotImplementedError

    def read(self, group, output):
        raise NotImplementedError

    @staticmethod
    def unit_of(case):
        return case.split(": ", 1)[0]

    def said_of(self, case):
        """What its unit said with the library, from the first mention of the case on."""
        said = self.said.get(self.unit_of(case), "")
        at = said.find(case.split(": ", 1)[1])
        return said[max(at - 200, 0):][:4000] if at >= 0 else said[-4000:]

    def command(self, command, preloaded, cwd=None, env=None, **more):
        """Exit status and output, of all that the command started: what hangs is ended with its whole group."""
        with tempfile.TemporaryFile(dir=self.folder) as output:
            process = subprocess.Popen(command, env=Case.environment(preloaded, HOME=self.folder, TMPDIR=self.folder,
                                                                     **(env or {})),
                                       cwd=cwd or self.folder, stdin=subprocess.DEVNULL, stdout=output,
                                       stderr=subprocess.STDOUT, start_new_session=True, **more)
            try:
                status = process.wait(DEADLINE_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                status = "none: it hung"
            output.seek(0)
            return status, output.read().decode("utf-8", "replace")
