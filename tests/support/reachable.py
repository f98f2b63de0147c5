"""Programs and libraries for processes of other users, who may not come into the folder this was built in."""
import atexit
import os
import pwd
import shutil
import stat
import tempfile

_folder = None


def as_user(case, name):
    """What subprocess wants to run a server as that user where we are root; nothing where we are not. The case is
    skipped where there is no such user."""
    if os.geteuid() != 0:
        return {}
    try:
        user = pwd.getpwnam(name)
    except KeyError:
        case.skipTest(f"no user {name} to run the server as")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _open_to_all(path):
    path = os.path.realpath(path)
    if not os.stat(path).st_mode & stat.S_IROTH:
        return False
    while path != "/":
        path = os.path.dirname(path)
        if not os.stat(path).st_mode & stat.S_IXOTH:
            return False
    return True


def reachable(path):
    """The file itself, or a copy that everybody can read, which is removed at the end."""
    global _folder
    if _open_to_all(path):
        return path
    if _folder is None:
        _folder = tempfile.mkdtemp(prefix="hakmem-", dir="/tmp")
        atexit.register(shutil.rmtree, _folder, ignore_errors=True)
        os.chmod(_folder, 0o755)
    copy = shutil.copy(path, _folder)
    os.chmod(copy, 0o755)
    return copy
