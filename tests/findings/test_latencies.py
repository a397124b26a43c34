"""The 95th percentile of a latency beside its median: it sees what the median cannot, and asks by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import aging.findings.series
from aging.core.metrics import indicators, is_tail
from aging.findings.build import analyze
from aging.findings.series import Measured
from aging.findings.types import Finding
from aging.runner.catalogue import Catalogue
from tests.builders import LOAD_START, RATE, SECONDS, with_requests

TESTS = Catalogue.discovered().tests
TAILS = {f"client_{name}_p95_seconds" for name in ("ttft", "tpot", "e2e")}


def slower_tail(growing: bool) -> dict[int, dict[str, Any]]:
    """Every tenth request waits longer for its first token, ever longer where it is ``growing``."""
    rng = np.random.default_rng(1)
    changed = {}
    for k, at in enumerate(np.arange(0.1, SECONDS, 1 / RATE)):
        wait = 0.01 + 0.001 * rng.random()
        if k % 10 == 0:
            wait += 0.5 * (at / SECONDS if growing else 0.5)
        sent = LOAD_START + float(at)
        changed[k] = {"first_token": sent + wait, "last_token": sent + wait + 0.04, "finished": sent + wait + 0.04}
    return changed


def found(root: Path, *, growing: bool) -> dict[str, Finding]:
    findings = analyze(with_requests(root, slower_tail(growing)), TESTS).findings
    return {one.indicator: one for one in findings if one.deployment == "server"}


def test_growing_tail(tmp_path: Path) -> None:
    ages = {name: one.verdict for name, one in found(tmp_path, growing=True).items() if one.verdict == "aging"}
    assert "client_ttft_p95_seconds" in ages
    assert not {"client_ttft_seconds", "client_e2e_seconds"} & set(ages)


def test_tail_definition(tmp_path: Path) -> None:
    results = with_requests(tmp_path, slower_tail(growing=False))
    series = {one.indicator: one for one in Measured(results).of("server", 1)}
    tail, requests = series["client_ttft_p95_seconds"], results.requests("server")
    since = requests["finished"] - LOAD_START
    cell = requests[(since >= 60.0) & (since < 65.0)]
    assert tail.t[0] == 62.5
    assert np.isclose(tail.y[0], np.quantile(cell["first_token"] - cell["sent"], 0.95))
    assert {name for name in series if is_tail(name)} == TAILS <= set(indicators())


@pytest.mark.thorough
def test_tails_are_a_family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = with_requests(tmp_path, slower_tail(growing=True))
    whole = analyze(results, TESTS).findings
    monkeypatch.setattr(aging.findings.series, "_TAILS", {})
    without = analyze(results, TESTS).findings
    assert [one for one in whole if one.indicator not in TAILS] == without
    assert all(one.q is not None for one in whole)
