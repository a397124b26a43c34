"""Files that are written in many formats, units and shapes come back as they were measured."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from aging.tables.reader import read
from tests.tables.generated import SHAPES, TIMES, VALUES, assert_read, impossible, make

QUICK = settings(suppress_health_check=list(HealthCheck))
LONG = settings(max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck))
FILES = {
    "time": st.sampled_from(sorted(TIMES)),
    "value": st.sampled_from(sorted(VALUES)),
    "shape": st.sampled_from(SHAPES),
    "labelled": st.sampled_from(["one", "interleaved", "stacked", "constant"]),
    "seed": st.integers(0, 10**6),
}


def check(time: str, value: str, shape: str, labelled: str, seed: int) -> None:
    assume(not impossible(time, value, shape))
    case = make(time, value, shape, labelled, seed)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(case.content)
        reading = read(path, case.choice)
    assert_read(case, [(one.labels, one.t, one.y) for one in reading.series])


@QUICK
@given(**FILES)
def test_generated_files(time: str, value: str, shape: str, labelled: str, seed: int) -> None:
    check(time, value, shape, labelled, seed)


@pytest.mark.slow
@LONG
@given(**FILES)
def test_thousand_generated_files(time: str, value: str, shape: str, labelled: str, seed: int) -> None:
    check(time, value, shape, labelled, seed)
