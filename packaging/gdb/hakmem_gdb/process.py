"""What gdb knows of a process or a core: memory, threads, mappings; and how answers are written."""

import re

import gdb


# ---- memory ----

MOST_BYTES = 16 << 20  # more than any table of the library has


def read(address, size):
    """Bytes of the process. GdbError where it has none there, or where a damaged core asks for too many."""
    if size > MOST_BYTES:
        raise gdb.GdbError(f"damaged: a table of {size} bytes at {address:#x}")
    try:
        return bytes(gdb.selected_inferior().read_memory(address, size))
    except (gdb.MemoryError, OverflowError):
        raise gdb.GdbError(f"{size} bytes at {address:#x} cannot be read: not mapped, or not in this core") from None


def number_at(data, offset, size):
    return int.from_bytes(data[offset:offset + size], "little")


def read_number(address, size=8):
    return number_at(read(address, size), 0, size)


def read_text(address, most=64):
    """A string that ends in a NUL, byte by byte at the end of a mapping."""
    text = b""
    while len(text) < most and not text.endswith(b"\0"):
        text += read(address + len(text), 1)
    return text.rstrip(b"\0").decode("ascii", "replace")


def human(size):
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            return f"{size} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return ""


def plural(count, what):
    return f"{count} {what}{'' if count == 1 else 's'}"


def table(head, rows):
    """Columns aligned to the right, but for the last."""
    rows = [[str(cell) for cell in row] for row in [head] + rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    for row in rows:
        cells = [cell.rjust(width) for cell, width in zip(row[:-1], widths)]
        print("  ".join(cells + [row[-1]]).rstrip())


# ---- the process ----

def ask(command):
    """What gdb prints, in lines; none where it has an error to tell."""
    try:
        return gdb.execute(command, to_string=True).splitlines()
    except gdb.error:
        return []


def mappings():
    """(from, to, name) of each: from /proc, or from the lists of files and of segments in a core."""
    found = []
    for line in ask("info proc mappings"):
        numbers = re.findall(r"0x[0-9a-f]+", line)
        if len(numbers) >= 2:
            name = re.search(r"\s(/.*|\[.*\])$", line)
            found.append((int(numbers[0], 16), int(numbers[1], 16), name.group(1).strip() if name else ""))
    for line in ask("info files"):
        segment = re.match(r"\s*(0x[0-9a-f]+) - (0x[0-9a-f]+) is load", line)
        if segment:
            found.append((int(segment.group(1), 16), int(segment.group(2), 16), ""))
    return found


def why_no_library():
    """What is wrong where hakmem_description is not found."""
    read_files = [o.filename or "" for o in gdb.objfiles()]
    ours = [name for name in read_files if "libhakmem" in name]
    if ours:
        return f"{ours[0]} does not describe itself: it is older than this script"
    for _, _, name in mappings():
        if "libhakmem" in name:
            return (f"{name} is in the process, but gdb has not read that file. Does gdb have the program "
                    "('gdb PROGRAM CORE', 'file PROGRAM')? Is the library there ('help set sysroot', "
                    "'help set solib-search-path')?")
    return "no libhakmem in this process"


def description_address():
    if not gdb.selected_inferior().threads():
        raise gdb.GdbError("no process and no core: 'attach PID', 'core FILE' or 'run' first")
    try:
        said = gdb.execute("info address hakmem_description", to_string=True)
    except gdb.error:
        said = ""
    found = re.search(r"\bat (?:address )?(0x[0-9a-f]+)", said)
    if not found:
        raise gdb.GdbError(why_no_library())
    return int(found.group(1), 16)


def thread_pointer():
    """Of the selected thread; None where gdb does not know it."""
    for register in ("fs_base", "tpidr"):
        try:
            return int(gdb.newest_frame().read_register(register)) & 0xffffffffffffffff
        except (ValueError, gdb.error):
            pass
    return None


def thread_name(thread):
    lwp = thread.ptid[1] or thread.ptid[0]
    name = f' "{thread.name}"' if thread.name else ""
    return f"thread {thread.num} (LWP {lwp}{name})"


def for_each_thread(act):
    """act(thread) with each selected in turn; then what was selected is again."""
    before = gdb.selected_thread()
    frame = None
    try:
        frame = gdb.selected_frame()
    except gdb.error:
        pass
    try:
        for thread in sorted(gdb.selected_inferior().threads(), key=lambda t: t.num):
            thread.switch()
            act(thread)
    finally:
        if before is not None:
            before.switch()
        if frame is not None and frame.is_valid():
            frame.select()
