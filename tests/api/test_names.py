"""Results, called wrongly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import aging
from aging.core.errors import AgingError, InputError
from aging.core.metrics import PRIMARY
from tests.conftest import ROOT


def test_a_path_that_is_no_result_directory_says_what_it_is(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(AgingError, match="does not exist"):
        aging.load_results(tmp_path / "none")
    with pytest.raises(AgingError, match=r"is not a result directory .* the latest below it is .*campaign"):
        aging.load_results(tmp_path)
    with pytest.raises(AgingError, match="is not a result directory"):
        aging.analyze(folder / "leaking")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda r: r.samples("leakng", "process"), "no deployment 'leakng'; did you mean 'leaking'"),
        (lambda r: r.samples("leaking", "proces"), "left no rows of 'proces'; did you mean 'process'"),
        (lambda r: r.samples("leaking", "device"), "left no rows of 'device'; known: process, requests"),
        (lambda r: r.samples("leaking", "process", 2), "no replica 2; it has: 1"),
        (lambda r: r.samples("leaking", "process", columns=["procss_fds"]), "has no column 'procss_fds'"),
        (lambda r: r.samples("leaking", "process", "1"), "no replica '1'; it has: 1"),
        (lambda r: r.samples("leaking", "process", columns="mono"), "give a list of names, like ['mono']"),
        (lambda r: r.requests("nobody"), "no deployment 'nobody'; known: _harness, leaking, steady"),
        (lambda r: r.requests("leaking", base="due"), "base: 'due' is unknown; known: scheduled, sent, waited"),
        (lambda r: r.series("leaking", "process_anon_swap"), "did you mean 'process_anon_swap_bytes'"),
        (lambda r: r.series("leaking", "process_fds"), "has no series of process_fds; it has: process_anon_swap_bytes"),
        (lambda r: r.series("leakng", PRIMARY), "did you mean 'leaking'"),
        (lambda r: r.plot.memory("leakng"), "did you mean 'leaking'"),
        (lambda r: r.plot.latency("leaking", 4), "no replica 4; it has: 1"),
    ],
)
def test_a_wrong_name_says_which_are_there(folder: Path, call: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        call(aging.load_results(folder))
    assert message in str(caught.value)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, AgingError)


def test_samples_of_requests_points_to_requests() -> None:
    with pytest.raises(InputError, match=r"call requests\('reference-leak'\)"):
        aging.load_results(ROOT / "results" / "first-look").samples("reference-leak", "requests")


@pytest.mark.parametrize("path", [None, 5, b"results", ""])
def test_load_results_wants_a_path(path: Any) -> None:
    with pytest.raises(InputError, match="is not a path"):
        aging.load_results(path)
