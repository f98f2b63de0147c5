"""The commands, as gdb has them."""

import gdb

from .library import Heap, Library
from .process import human, number_at, plural, read, read_number, read_text, table, thread_name
from .what import What


def sum_by_class(lib, heaps):
    """For each class: slabs, places in them, blocks that are out, blocks in bins."""
    sums = [[0, 0, 0, 0] for _ in lib.classes]
    for slab in lib.all_small_slabs():
        row = sums[slab.size_class]
        row[0] += 1
        row[1] += slab.capacity
        row[2] += slab.out
    for heap in heaps:
        for one in heap.bins:
            sums[one.size_class][3] += one.blocks
    return sums


class HakmemCommand(gdb.Command):
    """hakmem's heap: which thread has what, and what a pointer is.

Works on live processes and on cores. Nothing is changed, and no debug information is needed; the file of libhakmem.so
must be the one that the process had."""

    def __init__(self):
        super().__init__("hakmem", gdb.COMMAND_DATA, gdb.COMPLETE_NONE, True)


class InfoCommand(gdb.Command):
    """hakmem info: version, totals of the process, tunables in force.

A tunable that has its default is marked with a dot."""

    def __init__(self):
        super().__init__("hakmem info", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        no_argument("info", argument)
        lib = Library()
        print(f"hakmem {lib.version}, process {gdb.selected_inferior().pid}, described at {lib.at:#x}")
        lib.must_be_in_use()
        heaps = lib.all_heaps()
        sums = sum_by_class(lib, heaps)
        size = [bytes_of for bytes_of, _ in lib.classes]
        live = sum(row[2] - row[3] for row in sums)
        print(f"  window     {lib.base:#x}, {plural(lib.slabs // lib.in_superslab, 'SuperSlab')}")
        print(f"  small      {plural(live, 'block')} live, "
              f"{human(sum((row[2] - row[3]) * n for row, n in zip(sums, size)))}")
        print(f"  bins       {plural(sum(row[3] for row in sums), 'block')} free, "
              f"{human(sum(row[3] * n for row, n in zip(sums, size)))}")
        free = sum(row[1] - row[2] for row in sums)
        print(f"  slabs      {sum(row[0] for row in sums)} in use, {plural(free, 'block')} free")
        self.print_process(lib)
        states = [heap.state for heap in heaps]
        print(f"  heaps      {len(heaps)}: " + ", ".join(f"{states.count(s)} {s}" for s in sorted(set(states))))
        self.print_harden(lib)
        self.print_tunables(lib)

    @staticmethod
    def print_process(lib):
        totals = lib.counters("process counters")

        def total(name):
            return read_number(lib.place("process") + totals[name])

        for kind in ("big", "huge"):
            print(f"  {kind:10} {plural(total(kind + '_allocs_total') - total(kind + '_frees_total'), 'block')} live, "
                  f"{human(total(kind + '_bytes'))}")
        print(f"  retained   {human(total('retained_bytes'))} free, with their pages")
        print(f"  mapped     {human(total('mapped_bytes'))}")

    @staticmethod
    def print_harden(lib):
        names = ("sized", "canary", "guard", "zero", "random", "quarantine")
        on = [name for name in names if lib.hardened() & lib.number("harden " + name)]
        print(f"  checked    {'no' if not lib.hardened() else 'yes: ' + ', '.join(['state'] + on)}")

    @staticmethod
    def print_tunables(lib):
        of, count = lib.number, lib.number("tunables")
        size = of("tunable info bytes")
        infos, values = read(lib.place("tunables"), count * size), read(lib.place("params"), count * 8)
        for i in range(count):
            value = number_at(values, 8 * i, 8)
            usual = value == number_at(infos, i * size + of("tunable info.dflt"), 8)
            choices = read_text(number_at(infos, i * size + of("tunable info.choices"), 8)).split(",")
            name = read_text(number_at(infos, i * size + of("tunable info.name"), 8))
            text = choices[value] if len(choices) > 1 and value < len(choices) else str(value)
            print(f"  {'.' if usual else ' '} {name}={text}")


class HeapsCommand(gdb.Command):
    """hakmem heaps: the heaps, and which thread has which.

A heap is live (a thread has it), pooled (its thread has ended, the next one gets it), shared (of threads that are
ending) or lost (of a thread that a fork left behind). Blocks in bins are free."""

    def __init__(self):
        super().__init__("hakmem heaps", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        no_argument("heaps", argument)
        lib = Library()
        lib.must_be_in_use()
        threads, rows = lib.threads_of_heaps(), []
        for heap in lib.all_heaps():
            thread = threads.get(heap.number)
            rows.append([heap.number, heap.state, sum(b.blocks for b in heap.bins),
                         sum(b.blocks * lib.classes[b.size_class][0] for b in heap.bins),
                         sum(b.allocs for b in heap.bins), sum(b.frees for b in heap.bins),
                         thread_name(thread) if thread else ""])
        table(["heap", "state", "in bins", "bytes", "allocs", "frees", "thread"], rows)


class BinsCommand(gdb.Command):
    """hakmem bins [HEAP]: the bins of a heap; of the selected thread's if none is named.

HEAP is a number of "hakmem heaps". For each size class: free blocks in the bin, how many it has places for, how many it
may hold at present, how many more may be put before the slow path looks; blocks that were allocated and freed by this
heap's threads."""

    def __init__(self):
        super().__init__("hakmem bins", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        lib = Library()
        lib.must_be_in_use()
        heap = Heap(lib, self.pick(lib, argument.strip()))
        print(f"{lib.holder(heap.number)}, {heap.state}")
        table(["bytes", "in bin", "places", "limit", "room", "allocs", "frees", ""],
              [[lib.classes[b.size_class][0], b.blocks, b.capacity, b.limit, b.room, b.allocs, b.frees, ""]
               for b in heap.bins if b.capacity != 0])

    @staticmethod
    def pick(lib, text):
        if text:
            if not text.isdigit() or not 1 <= int(text) <= lib.heap_count():
                raise gdb.GdbError(f"'{text}' is no heap: there are 1 to {lib.heap_count()}")
            return int(text)
        selected = gdb.selected_thread()
        for number, thread in lib.threads_of_heaps().items():
            if selected is not None and thread.num == selected.num:
                return number
        raise gdb.GdbError("the selected thread has no heap: hakmem bins NUMBER, one of 'hakmem heaps'")


class SlabsCommand(gdb.Command):
    """hakmem slabs [BYTES]: where small blocks are, by size class; with a size, each slab of its class.

Of all places for blocks in the slabs, some are out: live, or free in a thread's bin. The others are free in their
slab."""

    def __init__(self):
        super().__init__("hakmem slabs", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        lib = Library()
        lib.must_be_in_use()
        if argument.strip():
            self.of_class(lib, argument.strip())
        else:
            sums = sum_by_class(lib, lib.all_heaps())
            table(["bytes", "slabs", "places", "live", "in bins", "free", "live bytes", ""],
                  [[size, slabs, places, out - bins, bins, places - out, (out - bins) * size, ""]
                   for (size, _), (slabs, places, out, bins) in zip(lib.classes, sums) if slabs or bins])

    @staticmethod
    def of_class(lib, text):
        try:
            wanted = int(text, 0)
        except ValueError:
            raise gdb.GdbError(f"'{text}' is no size in bytes") from None
        fitting = [i for i, (size, _) in enumerate(lib.classes) if size >= wanted > 0]
        if not fitting:
            raise gdb.GdbError(f"no size class has blocks of {wanted} bytes: they have {lib.classes[0][0]} to "
                               f"{lib.classes[-1][0]}")
        slabs = [slab for slab in lib.all_small_slabs() if slab.size_class == fitting[0]]
        print(f"{plural(len(slabs), 'slab')} of blocks of {lib.classes[fitting[0]][0]} bytes")
        table(["slab", "address", "out", "free", "owner"],
              [[slab.number, f"{slab.start:#x}", slab.out, slab.capacity - slab.out,
                f"{'' if slab.owned else 'last '}{lib.holder(slab.owner)}"] for slab in slabs])


class WhatCommand(gdb.Command):
    """hakmem what POINTER: what an address is. POINTER is an expression.

A small block: its size, whether it is live or free and where it waits then, its slab, whose slab that is. A big block.
Something of the library's own. What is not hakmem's: the file, the mapping or the thread's stack it is in. In a core of
the kernel's gdb knows only mappings of files."""

    def __init__(self):
        super().__init__("hakmem what", gdb.COMMAND_DATA, gdb.COMPLETE_EXPRESSION)

    def invoke(self, argument, from_tty):
        if not argument.strip():
            raise gdb.GdbError("hakmem what POINTER: which pointer?")
        try:
            value = gdb.parse_and_eval(argument)
        except gdb.error as error:
            raise gdb.GdbError(f"'{argument}': {error}") from None
        What(Library(), self.address(value, argument)).tell()

    @staticmethod
    def address(value, argument):
        """A pointer's, a number's; that of what is neither, but is somewhere."""
        for one in (value, value.address):
            try:
                return int(one) & 0xffffffffffffffff
            except (gdb.error, TypeError):
                pass
        raise gdb.GdbError(f"'{argument}' is no pointer and no number, and has no address")


def no_argument(command, argument):
    if argument.strip():
        raise gdb.GdbError(f"hakmem {command} takes no argument, not '{argument.strip()}'")


def add_all():
    for command in (HakmemCommand, InfoCommand, HeapsCommand, BinsCommand, SlabsCommand, WhatCommand):
        command()
