"""Paired A/B against two separate runs, on real servers: the reference server, twice, on one busy host.

Every run starts two equal reference servers side by side, 50 requests a second each, for 90 s. Of ``runs`` runs, the
difference of the two servers of one run is paired; that of a server of one run and the other of another run is what two
separate runs of the same length give. ``spread`` is the standard deviation of the estimated difference, whose truth is
0, and ``margin`` the half width of the gate's interval at 1 %: the smallest difference that can be told from none.

    python -m analysis.gate.paired_servers --quick
"""

from __future__ import annotations

import itertools
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from aging.check.judged_series import JudgedSeries, judged_runs
from aging.check.paired import difference
from aging.core.metrics import PRIMARY
from aging.findings.gate import Quantity
from aging.stats.rate_test import Design, RateDecision, decide
from aging.store.results import open_results
from analysis import ROOT
from analysis.methods.study import conduct, progress

_SECONDS = 90
_ALPHA = 0.01
_HOUR = 3600.0
_ASKED: Sequence[tuple[str, Quantity]] = (
    (PRIMARY, "per_request"),
    ("client_ttft_seconds", "per_hour"),
    ("client_e2e_seconds", "per_hour"),
    ("process_cpu_seconds_total", "per_hour"),
)
_NAMES = ("judged", "baseline")

_CAMPAIGN = """
schema = 1
name = "paired"
seed = {seed}
duration = "{seconds}s"
[load]
arrivals = {{ kind = "poisson", rate = 50.0 }}
prompt_tokens = {{ median = 64, p95 = 128, min = 8, max = 256 }}
output_tokens = {{ median = 16, p95 = 32, min = 4, max = 64 }}
[analysis]
grid = "1s"
[[deployment]]
name = "judged"
kind = "reference"
[[deployment]]
name = "baseline"
kind = "reference"
baseline_of = "judged"
"""

Measured = dict[str, dict[str, JudgedSeries]]
"""The series of one run, by server and indicator."""


def measure(full: bool) -> pd.DataFrame:
    seconds = _SECONDS if full else 30
    runs = [_run(number, seconds) for number in range(6 if full else 2)]
    return pd.DataFrame([_row(runs, indicator, quantity, seconds) for indicator, quantity in _ASKED])


def _run(number: int, seconds: int) -> Measured:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "paired.toml").write_text(_CAMPAIGN.format(seed=number + 1, seconds=seconds))
        command = [sys.executable, "-m", "aging", "run", "paired.toml"]
        subprocess.run(command, cwd=folder, env=_environment(), check=True, capture_output=True, timeout=seconds + 240)
        (root,) = (path.parent for path in folder.glob("results/*/*/journal.jsonl"))
        results = open_results(root)
        wanted = [indicator for indicator, _ in _ASKED]
        measured = {name: dict(judged_runs(results, name, wanted, seconds, math.inf)[0].series) for name in _NAMES}
    progress(f"run {number + 1}")
    return measured


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def _row(runs: Sequence[Measured], indicator: str, quantity: Quantity, seconds: int) -> dict[str, float | str | int]:
    def asked(series: JudgedSeries) -> RateDecision:
        part = _HOUR if quantity == "per_hour" else 1.0
        work = series.w if quantity == "per_request" else None
        return decide(series.t, series.y, work, Design(1.0 / part, _ALPHA, _ALPHA, (float(seconds),)), 1)

    part = _HOUR if quantity == "per_hour" else 1.0
    paired = [asked(difference(run["judged"][indicator], run["baseline"][indicator], quantity)) for run in runs]
    alone = {name: [asked(run[name][indicator]) for run in runs] for name in _NAMES}
    apart = [
        (ours.rate - theirs.rate, math.hypot(_margin(ours), _margin(theirs)))
        for (i, ours), (k, theirs) in itertools.product(*(enumerate(alone[name]) for name in _NAMES))
        if i != k and ours.rate is not None and theirs.rate is not None
    ]
    rates = [one.rate for one in paired if one.rate is not None]
    found = {
        "paired_spread": part * float(np.sqrt(np.mean(np.square(rates)))),
        "separate_spread": part * float(np.sqrt(np.mean(np.square([rate for rate, _ in apart])))),
        "paired_margin": part * float(np.median([_margin(one) for one in paired])),
        "separate_margin": part * float(np.median([margin for _, margin in apart])),
    }
    return {
        "indicator": indicator,
        "quantity": quantity,
        "runs": len(runs),
        **found,
        "spread_ratio": found["paired_spread"] / found["separate_spread"],
        "margin_ratio": found["paired_margin"] / found["separate_margin"],
    }


def _margin(one: RateDecision) -> float:
    return math.nan if one.rate is None or one.low is None else one.rate - one.low


if __name__ == "__main__":
    conduct("gate_paired_servers", __doc__, measure)
