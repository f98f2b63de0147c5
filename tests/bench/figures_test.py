#!/usr/bin/env python3
"""Checks the arithmetic of the report: medians, floors, ratios, means, and who is behind whom."""

import types
import unittest

import chart
import figures
import made
import price
import report
import rows
import tuning


def made_of(costs, *, floor=0, peak=1000, rss=500, live=0):
    """Figures of samples that took so many ns per operation."""
    return figures.Figures([
        rows.Sample(ops=1000, ns=int(cost * 1000), floor_ns=int(floor * 1000), peak_rss_kib=peak, rss_kib=rss,
                    allocator="/lib/x.so", live_kib=live) for cost in costs
    ])


def row(name="row", group="random"):
    return rows.Row(name, group, "what it does", 1000)


class Ratios(unittest.TestCase):
    def test_medians_and_rates(self):
        some = made_of([10, 40, 20])
        self.assertEqual(some.cost(), 20)
        self.assertAlmostEqual(some.median_rate(row()), 50)
        self.assertAlmostEqual(some.variation(row()), 65.47, places=2)
        self.assertIsNone(made_of([10]).variation(row()))
        self.assertIsNone(made_of([10], rss=0).rss_kib())

    def test_the_floor_is_everyones(self):
        both = {"a": made_of([10, 12], floor=4), "b": made_of([10], floor=8)}
        self.assertEqual(figures.row_floor(both), 4)
        self.assertEqual(figures.row_floor({"a": made_of([10])}), 0)

    def test_ratios_are_above_the_floor_where_that_can_be_told(self):
        self.assertEqual(figures.speed_ratio(made_of([10]), made_of([12]), 8), figures.Ratio(2, False))
        self.assertEqual(figures.speed_ratio(made_of([10]), made_of([20]), 0), figures.Ratio(2, False))
        # 8.4 is too near to 8, and 7 below it.
        self.assertEqual(figures.speed_ratio(made_of([8.4]), made_of([16.8]), 8), figures.Ratio(2, True))
        self.assertEqual(figures.speed_ratio(made_of([14]), made_of([7]), 8), figures.Ratio(0.5, True))

    def test_geometric_means(self):
        self.assertAlmostEqual(figures.geometric_mean([0.5, 2, 8]), 2)
        self.assertIsNone(figures.geometric_mean([]))

    def test_best_others_are_no_hakmem(self):
        some = {"hakmem": made_of([1]), "hakmem+thp=off": made_of([1]), "a": made_of([3], peak=5),
                "b": made_of([2], peak=9)}
        self.assertEqual(figures.best_peer(some), "b")
        self.assertEqual(figures.leanest_peer(some), "a")
        self.assertIsNone(figures.best_peer({"hakmem": made_of([1])}))


class Behind(unittest.TestCase):
    def found(self, ours, theirs):
        one = row()
        return [b.ratio.value for b in figures.behind([one], {"row": {"hakmem": made_of(ours), "a": made_of(theirs)}})]

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
        results = {"slow": {"hakmem": made_of([12]), "a": made_of([10])},
                   "slower": {"hakmem": made_of([90]), "a": made_of([10])}}
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
        results = {"one": {"glibc": made_of([20], peak=1000), "hakmem": made_of([10], peak=4000, live=700)}}
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
        page, picture = self.page({"one": {"glibc": made_of([20])}}, ["glibc", "hakmem"])
        self.assertIn("| one, M ops/s | **50.0 (50.0-50.0)** | – | – | – |", page)
        self.assertNotIn("one, hakmem", picture)

    def test_one_allocator_alone(self):
        page, picture = self.page({"one": {"hakmem": made_of([20])}}, ["hakmem"])
        self.assertNotIn("## Summary", page)
        self.assertNotIn("behind", page)
        self.assertEqual(picture, "")


class Questions(unittest.TestCase):
    def test_prices_are_of_pairs_and_above_the_floor(self):
        both = {"without": made_of([10, 12, 44], floor=4), "with": made_of([20, 12, 55], floor=4)}
        self.assertEqual(price.ratios(both), [0.5, 1, 0.8])
        self.assertEqual(price.above_floor(both), figures.Ratio(0.5, False))

    def test_only_what_every_run_says_is_bold(self):
        self.assertEqual(tuning.ratio_cell([1.1, 1.2, 1.3]), "**1.20**")
        self.assertEqual(tuning.ratio_cell([1.1, 1.2, 0.9]), "1.10")
        self.assertEqual(tuning.ratio_cell([1.01, 1.02, 1.02]), "1.02")
        self.assertEqual(tuning.ratio_cell([1.2, 1.2]), "1.20")

    def test_a_tunables_table_has_its_default_in_its_place(self):
        own, more = made_of([20], peak=2048, rss=1024), made_of([10], peak=4096, rss=1024)
        results = {"one": {"hakmem": own, "hakmem+bin_cap=512": more}}
        page = tuning.table("bin_cap", ["512", "32"], [row("one")], results)
        self.assertEqual(page.splitlines()[0], "| `bin_cap` | 32 | 256 (default) | 512 |")
        self.assertEqual(page.splitlines()[2], "| one | – | 50.0 M ops/s / 2.0 / 1.0 | 2.00 / 2.00 / 1.00 |")
        self.assertEqual([tuning.amount(v) for v in ("0", "10", "8k", "2M", "free")], [0, 10, 8192, 2 << 20, 0])
        self.assertEqual(tuning.written("retain_bytes", 2 << 20), "2m")
        self.assertEqual(tuning.written("bin_cap", 1024), "1024")

    def test_made_parts_go_into_their_places_alone(self):
        text = "A <!-- made: a -->\nold\n<!-- end of a -->\nB\n<!-- made: b -->\n<!-- end of b -->\n"
        filled = made.fill(text, {"a": r"new \\1"})
        self.assertEqual(filled, text.replace("old\n", "\nnew \\\\1\n\n"))
        self.assertEqual(made.fill(filled, {"a": r"new \\1"}), filled)
        with self.assertRaises(made.Unfit):
            made.fill(text, {"c": "nowhere"})


if __name__ == "__main__":
    unittest.main()
