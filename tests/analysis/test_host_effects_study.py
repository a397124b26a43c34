"""The study of host effects in small: truth is held, a doubled host is named, and no other."""

from __future__ import annotations

from analysis.study.host_effects import coverage, naming


def test_intervals_hold_the_truth() -> None:
    row = coverage(5, 2.0, 20)
    assert float(str(row["mean"])) >= 0.7
    assert float(str(row["host sd"])) >= 0.7


def test_doubled_host_is_named() -> None:
    row = naming("doubled", "one cell", 8, 0.05, 5)
    assert (row["named"], row["false"]) == (1.0, 0.0)
