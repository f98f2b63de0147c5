"""A Debian root to boot: made with debootstrap out of the archive that this host itself is set up for, and kept.

No host name stands here: mirror, release and proxy are what apt says they are.
"""
import os
import re
import shutil
import subprocess

# An init, the service that is preloaded, what the packages depend on, and perl (always there) as a crowd. Of several
# names, the first that the release has.
PACKAGES = ("systemd", "systemd-sysv", "libpam-systemd", "dbus", "procps", "redis-server", "libuv1t64/libuv1",
            "libcjson1", "libsystemd0")


def release():
    with open("/etc/os-release", encoding="utf-8") as file:
        for line in file:
            name, _, value = line.strip().partition("=")
            if name == "VERSION_CODENAME":
                return value.strip('"')
    raise RuntimeError("/etc/os-release names no release")


def packages():
    """Their names in this host's release, which is the root's."""
    names = [name for row in PACKAGES for name in row.split("/")]
    said = subprocess.run(["apt-cache", "policy", *names], capture_output=True, text=True, check=True,
                          env={**os.environ, "LC_ALL": "C"}).stdout
    known = set(re.findall(r"^(\S+):\n.*\n  Candidate: (?!\(none\))", said, re.M))
    return [next((name for name in row.split("/") if name in known), row.split("/")[0]) for row in PACKAGES]


def mirror(codename):
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(COMPONENT)", "Identifier: Packages"]
    for line in subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines():
        uri, *rest = line.split()
        if rest == [codename, "main"]:
            return uri
    raise RuntimeError(f"apt knows no archive for {codename}: no deb line, or apt-get update never ran")


def setting(name):
    """The value of a setting of this host's apt, or an empty text."""
    said = subprocess.run(["apt-config", "shell", "value", name], capture_output=True, text=True, check=True).stdout
    return said.strip()[len("value='"):-1] if said.startswith("value='") else ""


def proxies():
    """Environment by which debootstrap's downloads go where apt's go."""
    found = {f"{scheme}_proxy": setting(f"Acquire::{scheme}::Proxy") for scheme in ("http", "https")}
    return {name: value for name, value in found.items() if value}


def apt_settings():
    """Lines for the apt of a root, by which it reaches what this host's apt reaches."""
    names = ("Acquire::http::Proxy", "Acquire::https::Proxy", "Acquire::Check-Valid-Until", "Acquire::Check-Date")
    return "".join(f'{name} "{value}";\n' for name in names if (value := setting(name)))


def make(folder, say):
    """The pristine root below folder, made if it is not there or was made of other packages."""
    root, stamp = os.path.join(folder, "root"), os.path.join(folder, "root.stamp")
    codename = release()
    names = packages()
    wanted = " ".join((codename, *names)) + "\n"
    try:
        with open(stamp, encoding="utf-8") as file:
            if file.read() == wanted and os.path.isdir(root):
                return root
    except FileNotFoundError:
        pass
    uri = mirror(codename)
    say(f"debootstrap {codename} {uri}")
    shutil.rmtree(root, ignore_errors=True)
    os.makedirs(folder, exist_ok=True)
    # In a mount namespace of its own: what it mounts in the root must be nowhere else, and gone however it ends.
    command = ["unshare", "--mount", "debootstrap", "--variant=minbase", "--include=" + ",".join(names), codename,
               root, uri]
    log = os.path.join(folder, "debootstrap.log")
    with open(log, "wb") as out:
        subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, check=True, env={**os.environ, **proxies()},
                       timeout=1800)
    with open(stamp, "w", encoding="utf-8") as file:
        file.write(wanted)
    return root
