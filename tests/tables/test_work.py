"""Which columns of a table count requests and tokens."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from aging.tables.reader import Choice, series_of
from aging.tables.work import work_of

ROWS = np.ones(5, dtype=bool)
COUNTED = np.array([0, 1, 1, 2, 5])


def found(columns: dict[str, Any], column: str = "rss") -> dict[str, list[float]]:
    table = {"rss": np.arange(5.0), **columns}
    return {kind: list(counted) for kind, counted in work_of(table, column, ROWS).items()}


@pytest.mark.parametrize(
    "name",
    [
        "requests",
        "Requests",
        " requests ",
        "http_requests_total",
        "vllm:request_total",
        "queries.sent",
        "requests_done",
    ],
)
def test_names_of_requests(name: str) -> None:
    assert found({name: COUNTED}) == {"requests": list(COUNTED)}


@pytest.mark.parametrize("name", ["tokens", "generation_tokens_total", "prompt_token_count", "tokens.generated"])
def test_names_of_tokens(name: str) -> None:
    assert found({name: COUNTED}) == {"tokens": list(COUNTED)}


@pytest.mark.parametrize("name", ["request_seconds", "requests_per_second", "tokens_cached", "prequests", "count"])
def test_other_names(name: str) -> None:
    assert found({name: COUNTED}) == {}


@pytest.mark.parametrize(
    "values",
    [[0, 1, 2, 1, 3], [3, 3, 3, 3, 3], [0.0, 1.0, np.nan, 2.0, 3.0], [0.0, 1.0, 2.0, 3.0, np.inf], ["0"] * 5],
)
def test_values_that_are_no_count(values: list[Any]) -> None:
    assert found({"requests": np.array(values)}) == {}


def test_first_count_of_each_kind() -> None:
    columns = {"requests_sent": COUNTED[::-1], "requests_done": COUNTED, "requests_total": 2 * COUNTED}
    assert found(columns) == {"requests": list(COUNTED)}


def test_analyzed_column_is_no_work_of_its_own() -> None:
    assert found({"requests": COUNTED}, "requests") == {}


def test_count_of_each_group() -> None:
    """One count that falls over the whole table, since it starts again in the second group."""
    table = {
        "t": np.tile(np.arange(4.0), 2),
        "pid": np.repeat([1, 2], 4),
        "requests": np.r_[0:4, 0:8:2],
        "rss": np.arange(8.0),
    }
    assert work_of(table, "rss", np.ones(8, dtype=bool)) == {}
    first, second = series_of(table, "a", Choice(columns=["rss"], per="pid"))
    assert (list(first.work["requests"]), list(second.work["requests"])) == ([0, 1, 2, 3], [0, 2, 4, 6])


def test_count_follows_rows_left_out_and_sorted() -> None:
    table = {
        "t": np.array([3.0, 1.0, 2.0, 4.0]),
        "rss": np.array([1.0, 2.0, np.nan, 3.0]),
        "tokens": np.array([5, 6, 7, 8]),
    }
    (series,) = series_of(table, "a", Choice(columns=["rss"]))
    assert list(series.t) == [0.0, 2.0, 3.0]
    assert list(series.work["tokens"]) == [6, 5, 8]
