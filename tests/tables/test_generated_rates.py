"""A leak of a known rate is found at this rate in files of many formats, units and shapes, over restarts as well."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from aging.findings.table_analysis import analyze_series
from aging.tables.choice import Choice
from aging.tables.reader import read
from tests.tables.generated import SHAPES, TIMES, VALUES, impossible, leak

QUICK = settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
LONG = settings(max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck))
NOT_LINEAR = ("percent", "percent by name", "docker", "decimal comma")
"""Cells of these are no line of the number that they are made of."""

FILES = {
    "time": st.sampled_from(sorted(TIMES)),
    "value": st.sampled_from(sorted(set(VALUES) - set(NOT_LINEAR))),
    "shape": st.sampled_from(SHAPES),
    "restarts": st.sampled_from([0, 0, 1, 3, 5]),
    "seed": st.integers(0, 10**6),
}


def check(time: str, value: str, shape: str, restarts: int, seed: int) -> None:
    assume(not impossible(time, value, shape))
    made = leak(time, value, shape, restarts, seed)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(made.content)
        (series,) = read(path, Choice()).series
    found = analyze_series(series, {}, None, None)
    assert found.verdict == "aging", made.about
    assert len(found.restarts) == made.restarts, made.about
    assert found.rate is not None
    assert found.rate.rate * 3600 == pytest.approx(made.per_hour, rel=0.05), made.about


@pytest.mark.thorough
@QUICK
@given(**FILES)
def test_rates_of_generated_files(time: str, value: str, shape: str, restarts: int, seed: int) -> None:
    check(time, value, shape, restarts, seed)


@pytest.mark.slow
@pytest.mark.timeout(900)
@LONG
@given(**FILES)
def test_rates_of_thousand_generated_files(time: str, value: str, shape: str, restarts: int, seed: int) -> None:
    check(time, value, shape, restarts, seed)
