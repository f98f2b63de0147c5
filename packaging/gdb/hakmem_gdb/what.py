"""What a pointer is: hakmem what."""

import gdb

from .process import for_each_thread, mappings, number_at, plural, read, read_number, thread_name


class What:
    """Prints what is known of an address, the answer in the first line."""

    def __init__(self, lib, address):
        self.lib, self.address = lib, address

    def say(self, text):
        print(f"{self.address:#x}: {text}")

    def tell(self):
        lib = self.lib
        if lib.base == 0 or not lib.base <= self.address < lib.base + lib.slabs * lib.number("slab bytes"):
            self.tell_elsewhere()
            return
        slab = (self.address - lib.base) // lib.number("slab bytes")
        state = lib.superslab_state(slab // lib.in_superslab)
        if state not in (lib.number("superslab open"), lib.number("superslab huge")):
            if not self.tell_mapping():
                self.say("not mapped: addresses that hakmem has given back")
            return
        small = lib.small_slab(slab)
        if small is not None:
            self.tell_small(small)
        else:
            self.tell_big(slab)

    def tell_small(self, slab):
        lib, index = self.lib, (self.address - slab.start) // slab.bytes
        if index >= slab.capacity:
            self.say(f"in the unused end of slab {slab.number}, which serves blocks of {slab.bytes} bytes")
            self.tell_slab(slab)
            return
        block = slab.start + index * slab.bytes
        self.say(f"{self.inside(block)}small block of {slab.bytes} bytes, {self.small_state(slab, index, block)}")
        print(f"  block {index} of {slab.capacity} in slab {slab.number} at {slab.start:#x}")
        self.tell_slab(slab)
        asked = self.small_asked(slab, index)
        if asked:
            print(f"  {asked}")
        if lib.hardened() and not lib.side(slab.number):
            print("  handed out before calls were checked")

    def inside(self, block):
        return "" if block == self.address else f"{plural(self.address - block, 'byte')} into {block:#x}: "

    def small_state(self, slab, index, block):
        lib = self.lib
        if lib.is_free_in_slab(slab, index):
            return "free, in its slab"
        found = lib.find_in_bins(slab.size_class, block)
        if found:
            return (f"free, in the bin of {lib.holder(found[0].heap.number)}, place {found[1] + 1} of "
                    f"{found[0].blocks}")
        side = lib.side(slab.number)
        if side and read_number(side + 2 * index, 2) == lib.number("side held"):
            return "free, in the quarantine"
        return "live"

    def small_asked(self, slab, index):
        side = self.lib.side(slab.number)
        kept = read_number(side + 2 * index, 2) if side else 0
        return f"{plural(kept - 1, 'byte')} were asked for" if 0 < kept < self.lib.number("side held") else ""

    def tell_slab(self, slab):
        lib = self.lib
        superslab = slab.number // lib.in_superslab
        start = lib.base + superslab * lib.number("superslab bytes")
        owner = "refilled from by" if slab.owned else "nobody's, last refilled from by"
        print(f"  slab {slab.number} of SuperSlab {superslab} at {start:#x}: {slab.out} of {slab.capacity} blocks are "
              f"out; {owner} {lib.holder(slab.owner)}")

    def tell_big(self, slab):
        lib = self.lib
        found = lib.covering(slab)
        if found is None:
            superslab = read(lib.superslab_record(slab // lib.in_superslab), lib.number("superslab record bytes"))
            bit = slab % lib.in_superslab
            if number_at(superslab, lib.number("superslab.free"), 4) >> bit & 1:
                kept = number_at(superslab, lib.number("superslab.resident"), 4) >> bit & 1
                self.say(f"in slab {slab}, which is free" + (" and has its pages" if kept else ""))
            else:
                self.say(f"in slab {slab}, which serves no block: freed, and kept whole for the next big block")
            return
        first, size, kind = found
        start = lib.base + first * lib.number("slab bytes")
        name = "huge" if kind == lib.number("slab huge") else "big"
        side = lib.side(first)
        state = read_number(side + lib.number("side big.state")) if side else 0
        if state:
            self.tell_checked(side, name, size)
        elif self.address - start >= size:
            self.say(f"behind the end of the {name} block of {size} bytes at {start:#x}")
        else:
            self.say(f"{self.inside(start)}{name} block of {size} bytes, live")
        print(f"  from slab {first} on, at {start:#x}, in SuperSlab {first // lib.in_superslab}")

    def tell_checked(self, side, name, size):
        lib = self.lib
        start, asked = (read_number(side + lib.number(f"side big.{field}")) for field in ("at", "asked"))
        freed = read_number(side + lib.number("side big.state")) == lib.number("side freed")
        if read_number(side + lib.number("side big.is_small"), 1):
            name = "guarded"
        where = (f"{plural(start - self.address, 'byte')} before {start:#x}: " if self.address < start
                 else self.inside(start))
        self.say(f"{where}{name} block of {size} bytes, {'free, in the quarantine' if freed else 'live'}")
        print(f"  {plural(asked, 'byte')} were asked for")

    # -- not in the arena --

    def tell_elsewhere(self):
        lib = self.lib
        if lib.base != 0 and self.tell_tables():
            return
        name = gdb.solib_name(self.address)
        if name:
            self.say(f"not hakmem's: in {name}{self.symbol()}")
        elif self.symbol():
            self.say(f"not hakmem's: in the program{self.symbol()}")
        elif not self.tell_mapping():
            try:
                read(self.address, 1)
                self.say("not hakmem's: mapped, by whom gdb does not know")
            except gdb.GdbError:
                self.say("not mapped, or not in this core")

    def symbol(self):
        said = gdb.execute(f"info symbol {self.address:#x}", to_string=True).strip()
        return "" if said.startswith("No symbol") else f" ({said.split(' of ')[0]})"

    def tell_tables(self):
        lib, stride = self.lib, self.lib.number("heap stride")
        heap = (self.address - lib.heaps) // stride
        if 1 <= heap <= lib.heap_count():
            self.say(f"hakmem's own: the bins of {lib.holder(heap)}")
        elif lib.base - lib.number("meta below") <= self.address < lib.base - lib.number("meta below") + 2 * lib.slabs:
            self.say("hakmem's own: the meta word of slab "
                     f"{(self.address - lib.base + lib.number('meta below')) // 2}")
        elif lib.group(lib.slabs // lib.in_superslab - 1) <= self.address < lib.heaps:
            self.say("hakmem's own: records of slabs")
        else:
            return False
        return True

    def tell_mapping(self):
        for start, end, name in mappings():
            if start <= self.address < end:
                stack = self.stack_of(start, end)
                self.say(f"not hakmem's: in {stack or name or 'memory that is no file'}"
                         f" ({start:#x}..{end:#x})")
                return True
        return False

    @staticmethod
    def stack_of(start, end):
        found = []

        def look(thread):
            if start <= int(gdb.parse_and_eval("$sp")) & 0xffffffffffffffff < end:
                found.append(thread_name(thread))

        for_each_thread(look)
        return f"the stack of {', '.join(found)}" if found else ""
