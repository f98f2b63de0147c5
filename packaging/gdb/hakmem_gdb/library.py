"""The library in a process, by its own description (lib/entry/describe.h): heaps, bins, slabs, size classes."""

import struct

import gdb

from .process import (description_address, for_each_thread, number_at, read, read_number, read_text, thread_name,
                      thread_pointer)

FORMAT = 1
MOST_HEAPS = 65535  # lib/base/geometry.h
MAGIC = b"hakmem describes"


class Bin:
    """One size class in one heap."""

    def __init__(self, heap, size_class):
        lib, data = heap.lib, heap.data
        of = lib.number
        state = of("heap.classes") + size_class * of("heap class bytes") + of("heap class.state")
        own = of("heap.bins") + (size_class + 1) * of("bin bytes")
        self.heap, self.size_class = heap, size_class
        self.capacity = number_at(data, state + of("bin state.capacity"), 2)
        self.limit = number_at(data, state + of("bin state.limit"), 2)
        self.bottom = number_at(data, state + of("bin state.bottom"), 4)
        top, self.room = number_at(data, own + of("bin.top"), 4), number_at(data, own + of("bin.room"), 4)
        self.blocks = (top - self.bottom) // 8 if self.capacity and top >= self.bottom else 0
        pushed = number_at(data, state + of("bin state.given"), 2) - self.room
        popped = number_at(data, state + of("bin state.listed"), 2) + pushed - self.blocks
        rows = of("heap.classes") + size_class * of("heap class bytes") + of("heap class.totals")
        self.allocs = number_at(data, rows + lib.class_counter("allocs_total"), 8) + (popped if self.capacity else 0)
        self.frees = number_at(data, rows + lib.class_counter("frees_total"), 8) + (pushed if self.capacity else 0)

    def pointers(self):
        """The blocks, the one that was put there first at first."""
        if self.blocks == 0:
            return ()
        return struct.unpack(f"<{self.blocks}Q", read(self.heap.address + self.bottom, 8 * self.blocks))


class Heap:
    def __init__(self, lib, number):
        self.lib, self.number = lib, number
        self.address = lib.heaps + number * lib.number("heap stride") + lib.number("heap offset")
        self.data = read(self.address, lib.number("heap bytes"))
        states = {lib.number("heap live"): "live", lib.number("heap pooled"): "pooled",
                  lib.number("heap lost"): "lost", lib.number("heap shared"): "shared"}
        self.state = states.get(read_number(lib.place("heap states") + number, 1), "unused")
        self.bins = [Bin(self, c) for c in range(len(lib.classes))]


class Slab:
    """A slab that serves a size class."""

    def __init__(self, lib, number, word, record):
        of = lib.number
        self.number, self.record = number, record
        self.size_class = (word & of("word class mask")) >> of("word class shift")
        self.owner = (word & of("word owner mask")) >> of("word owner shift")
        self.owned = bool(word & of("word owned"))
        self.out = word & of("word out mask")
        self.bytes, self.capacity = lib.classes[self.size_class]
        self.start = lib.base + number * of("slab bytes")


class Library:
    """All that is read of the library. Made anew for each command: the process may have gone on."""

    def __init__(self):
        self.at = description_address()
        head = read(self.at, 80)
        if head[:16] != MAGIC:
            raise gdb.GdbError(f"what is at {self.at:#x} is no description of hakmem's: is the file of libhakmem.so "
                               "that gdb has read the one that the process had?")
        form = number_at(head, 16, 4)
        if form != FORMAT:
            raise gdb.GdbError(f"this library describes itself in format {form}, and this script reads {FORMAT}: use "
                               "the script that came with the library")
        size = number_at(head, 20, 4)
        number_count, number_bytes, place_count, place_bytes = struct.unpack_from("<4I", head, 24)
        self.version = head[40:56].rstrip(b"\0").decode("ascii", "replace")
        numbers_at, places_at = struct.unpack_from("<2Q", read(self.at, size), 56)
        self.numbers = self.entries(numbers_at, number_count, number_bytes, 40)
        self.places = self.entries(places_at, place_count, place_bytes, 24)
        self.read_tables()

    @staticmethod
    def entries(address, count, size, name_bytes):
        if count > 4096 or not name_bytes + 8 <= size <= 256:
            raise gdb.GdbError(f"damaged: the library's description has {count} entries of {size} bytes")
        data, found = read(address, count * size), {}
        for i in range(count):
            name = data[i * size:i * size + name_bytes].split(b"\0")[0].decode("ascii", "replace")
            found[name] = number_at(data, i * size + name_bytes, 8)
        return found

    def described(self, entries, name):
        if name not in entries:
            raise gdb.GdbError(f"this library ({self.version}) says nothing of '{name}': use the script that came with "
                               "it")
        return entries[name]

    def number(self, name):
        return self.described(self.numbers, name)

    def place(self, name):
        return self.described(self.places, name)

    def read_tables(self):
        count, size = self.number("classes"), self.number("class bytes")
        data = read(self.place("classes"), count * size)
        self.classes = [(number_at(data, i * size + self.number("class.bytes"), 4),
                         number_at(data, i * size + self.number("class.capacity"), 4)) for i in range(count)]
        self.base = read_number(self.place("arena") + self.number("arena.base"))
        self.slabs = read_number(self.place("arena") + self.number("arena.slabs"))
        self.heaps = self.base - self.number("heaps below")
        self.in_superslab = self.number("superslab bytes") // self.number("slab bytes")
        self.class_counters = self.counters("class counters")
        self.owners = None

    def counters(self, which):
        """Names of counters and where they are in a row."""
        size, found = self.number("counter info bytes"), {}
        data = read(self.place(which), self.number(which) * size)
        for i in range(self.number(which)):
            name = read_text(number_at(data, i * size + self.number("counter info.name"), 8))
            found[name] = number_at(data, i * size + self.number("counter info.offset"), 4)
        return found

    def class_counter(self, name):
        return self.class_counters[name]

    def must_be_in_use(self):
        if self.base == 0:
            raise gdb.GdbError("nothing was allocated yet: hakmem has no heap")

    # -- heaps and threads --

    def heap_count(self):
        count = read_number(self.place("heap count"), 4)
        if count > MOST_HEAPS:
            raise gdb.GdbError(f"damaged: {count} heaps; {MOST_HEAPS} are the most")
        return count

    def all_heaps(self):
        return [Heap(self, number) for number in range(1, self.heap_count() + 1)]

    def threads_of_heaps(self):
        """Heap number to thread, for those that a thread holds."""
        if self.owners is not None:
            return self.owners
        offset = read_number(self.place("own heap from thread"))
        self.owners, stride = {}, self.number("heap stride")

        def note(thread):
            pointer = thread_pointer()
            if pointer is None or offset == 0:
                return
            try:
                heap = read_number((pointer + offset) & 0xffffffffffffffff)
            except gdb.GdbError:
                return
            if heap != 0:
                self.owners[(heap - self.number("heap offset") - self.heaps) // stride] = thread

        for_each_thread(note)
        return self.owners

    def holder(self, number):
        """"heap 3 of thread 2 (LWP ...)"."""
        thread = self.threads_of_heaps().get(number)
        return f"heap {number}" + (f" of {thread_name(thread)}" if thread else "")

    # -- slabs --

    def group(self, superslab):
        return self.heaps - (superslab // self.number("superslabs in group") + 1) * self.number("group stride")

    def superslab_state(self, superslab):
        return read_number(self.group(superslab) + self.number("group.states") +
                           superslab % self.number("superslabs in group"), 1)

    def superslab_record(self, superslab):
        return (self.group(superslab) + self.number("group.superslabs") +
                superslab % self.number("superslabs in group") * self.number("superslab record bytes"))

    def slab_record(self, slab):
        return (self.superslab_record(slab // self.in_superslab) + self.number("superslab.slabs") +
                slab % self.in_superslab * self.number("slab record bytes"))

    def small_slab(self, slab):
        """None where the slab serves no size class."""
        record = self.slab_record(slab)
        word = read_number(record + self.number("slab.word"))
        return Slab(self, slab, word, record) if word & self.number("word live") else None

    def all_small_slabs(self):
        size, where = self.number("superslab record bytes"), self.number("superslab.slabs")
        for superslab in range(self.slabs // self.in_superslab):
            if self.superslab_state(superslab) != self.number("superslab open"):
                continue
            data = read(self.superslab_record(superslab), size)
            for i in range(self.in_superslab):
                at = where + i * self.number("slab record bytes")
                word = number_at(data, at + self.number("slab.word"), 8)
                if word & self.number("word live"):
                    yield Slab(self, superslab * self.in_superslab + i, word, self.superslab_record(superslab) + at)

    def is_free_in_slab(self, slab, index):
        if slab.capacity <= self.number("short map blocks"):
            at = slab.record + self.number("slab.free_map")
        else:
            in_group = slab.number % (self.number("superslabs in group") * self.in_superslab)
            at = (self.group(slab.number // self.in_superslab) + self.number("group.maps") +
                  in_group * self.number("long map bytes"))
        return bool(read_number(at + index // 64 * 8) >> index % 64 & 1)

    def find_in_bins(self, size_class, block):
        """(bin, place) or None."""
        for heap in self.all_heaps():
            pointers = heap.bins[size_class].pointers()
            if block in pointers:
                return heap.bins[size_class], pointers.index(block)
        return None

    def covering(self, slab):
        """The slab at which the big or huge block begins that covers this one; None if there is none."""
        size, records = self.number("slab record bytes"), b""
        for first in range(slab, max(slab - (1 << 19), -1), -1):
            index = first % self.in_superslab
            if not records or index == self.in_superslab - 1:  # those of a SuperSlab in one piece, up to this one
                records = read(self.slab_record(first - index), (index + 1) * size)
            record = records[index * size:(index + 1) * size]
            kind = record[self.number("slab.kind")]
            if kind == self.number("slab small"):
                return None
            if kind in (self.number("slab big"), self.number("slab huge")):
                size = number_at(record, self.number("slab.bytes"), 8)
                covered = (slab - first) * self.number("slab bytes") < max(size, number_at(
                    record, self.number("slab.mapped"), 8))
                return (first, size, kind) if covered else None
        return None

    # -- checked calls --

    def hardened(self):
        return read_number(self.place("diversions"), 4) & self.number("harden all")

    def side(self, slab):
        """Address of what is kept beside a slab's blocks where calls are checked; 0 if nothing is."""
        tables = read_number(self.place("side tables"))
        found = read_number(tables + 8 * (slab // self.in_superslab)) if tables else 0
        return found + slab % self.in_superslab * self.number("side bytes") if found else 0
