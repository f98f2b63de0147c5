#!/usr/bin/env python3
"""Checks the arithmetic of the report: medians, floors, ratios, means, and who is behind whom."""

import types
import unittest

import chart
import figures
import report
import rows


def made(costs, *, floor=0, peak=1000, rss=500, live=0):
    """Figures of samples that took so many ns per operation."""
    return figures.Figures([
        rows.Sample(ops=1000, ns=int(cost * 1000), floor_ns=int(floor * 1000), peak_rss_kib=peak, rss_kib=rss,
                    allocator="/lib/x.so", live_kib=live) for cost in costs
    ])


def row(name="row", group="random"):
    return rows.Row(name, group, "what it does", 1000)


class Ratios(unittest.TestCase):
    def test_medians_and_rates(self):
        some = made([10, 40, 20])
        self.assertEqual(some.cost(), 20)
        self.assertAlmostEqual(some.median_rate(row()), 50)
        self.assertAlmostEqual(some.variation(row()), 65.47, places=2)
        self.assertIsNone(made([10]).variation(row()))
        self.assertIsNone(made([10], rss=0).rss_kib())

    def test_the_floor_is_everyones(self):
        both = {"a": made([10, 12], floor=4), "b": made([10], floor=8)}
        self.assertEqual(figures.row_floor(both), 4)
        self.assertEqual(figures.row_floor({"a": made([10])}), 0)

    def test_ratios_are_above_the_floor_where_that_can_be_told(self):
        self.assertEqual(figures.speed_ratio(made([10]), made([12]), 8), figures.Ratio(2, False))
        self.assertEqual(figures.speed_ratio(made([10]), made([20]), 0), figures.Ratio(2, False))
        # 8.4 is too near to 8, and 7 below it.
        self.assertEqual(figures.speed_ratio(made([8.4]), made([16.8]), 8), figures.Ratio(2, True))
        self.assertEqual(figures.speed_ratio(made([14]), made([7]), 8), figures.Ratio(0.5, True))

    def test_geometric_means(self):
        self.assertAlmostEqual(figures.geometric_mean([0.5, 2, 8]), 2)
        self.assertIsNone(figures.geometric_mean([]))

    def test_best_others_are_no_hakmem(self):
        some = {"hakmem": made([1]), "hakmem+thp=off": made([1]), "a": made([3], peak=5),
                "b": made([2], peak=9)}
        self.assertEqual(figures.best_peer(some), "b")
        self.assertEqual(figures.leanest_peer(some), "a")
        self.assertIsNone(figures.best_peer({"hakmem": made([1])}))


class Behind(unittest.TestCase):
    def found(self, ours, theirs):
        one = row()
        return [b.ratio.value for b in figures.behind([one], {"row": {"hakmem": made(ours), "a": made(theirs)}})]

    def test_only_in_every_run(self):
        self.assertEqual(self.found([20, 22, 24], [10, 11, 12]), [0.5])
        # The machine was busy in the second run, and so for both.
        self.assertEqual(self.found([20, 60, 22], [10, 30, 11]), [0.5])
        self.assertEqual(self.found([10, 22, 24], [10, 11, 12]), [])
        self.assertEqual(self.found([20, 22, 24], [10, 11, 25]), [])
        self.assertEqual(self.found([10.2, 10.2], [10, 10]), [])
        self.assertEqual(self.found([10], [20]), [])

    def test_worst_first(self):
        two = [row("slow"), row("slower")]
        results = {"slow": {"hakmem": made([12]), "a": made([10])}, "slower": {"hakmem": made([90]), "a": made([10])}}
        self.assertEqual([b.row.name for b in figures.behind(two, results)], ["slower", "slow"])


class Pages(unittest.TestCase):
    def page(self, results, names):
        allocators = [types.SimpleNamespace(name=n, path=f"/lib/{n}.so", version="", tune="") for n in names]
        settings = {"runs": 1, "share": 1.0, "note": "A note.", "chart": "", "command": "./dev bench", "linked": False}
        facts = {"cpu": "C", "cpus": 2, "kernel": "6", "thp": "never", "libc": "glibc 2", "revision": "abc",
                 "load_average": 1.0}
        chosen = [row(name) for name in results]
        return report.markdown(facts, allocators, chosen, results, settings), chart.svg(allocators, chosen, results)

    def test_figures_reach_the_page(self):
        results = {"one": {"glibc": made([20], peak=1000), "hakmem": made([10], peak=4000, live=700)}}
        page, picture = self.page(results, ["glibc", "hakmem"])
        self.assertIn("| one, M ops/s | 50.0 (50.0-50.0) | **100 (100-100)** | 2.00x | 2.00x |", page)
        self.assertIn("| **all rows** | 1 | 2.00x | 2.00x |", page)
        self.assertIn("| **all rows** | 1 | 0.25x | 0.25x |", page)
        self.assertIn("| one | 700 | **1000** / 500 | 4000 / 500 |", page)
        self.assertIn("| one | 4000 | 1000 (glibc) | 4.00x |", page)
        self.assertIn("In no row.", page)
        self.assertIn("A note.", page)
        self.assertIn("one, hakmem: 2.00 times glibc", picture)

    def test_what_is_missing_is_a_dash(self):
        page, picture = self.page({"one": {"glibc": made([20])}}, ["glibc", "hakmem"])
        self.assertIn("| one, M ops/s | **50.0 (50.0-50.0)** | – | – | – |", page)
        self.assertNotIn("one, hakmem", picture)

    def test_one_allocator_alone(self):
        page, picture = self.page({"one": {"hakmem": made([20])}}, ["hakmem"])
        self.assertNotIn("## Summary", page)
        self.assertNotIn("behind", page)
        self.assertEqual(picture, "")


if __name__ == "__main__":
    unittest.main()
