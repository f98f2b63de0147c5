"""A test that leaves no process behind, however it ends: by itself, killed in the middle, or with its server killed.

Servers start workers, workers are left by their masters, and some go into sessions of their own. So the test runs
below a keeper, which the system gives all processes that lose their parent below it (PR_SET_CHILD_SUBREAPER). When the
test is gone, the keeper ends what is left. It ends the test and the rest when the process that began is killed, of
which the system tells it (PR_SET_PDEATHSIG). That process is a keeper too, in case the first one is killed.
"""
import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
SIGNALS = {signal.SIGTERM, signal.SIGCHLD}

_libc = ctypes.CDLL(None, use_errno=True)


def _prctl(option, value):
    if _libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        sys.exit(f"prctl({option}): {os.strerror(ctypes.get_errno())}")


def _descendants():
    """All of them, those that have ended and were not waited for left out."""
    children = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as f:
                state, parent = f.read().rpartition(")")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if state not in ("Z", "X"):
            children.setdefault(int(parent), []).append(int(name))
    found = [os.getpid()]
    for pid in found:
        found += children.get(pid, [])
    return found[1:]


def _end_descendants():
    """One that is killed may have had a child a moment before: that comes to us, and is found the next time."""
    while True:
        ours = False
        for pid in _descendants():
            try:
                os.kill(pid, signal.SIGKILL)
                ours = True
            except ProcessLookupError:
                ours = True
            except PermissionError:  # another user's, by a set-user-ID bit
                pass
        try:
            if not ours:
                return
            os.waitpid(-1, 0)
            while os.waitpid(-1, os.WNOHANG)[0] != 0:
                pass
        except ChildProcessError:
            return


def _keep(child):
    """Waits for the child, or for the word to end; ends all that is left. The child's exit status."""
    status = None
    while status is None:
        word = signal.sigwait(SIGNALS)
        try:
            while True:
                pid, ended = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    break
                if pid == child:
                    status = ended
        except ChildProcessError:
            break
        if word == signal.SIGTERM:
            break
    _end_descendants()
    if status is None:
        return 128 + signal.SIGTERM
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)


def _fork(word):
    """As os.fork(), but the child gets that signal when the parent ends."""
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        _prctl(PR_SET_PDEATHSIG, word)
        if os.getppid() != parent:
            os._exit(1)
    return child


def begin():
    """Returns in a process below two keepers, which end with its exit status. To be called once, without threads."""
    sys.stdout.flush()
    sys.stderr.flush()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's is the test's to answer
    for word in (signal.SIGTERM, signal.SIGKILL):
        _prctl(PR_SET_CHILD_SUBREAPER, 1)
        child = _fork(word)
        if child != 0:
            os._exit(_keep(child))
    signal.signal(signal.SIGINT, interrupt)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
