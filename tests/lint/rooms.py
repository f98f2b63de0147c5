"""The rooms of each floor: what a room holds, which rooms it may use, and the exceptions with their reasons.

check_includes.py holds includes against this table, check_calls.py holds what the linker sees against it. A file of
the floor's own folder is in the room "." of the floor.
"""

import pathlib

# Room: the rooms of its floor that it may use, beside itself. The first rooms are the lowest.
ROOMS = {
    "lib": {
        "include": set(),
        "base": set(),
        "os": {"base"},
        "arena": {"base", "os"},
        "foreign": {"base", "os", "arena"},
        "heap": {"base", "os", "arena"},
        "tuning": {"base", "os", "arena", "heap"},
        "publish": {"base", "os", "arena", "heap", "tuning"},
        "harden": {"base", "os", "arena", "foreign", "heap", "tuning"},
        "entry": {"include", "base", "os", "arena", "foreign", "heap", "tuning", "publish", "harden"},
        "jemalloc": {"include", "base", "os", "arena", "heap", "tuning", "harden", "entry"},
    },
    "daemon": {
        "base": set(),
        "sources": {"base"},
        "model": {"base", "sources"},
        "tuning": {"base", "model"},
        "intake": {"base", "sources", "model", "tuning"},
        "control": {"base", "sources", "model", "tuning"},
        ".": {"base", "sources", "model", "tuning", "intake", "control"},
    },
    "ctl": {
        "base": set(),
        "client": {"base"},
        "program": {"base"},
        "render": {"base"},
        "service": {"base", "program"},
        "doctor": {"base", "client", "program", "render", "service"},
        ".": {"base", "client", "program", "render", "service", "doctor"},
    },
    "shm": {".": set()},
    "config": {".": set()},
}

# A ring that is still to be cut: the number of these only falls.
RING = "a ring that is still to be cut"
# (a file, what it may include although its room may not): why.
ALLOWANCES = {
    ("daemon/control/methods.c", "daemon/daemon.h"): RING,
    ("daemon/control/pending_replies.c", "daemon/daemon.h"): RING,
    ("daemon/control/report.c", "daemon/daemon.h"): RING,
    ("daemon/control/report_info.c", "daemon/daemon.h"): RING,
    ("daemon/control/report_process.c", "daemon/daemon.h"): RING,
    ("daemon/control/server.c", "daemon/daemon.h"): RING,
    ("daemon/control/subscribe.c", "daemon/daemon.h"): RING,
    ("daemon/control/tuning_methods.c", "daemon/daemon.h"): RING,
    ("daemon/intake/admission.c", "daemon/daemon.h"): RING,
    ("daemon/intake/area_claims.c", "daemon/daemon.h"): RING,
    ("daemon/intake/hello_socket.c", "daemon/daemon.h"): RING,
    ("daemon/model/family.c", "daemon/daemon.h"): RING,
    ("daemon/model/family.c", "daemon/intake/area_claims.h"): RING,
    ("daemon/model/family.c", "daemon/tuning/tuning_writer.h"): RING,
    ("daemon/model/process.c", "daemon/daemon.h"): RING,
    ("daemon/model/process.c", "daemon/intake/area_claims.h"): RING,
    ("daemon/model/process.c", "daemon/tuning/tuning_writer.h"): RING,
    ("daemon/model/registry.h", "daemon/tuning/tuning_requests.h"): RING,
    ("daemon/model/sampler.c", "daemon/tuning/tuning_writer.h"): RING,
    ("daemon/model/sampler.h", "daemon/daemon.h"): RING,
    ("daemon/tuning/family_group.c", "daemon/daemon.h"): RING,
    ("daemon/tuning/tuning_writer.c", "daemon/daemon.h"): RING,
    ("lib/arena/slab.c", "lib/harden/intercept.h"): RING,
    ("lib/arena/superslab_state.c", "lib/harden/intercept.h"): RING,
    ("lib/base/verify.h", "lib/heap/heap.h"): RING,
    ("lib/entry/fork.c", "lib/jemalloc/mallctl.h"): RING,
    ("lib/foreign/foreign.c", "lib/entry/alloc.h"): RING,
    ("lib/foreign/other_allocators.c", "lib/tuning/control.h"): RING,
    ("lib/harden/harden.c", "lib/entry/alloc.h"): RING,
    ("lib/harden/intercept.c", "lib/entry/alloc.h"): RING,
    ("lib/harden/intercept.c", "lib/entry/init.h"): RING,
    ("lib/heap/bin.c", "lib/publish/publish.h"): RING,
    ("lib/heap/bin.c", "lib/tuning/control.h"): RING,
    ("lib/heap/bin_flush.c", "lib/publish/publish.h"): RING,
    ("lib/heap/bin_flush.c", "lib/tuning/control.h"): RING,
    ("lib/heap/heap.c", "lib/entry/init.h"): RING,
    ("lib/heap/heap.c", "lib/harden/intercept.h"): RING,
    ("lib/heap/heap.c", "lib/publish/publish.h"): RING,
    ("lib/heap/heap.c", "lib/tuning/control.h"): RING,
    ("lib/heap/totals.c", "lib/harden/quarantine.h"): RING,
    ("lib/heap/totals.c", "lib/tuning/control.h"): RING,
    ("lib/publish/tuning_reader.c", "lib/harden/harden_live.h"): RING,
    ("lib/tuning/control.c", "lib/harden/harden_live.h"): RING,
    ("lib/tuning/control.c", "lib/publish/publish.h"): RING,
    ("lib/tuning/control.c", "lib/publish/tuning_reader.h"): RING,
    ("lib/tuning/control.h", "lib/entry/fork.h"): RING,
    ("lib/tuning/control.h", "lib/publish/tuning_reader.h"): RING,
}


def room(name):
    """The floor and the room of a file, given by its path from the top."""
    parts = pathlib.PurePosixPath(name).parts
    return parts[0], parts[1] if len(parts) > 2 else "."


def allowed(name, target):
    """Whether the table lets a file use another of its floor, without an exception."""
    (floor, own), (_, other) = room(name), room(target)
    return own == other or other in ROOMS[floor][own]
