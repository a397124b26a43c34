"""What ``aging trend`` prints of many series."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console

from aging.findings.table_analysis import analyze_series
from aging.report.table_text import show, worst_first
from aging.tables.series import LeftOut, TableReading, TableSeries

T = np.arange(0.0, 7200, 120.0)
NOISE = np.random.default_rng(1).normal(0, 1, T.size)


def printed(series: list[TableSeries], left_out: int = 0) -> list[str]:
    reading = TableReading(tuple(series), tuple(LeftOut(f"text{k}", "a", "is text") for k in range(left_out)))
    out = io.StringIO()
    show(reading, [analyze_series(one, {}, None, None) for one in series], Console(file=out, width=200))
    return out.getvalue().splitlines()


@pytest.mark.thorough
def test_many_series_are_counted_and_the_worst_shown() -> None:
    series = [TableSeries(f"flat{k}", T, NOISE) for k in range(95)]
    series.insert(60, TableSeries("leak", T, 0.1 * T + NOISE))
    lines = printed(series, left_out=50)
    assert len(lines) < 100
    assert any(line.startswith("leak: aging") for line in lines)
    rows = [line.split()[0] for line in lines if line.split()[1:2] == ["60"]]
    assert (len(rows), rows[0]) == (30, "leak")
    assert "… and 66 more: 66 stable" in "\n".join(lines)
    assert "20 more columns" in "\n".join(lines)


def test_few_series_keep_their_order() -> None:
    series = [TableSeries("flat", T, NOISE), TableSeries("leak", T, 0.1 * T + NOISE)]
    lines = printed(series)
    assert not any("more" in line for line in lines if line.startswith("…"))
    assert [line.split()[0] for line in lines if line.split()[1:2] == ["60"]] == ["flat", "leak"]


def test_worst_first() -> None:
    flat, leak = (
        analyze_series(TableSeries(name, T, y), {}, None, None)
        for name, y in (("flat", NOISE), ("leak", 0.1 * T + NOISE))
    )
    assert [one.name for one in worst_first([flat, leak])] == ["leak", "flat"]
