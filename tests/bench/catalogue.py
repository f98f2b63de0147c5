"""The rows: which programs with which arguments, and whose patterns they are."""

from programs import LaunchedRow, RedisRow, StartRow, prepare_gcc, prepare_python, prepare_sqlite
from rows import OwnRow

# What the groups are about, in the order of the report.
GROUPS = {
    "random": "random malloc and free over slots, the pattern of glibc-simple and alloc-test",
    "pair": "malloc and free in turn, what a hot loop does",
    "burst": "many blocks allocated, then all freed, as sh6bench and binary trees do",
    "handoff": "producers and consumers: one thread allocates, another frees, after Lever and Boreham "
               "(2000), known as xmalloc-test",
    "relay": "a server whose threads end and leave their blocks to successors, after P. Larson and "
             "M. Krishnan (1998), known as larson",
    "threads": "threads that live for a moment",
    "sharing": "false sharing of cache lines, after the two tests of Hoard's authors (2000), known as "
               "cache-thrash (active) and cache-scratch (passive)",
    "big": "blocks of 32 KiB to 64 MiB, as malloc-large",
    "growth": "blocks that grow by realloc",
    "calls": "calloc and aligned blocks",
    "reach": "much memory, reached all over",
    "drift": "fragmentation over time, after M. Johnstone and P. Wilson (1998)",
    "idle": "a thousand threads that mostly wait",
    "start": "a program that does next to nothing",
    "programs": "whole programs",
}


def count(number, what):
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def random_row(name, what, low, high, *, slots=8192, threads=1, ops=30_000_000):
    return OwnRow(f"random-{name}", "random", f"{what}, {slots} slots", ops, program="random_mixed",
                  arguments=("OPS", str(low), str(high), str(slots), str(threads)))


def pair_row(size, touch):
    # Writing 32 KiB takes a thousand times what malloc takes: enough is enough.
    ops = 50_000_000 if touch == "first" else min(40_000_000, 16 * 2**30 // size)
    written = "first byte written" if touch == "first" else "all of it written"
    return OwnRow(f"pair-{size}-{touch}", "pair", f"{size} B, {written}", ops, counted="pairs",
                  program="pairs", arguments=("OPS", str(size), touch))


def burst_row(name, total_kib, order, ops):
    told = {"lifo": "last first", "fifo": "first first", "random": "in random order"}[order]
    size = f"{total_kib >> 10} MiB" if total_kib >= 1024 else f"{total_kib} KiB"
    return OwnRow(f"burst-{order}-{name}", "burst", f"16..512 B up to {size}, freed {told}", ops,
                  program="burst", arguments=("OPS", "16", "512", str(total_kib), order))


def handoff_row(name, what, low, high, ways):
    told = {"one": "one thread allocates {}, another frees",
            "both": "two threads free each other's blocks, {}"}
    return OwnRow(f"handoff-{name}", "handoff", told[ways].format(what),
                  5_000_000 if ways == "one" else 6_000_000, counted="blocks from each sender",
                  program="handoff", arguments=("OPS", str(low), str(high), ways), floor_counts=False)


def crowd_row(producers, consumers):
    return OwnRow(f"handoff-{producers}-{consumers}", "handoff",
                  f"{count(producers, 'producer')}, {count(consumers, 'consumer')}, 16..1024 B", 6_000_000,
                  counted="blocks", program="crowd", arguments=("OPS", "16", "1024", str(producers), str(consumers)))


def relay_row(threads):
    return OwnRow(f"relay-{threads}", "relay", f"{threads} at a time, 16..1024 B", 60_000_000,
                  program="relay", arguments=("OPS", "16", "1024", str(threads)))


def brief_row(abreast):
    return OwnRow(f"threads-{abreast}", "threads", f"{abreast} at a time, 100 blocks of 16..512 B each",
                  15_000, "k threads/s", 1e-3, "threads", program="brief",
                  arguments=("OPS", str(abreast), "100"))


def sharing_row(kind):
    told = {"active": "each writes what it allocates", "passive": "each got a block of the main thread"}
    return OwnRow(f"sharing-{kind}", "sharing", f"2 threads, 8 B: {told[kind]}", 3_000_000, "M rounds/s",
                  counted="rounds", program="sharing", arguments=("OPS", "2", "8", kind))


def big_row(name, low_kib, high_kib, slots, touch, ops):
    told = {"ends": "first and last byte written", "pages": "every page written"}[touch]
    return OwnRow(f"big-{name}-{touch}", "big", f"{low_kib} KiB..{high_kib} KiB, {slots} slots, {told}",
                  ops, "k ops/s", 1e-3, least=20, program="big",
                  arguments=("OPS", str(low_kib), str(high_kib), str(slots), touch))


def growth_row(kind, what, ops):
    return OwnRow(f"growth-{kind}", "growth", what, ops, "k reallocs/s", 1e-3, "reallocs",
                  program="growth", arguments=("OPS", kind))


def calls_row(name, what, ops, *arguments):
    return OwnRow(name, "calls", what, ops, "k ops/s", 1e-3, program="calls", arguments=("OPS", *arguments))


def drift_row(order, told):
    return OwnRow(f"drift-{order}", "drift", f"64 MiB of changing sizes, 48 B..128 KiB, freed {told}",
                  65536, counted="KiB live", least=8192, program="drift", arguments=("OPS", order))


ROWS = [
    *(random_row(str(size), f"{size} B", size, size) for size in (128, 256, 512, 1024)),
    random_row("mixed", "16..1024 B", 16, 1024),
    random_row("mixed-2t", "16..1024 B, 2 threads", 16, 1024, threads=2, ops=60_000_000),
    random_row("mixed-4t", "16..1024 B, 4 threads", 16, 1024, threads=4, ops=60_000_000),
    random_row("mixed-far", "16..1024 B", 16, 1024, slots=2**19, ops=8_000_000),
    *(pair_row(size, touch) for touch in ("first", "whole") for size in (16, 64, 256, 1024, 4096, 32768)),
    *(burst_row("256k", 256, order, 80_000_000) for order in ("lifo", "fifo", "random")),
    *(burst_row("32m", 32 << 10, order, 12_000_000) for order in ("lifo", "fifo", "random")),
    *(burst_row("128m", 128 << 10, order, 10_000_000) for order in ("lifo", "fifo", "random")),
    handoff_row("64", "64 B", 64, 64, "one"),
    handoff_row("mixed", "16..1024 B", 16, 1024, "one"),
    handoff_row("both-256", "256 B", 256, 256, "both"),
    crowd_row(2, 2),
    crowd_row(1, 3),
    crowd_row(3, 1),
    relay_row(1),
    relay_row(2),
    brief_row(1),
    brief_row(8),
    sharing_row("active"),
    sharing_row("passive"),
    big_row("1m", 32, 1024, 256, "ends", 2_500_000),
    big_row("1m", 32, 1024, 256, "pages", 400_000),
    big_row("64m", 1024, 65536, 16, "ends", 100_000),
    big_row("64m", 1024, 65536, 16, "pages", 150),
    growth_row("string", "16 texts, each grows by 8..64 B at a time to 16 KiB", 20_000_000),
    growth_row("vector", "16 arrays, each doubles from 16 B to 1 MiB", 20_000),
    growth_row("buffer", "one block grows by 64 KiB at a time to 64 MiB", 3500),
    calls_row("calloc-mixed", "calloc, 16..1024 B, 8192 slots", 20_000_000, "calloc", "16", "1024", "8192"),
    calls_row("calloc-big", "calloc, 32 KiB..1 MiB, 256 slots", 20_000, "calloc", "32768", "1048576", "256"),
    calls_row("aligned-64", "aligned_alloc(64), 16..1024 B, 8192 slots", 20_000_000,
              "aligned", "16", "1024", "8192", "64"),
    calls_row("aligned-4096", "aligned_alloc(4096), 4..16 KiB, 1024 slots", 15_000_000,
              "aligned", "4096", "16384", "1024", "4096"),
    OwnRow("table", "reach", "a hash table of 1.5 million blocks of 48..176 B that has turned over; RSS with it full",
           8_000_000, "M look-ups/s", counted="look-ups", program="table", arguments=("OPS", "1500000")),
    drift_row("in-order", "in their order"),
    drift_row("random", "at random"),
    OwnRow("idle-1000", "idle", "1,000 threads, one woken at a time; RSS while all wait", 40_000,
           "k wakes/s", 1e-3, "wakes", program="idle", arguments=("OPS", "1000")),
    StartRow("start", "start", "a program of 100 mallocs", 600, "starts/s", 1, "starts", least=20),
    RedisRow("redis", "programs", "redis-server, SET and GET of 200-byte values, half each; RSS with the data",
             600_000, "k requests/s", 1e-3, "requests", ("redis-server", "redis-benchmark")),
    LaunchedRow("python", "programs", "Python making and dropping small objects, PYTHONMALLOC=malloc",
                1_500_000, "k objects/s", 1e-3, "objects", ("/usr/bin/python3",), prepare=prepare_python,
                settings=(("PYTHONMALLOC", "malloc"), ("PYTHONHASHSEED", "0"))),
    LaunchedRow("sqlite", "programs", "sqlite3, a table and indices in memory", 100_000, "k rows/s", 1e-3,
                "rows", ("sqlite3",), prepare=prepare_sqlite),
    LaunchedRow("gcc", "programs", "gcc's cc1 -O2 of one large file", 400, "functions/s", 1, "functions",
                ("gcc",), least=50, prepare=prepare_gcc),
    OwnRow("words", "programs", "a C++ program of maps and strings", 300_000, "k words/s", 1e-3, "words",
           program="words", arguments=("OPS",)),
]
