"""Fractions of 1 under names of percent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aging.tables.choice import Choice
from aging.tables.reader import read, series_of
from aging.tables.series import TableSeries

R = range(30)


def one(name: str, values: list[float]) -> TableSeries:
    (series,) = series_of({"time": np.arange(float(len(values))), name: np.array(values)}, "a", Choice())
    return series


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("vllm:gpu_cache_usage_perc", 100.0),
        ("kv_cache_usage_perc", 100.0),
        ("sglang:token_usage", 100.0),
        ("llamacpp:kv_cache_usage_ratio", 100.0),
        ("vllm:gpu_prefix_cache_hit_rate", None),
        ("hit_ratio", None),
        ('kv_cache_usage_perc{model="m"}', 100.0),
    ],
)
def test_known_fractions_are_percent(name: str, limit: float | None) -> None:
    series = one(name, [0.1 + i / 100 for i in R])
    assert series.measure.base == "%"
    assert series.y[0] == pytest.approx(10.0)
    assert series.limit == limit


@pytest.mark.parametrize("name", ["cpu_percent", "gpu_util_pct", "mem_perc"])
def test_small_numbers_under_a_name_of_percent_are_plain(name: str) -> None:
    series = one(name, [0.1 + i / 100 for i in R])
    assert (series.measure.base, series.y[0]) == ("", 0.1)
    assert one(name, [0.1 + i for i in R]).measure.base == "%"
    assert one(name, [float(i % 2) for i in R]).measure.base == "%"


def test_signs_of_percent_are_percent() -> None:
    assert one("CPU (%)", [0.1 + i / 100 for i in R]).measure.base == "%"
    cells = np.array([f"0.{i + 10}%" for i in R], dtype=object)
    (series,) = series_of({"time": np.arange(30.0), "cpu_percent": cells}, "a", Choice())
    assert (series.measure.base, series.y[0]) == ("%", 0.1)


def test_a_ratio_above_one_is_plain() -> None:
    assert one("compression_ratio", [0.5 + i for i in R]).measure.base == ""


@pytest.mark.parametrize(
    "text", ["KV use. 1 means 100 percent usage.", "share used (0.0-1.0)", "from 0 to 1", "busy, as a fraction"]
)
def test_help_of_a_scrape(text: str, tmp_path: Path) -> None:
    page = f"# HELP engine_busy {text}\n# TYPE engine_busy gauge\nengine_busy "
    path = tmp_path / "a"
    path.write_text("".join(f"Sat Aug  1 12:{i:02d}:00 UTC 2026\n{page}0.{i + 10}\n" for i in R))
    (series,) = read(path, Choice()).series
    assert (series.measure.base, series.y[0]) == ("%", 10.0)


def test_metrics_in_long_form() -> None:
    names = np.array(["vllm:kv_cache_usage_perc", "x"] * 30, dtype=object)
    columns = {"time": np.repeat(np.arange(30.0), 2), "metric": names, "value": np.repeat(np.arange(30.0), 2) / 30}
    usage, other = series_of(columns, "a", Choice())
    assert (usage.measure.base, usage.limit, usage.y[-1]) == ("%", 100.0, pytest.approx(2900 / 30))
    assert (other.measure.base, other.limit) == ("", None)
