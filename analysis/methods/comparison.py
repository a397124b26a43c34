"""How often a comparison of two independent campaigns is right: coverage of its intervals, false alarms, power.

Series and requests are simulated; from there on it is the package's own comparison: slopes, pooled replicas, quantiles
over requests, Welch's difference, the control of false discoveries. A campaign is ten minutes of load at four requests
a second on a grid of two seconds: memory with a leak of separate losses, resident memory that follows it, file
descriptors, threads, CPU time, ten metrics of an engine with noise that remembers (AR(1), 0 to 0.9), and latencies
that a slow disturbance of the host scales. Both campaigns have the schedule and nothing else in common.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import pandas as pd

from aging.core.metrics import PRIMARY
from aging.findings.comparison.build import judged
from aging.findings.comparison.growth import growth
from aging.findings.comparison.served import served
from aging.findings.comparison.side import Facing, Side
from aging.findings.comparison.types import RATES, Difference
from aging.findings.series import Floats, Series, Window
from analysis.methods.signals import ar1
from analysis.methods.study import conduct, generator, on_all_cores, progress

REPLICATES, _QUICK = 200, 6
RUNS = {1: REPLICATES, 3: REPLICATES, 5: REPLICATES // 5}
"""How many campaigns are compared, by the number of runs on each side."""
SECONDS, WARMUP, GRID, RATE = 600.0, 60.0, 2.0, 4.0
ENGINE = 10
LEVEL = 0.1
LEAK = 8192.0
CASES = ("no difference", "leak +2 KiB", "leak +4 KiB", "latency +10 %", "failures 1 % to 4 %")
_PAGE = 4096.0
_MEMORY = (PRIMARY, "process_rss_bytes")


@dataclass(frozen=True)
class _Campaign:
    """What a comparison reads of one deployment of a campaign."""

    series: dict[str, dict[int, Series]]
    windows: dict[int, Window]
    frames: dict[int, pd.DataFrame]
    name: str = "server"
    verdicts: dict[Any, str] = field(default_factory=dict)

    @property
    def source(self) -> _Campaign:
        return self

    @property
    def results(self) -> _Campaign:
        return self

    @property
    def manifest(self) -> _Campaign:
        return self

    @property
    def schedule_hashes(self) -> dict[str, str]:
        return {f"{self.name}/r{replica:02d}": "one" for replica in self.windows}

    def requests(self, name: str, replica: int) -> pd.DataFrame:
        assert name == self.name
        return self.frames[replica]


def campaign(  # noqa: PLR0913, PLR0917 - what differs between two campaigns
    rng: np.random.Generator, due: list[Floats], leak: float, slower: float, failing: float, spread: float
) -> _Campaign:
    """A campaign of ``len(due)`` replicas; ``spread`` is the relative deviation of a run's leak and latency."""
    series: dict[str, dict[int, Series]] = {}
    frames, windows = {}, {}
    for replica, times in enumerate(due, start=1):
        lots = 1 + spread * rng.standard_normal(2)
        for indicator, (t, y) in _sampled(rng, times, leak * lots[0]).items():
            work = {"requests": np.searchsorted(times, t).astype(np.float64)}
            series.setdefault(indicator, {})[replica] = Series("server", replica, 1, indicator, t, y, work)
        frames[replica] = _requests(rng, times, slower * lots[1], failing)
        windows[replica] = Window(0.0, SECONDS, WARMUP, GRID)
    return _Campaign(series, windows, frames)


def _sampled(rng: np.random.Generator, due: Floats, leak: float) -> dict[str, tuple[Floats, Floats]]:
    t = np.arange(WARMUP, SECONDS, GRID) + GRID / 2
    losses = np.floor(np.cumsum(rng.gamma(0.5, leak / 0.5, due.size)) / _PAGE) * _PAGE
    memory = 64e6 + np.append(0.0, losses)[np.searchsorted(due, t)]
    found = {
        PRIMARY: memory,
        "process_rss_bytes": memory + 16e6 + _PAGE * np.round(8 * ar1(rng, t.size, 0.5)),
        "process_fds": 40 + np.round(ar1(rng, t.size, 0.8)),
        "process_threads": 8 + np.round(0.6 * ar1(rng, t.size, 0.9)),
        "process_cpu_seconds_total": 0.2 + 0.02 * ar1(rng, t.size, 0.3),
    }
    for number in range(ENGINE):
        found[f"engine_metric_{number}"] = 100 + 10 * ar1(rng, t.size, 0.9 * number / (ENGINE - 1))
    return {name: (t, y) for name, y in found.items()}


def _requests(rng: np.random.Generator, due: Floats, slower: float, failing: float) -> pd.DataFrame:
    host = np.exp(0.15 * ar1(rng, int(SECONDS) + 60, 0.9))[due.astype(np.int64)]
    tokens = rng.integers(4, 25, due.size)
    ttft = 0.02 * slower * host * np.exp(0.3 * rng.standard_normal(due.size))
    per_token = 0.005 * slower * host * np.exp(0.2 * rng.standard_normal(due.size))
    last = due + ttft + per_token * (tokens - 1)
    failed = rng.random(due.size) < failing
    return pd.DataFrame(
        {
            "scheduled": due,
            "sent": due,
            "first_token": due + ttft,
            "last_token": last,
            "finished": last,
            "streaming": True,
            "output_tokens": tokens.astype(np.float64),
            "output_tokens_asked": tokens,
            "status": np.where(failed, "error", "ok"),
            "held": False,
        }
    )


def truth(one: Difference, case: str) -> float | None:
    """The true difference of a quantity; None where it is not one number that is known beforehand."""
    if one.indicator in _MEMORY and one.statistic in RATES and case.startswith("leak"):
        more = 2048.0 if case == "leak +2 KiB" else 4096.0
        return {"per_request": more}.get(one.statistic)
    if one.indicator.startswith("client_") and case.startswith(("latency", "failures")):
        latent = one.statistic in ("p50", "p95", "p99")
        if case.startswith("failures"):
            return 0.03 if one.statistic == "share" else 0.0 if latent or one.statistic in RATES else None
        return None if latent else 0.0
    return 0.0


def is_false(one: Difference, case: str) -> bool:
    """Whether a difference that is shown there is a false one."""
    if case.startswith("leak"):
        return one.indicator not in _MEMORY
    if case.startswith("latency"):
        return not (one.indicator.startswith("client_") and one.statistic in ("p50", "p95", "p99"))
    if case.startswith("failures"):
        return one.statistic not in ("share", "per_second")
    return True


def kind(one: Difference) -> str:
    """The row of the table that a quantity belongs to."""
    if one.statistic in RATES:
        if one.indicator in _MEMORY:
            return "memory rate"
        return "latency rate" if one.indicator.startswith("client_") else f"{one.family} rate"
    return {"p50": "median", "share": "failed share", "per_second": "throughput"}.get(one.statistic, one.statistic)


def _trial(rng: np.random.Generator, case: str, runs: int) -> list[Difference]:
    due = [np.sort(rng.uniform(0, SECONDS, rng.poisson(RATE * SECONDS))) for _ in range(runs)]
    spread = 0.02 if runs > 1 else 0.0
    before = campaign(rng, due, LEAK, 1.0, 0.01, spread)
    more = {"leak +2 KiB": 2048.0, "leak +4 KiB": 4096.0}.get(case, 0.0)
    slower = 1.1 if case.startswith("latency") else 1.0
    failing = 0.04 if case.startswith("failures") else 0.01
    after = campaign(rng, due, LEAK + more, slower, failing, spread)
    faced = Facing(cast("Side", before), cast("Side", after), 1)
    return judged([faced], {0: [*growth(faced), *served(faced)]}, LEVEL)


def _rows(cell: tuple[str, int, bool]) -> list[dict[str, object]]:
    case, runs, full = cell
    rng = generator("comparison", case, runs)
    trials = [_trial(rng, case, runs) for _ in range(RUNS[runs] if full else _QUICK)]
    rows: list[dict[str, object]] = []
    for name in dict.fromkeys(kind(one) for one in trials[0]):
        own = [one for trial in trials for one in trial if kind(one) == name and one.p is not None]
        known = [(one, true) for one in own if (true := truth(one, case)) is not None]
        held = [_within(one, true) for one, true in known]
        rows.append(
            {
                "case": case,
                "runs": runs,
                "quantity": name,
                "coverage": np.mean(held) if held else np.nan,
                "p < 0.05": np.mean([one.p is not None and one.p < 0.05 for one in own]),
                "shown": np.mean([one.shown for one in own]),
            }
        )
    shown = [[one for one in trial if one.shown] for trial in trials]
    false = [sum(is_false(one, case) for one in found) / max(len(found), 1) for found in shown]
    rows.append({"case": case, "runs": runs, "quantity": "false share of shown", "shown": np.mean(false)})
    progress(f"{case}, {runs} runs: false share {np.mean(false):.3f}")
    return rows


def _within(one: Difference, true: float) -> bool:
    low = -np.inf if one.low is None else one.low
    high = np.inf if one.high is None else one.high
    return bool(low <= true <= high)


def measure(full: bool) -> pd.DataFrame:
    """One row a case, number of runs and kind of quantity."""
    cells = [(case, runs, full) for runs in RUNS for case in CASES]
    return pd.DataFrame([row for rows in on_all_cores(_rows, cells) for row in rows])


if __name__ == "__main__":
    conduct("comparison", __doc__, measure)
