"""Lengths have the distribution they were asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from aging.core.errors import AgingError
from aging.load.lengths.base import Lengths
from aging.load.schedule.classes import length_kinds
from aging.load.schedule.rng import Draws


def lengths(**table: Any) -> Lengths[Any]:
    plugin = length_kinds()[table["kind"]]
    return plugin(plugin.options_table.model_validate(table))


def drawn(count: int = 50_000, **table: Any) -> np.ndarray:
    tokens = lengths(**table).tokens(Draws("1"), count, None)
    assert tokens.dtype == np.int64
    assert tokens.shape == (count,)
    return tokens


def test_log_normal_lengths_have_their_median_and_p95() -> None:
    tokens = drawn(kind="log-normal", median=100, p95=300, min=10, max=1000)
    assert np.median(tokens) == pytest.approx(100, rel=0.02)
    assert np.quantile(tokens, 0.95) == pytest.approx(300, rel=0.02)
    assert (tokens.min(), tokens.max()) == (10, 1000)
    assert set(drawn(kind="log-normal", median=20, p95=20, min=1, max=100)) == {20}


def test_fixed_lengths() -> None:
    assert set(drawn(kind="fixed", tokens=17)) == {17}


def test_zipf_lengths_follow_their_power_law() -> None:
    tokens = drawn(kind="zipf", exponent=1.5, max=1000)
    share = [np.mean(tokens == k) for k in (1, 2, 4)]
    assert share[0] / share[1] == pytest.approx(2**1.5, rel=0.06)
    assert share[0] / share[2] == pytest.approx(4**1.5, rel=0.08)
    assert tokens.max() <= 1000


@pytest.mark.parametrize(("exponent", "mean"), [(2.0, 128), (1.5, 256), (1.15, 512), (1.0005, 1024)])
def test_zipf_lengths_have_llumnixs_means(exponent: float, mean: int) -> None:
    tokens = drawn(200_000, kind="zipf", exponent=exponent, mean=mean, max=6144)
    # The cut at 6144 tokens takes from the mean what it takes in Llumnix's generator, and rounding up gives a half.
    ranks = np.arange(1, 2 * mean)
    weights = ranks**-exponent / np.sum(ranks**-exponent)
    scaled = np.minimum(np.ceil(ranks * mean / np.sum(ranks * weights)), 6144)
    assert tokens.mean() == pytest.approx(np.sum(scaled * weights), rel=0.03)
    assert tokens.max() <= 6144


def test_empirical_lengths_are_those_of_the_column(tmp_path: Path) -> None:
    file = tmp_path / "lengths.csv"
    file.write_text("a,tokens\n" + "x,5\nx,5\nx,900\ny,20\n")
    tokens = drawn(kind="empirical", file=str(file), column="tokens", max=100)
    shares = {int(value): float(np.mean(tokens == value)) for value in set(tokens)}
    assert shares == pytest.approx({5: 0.5, 20: 0.25, 100: 0.25}, abs=0.02)


def test_a_file_without_lengths_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "lengths.csv"
    file.write_text("a,tokens\nx,5\nx,-3\n")
    with pytest.raises(AgingError, match=r"lengths.csv, line 3: column 'tokens': '-3' is negative"):
        drawn(kind="empirical", file=str(file), column="tokens", max=100)
    with pytest.raises(AgingError, match="there is no file"):
        drawn(kind="empirical", file=str(tmp_path), column="tokens", max=100)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"kind": "log-normal", "median": 5, "p95": 3, "min": 1, "max": 9}, "ordered min ≤ median ≤ p95 ≤ max"),
        ({"kind": "zipf", "exponent": 1, "max": 10, "mean": 11}, "`mean` must not be above `max`"),
        ({"kind": "empirical", "file": "a", "column": "b", "min": 3, "max": 2}, "`min` must not be above `max`"),
    ],
)
def test_keys_that_make_no_sense_are_refused(table: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        lengths(**table)
