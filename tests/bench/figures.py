"""One row's samples of one allocator as figures, and how two allocators compare in a row."""

import dataclasses
import math
import statistics

# Where less than this share of the floor lies above it, the difference of two measurements says more of
# their noise than of an allocator: the whole times are compared.
LEAST_ABOVE_FLOOR = 0.1
# Slower by less than this share is a tie.
LEAST_BEHIND = 0.03


@dataclasses.dataclass
class Figures:
    """One row's samples of one allocator."""

    samples: list

    def rates(self, row):
        return [s.rate * row.unit_factor for s in self.samples]

    def median_rate(self, row):
        return statistics.median(self.rates(row))

    def variation(self, row):
        """Coefficient of variation, percent; None for a single sample."""
        rates = self.rates(row)
        return statistics.stdev(rates) / statistics.mean(rates) * 100 if len(rates) > 1 else None

    def costs(self):
        """ns per operation."""
        return [s.ns / s.ops for s in self.samples]

    def cost(self):
        return statistics.median(self.costs())

    def peak_rss_kib(self):
        return statistics.median(s.peak_rss_kib for s in self.samples)

    def rss_kib(self):
        """At the end, or None where nobody looked."""
        known = [s.rss_kib for s in self.samples if s.rss_kib]
        return statistics.median(known) if known else None

    def live_kib(self):
        return max(s.live_kib for s in self.samples)


def row_floor(figures):
    """The floor of a row, ns per operation: the median of all that were measured in it, whoever served; 0
    where it has none."""
    floors = [s.floor_ns / s.ops for f in figures.values() for s in f.samples if s.floor_ns]
    return statistics.median(floors) if floors else 0


@dataclasses.dataclass(frozen=True)
class Ratio:
    """How many times as fast one is as the other."""

    value: float
    whole: bool  # the floor is in it


def speed_ratio(ours, theirs, floor):
    """ours against theirs (Figures), above the floor where that can be told."""
    a, b = ours.cost(), theirs.cost()
    if floor and min(a, b) - floor >= LEAST_ABOVE_FLOOR * floor:
        return Ratio((b - floor) / (a - floor), False)
    return Ratio(b / a, floor > 0)


def is_peer(name):
    """Not hakmem, in whatever tuning."""
    return not name.startswith("hakmem")


def best_peer(figures):
    """The fastest other allocator of a row, or None."""
    peers = {n: f.cost() for n, f in figures.items() if is_peer(n)}
    return min(peers, key=peers.get) if peers else None


def leanest_peer(figures):
    """That with the least peak RSS, or None."""
    peers = {n: f.peak_rss_kib() for n, f in figures.items() if is_peer(n)}
    return min(peers, key=peers.get) if peers else None


def geometric_mean(values):
    values = list(values)
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None


@dataclasses.dataclass(frozen=True)
class Behind:
    """A row in which hakmem is behind its best peer, and not by chance."""

    row: object
    peer: str
    ratio: Ratio


def behind(rows, results):
    """Those rows, the worst first. A run's samples are taken one after the other and meet the same machine, so they
    are compared as pairs: hakmem must lose every one, and by some in the median."""
    found = []
    for row in rows:
        figures = results[row.name]
        peer = best_peer(figures)
        ours = figures.get("hakmem")
        if not ours or not peer:
            continue
        theirs = figures[peer]
        every_run = all(a > b for a, b in zip(ours.costs(), theirs.costs()))
        if every_run and ours.cost() > (1 + LEAST_BEHIND) * theirs.cost():
            found.append(Behind(row, peer, speed_ratio(ours, theirs, row_floor(figures))))
    return sorted(found, key=lambda b: b.ratio.value)
