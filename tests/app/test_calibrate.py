"""The search for a ceiling: against simulated queues whose capacity is known."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import aging.app.calibrate
from aging.app.calibration_file import rate_of
from aging.findings.saturation import LEAST_REQUESTS, Ceiling, Limits, Step, search, step_of, why_not
from tests.conftest import Aging, unused_port

LIMITS = Limits(start=1.0, most=500.0, seconds=1e6)


class Queue:
    """Requests come as a Poisson process and are served in turn, ``capacity`` a second; records as the client's."""

    def __init__(self, capacity: float, cap: int = 64, seed: int = 1) -> None:
        self.capacity, self.cap, self.rates = capacity, cap, list[float]()
        self._rng = np.random.default_rng(seed)

    async def measure(self, rate: float) -> Step:
        self.rates.append(rate)
        settle, window = 5.0, max(20.0, LEAST_REQUESTS / rate)
        gaps = self._rng.exponential(1 / rate, int(rate * (settle + window) * 2) + 20)
        due = np.cumsum(gaps)
        due = due[due < settle + window]
        ends: list[float] = []
        rows = []
        for at in due:
            in_flight = sum(end > at for end in ends[-self.cap :])
            if in_flight >= self.cap:
                rows.append((at, np.nan, at, "dropped"))
                continue
            ends.append(max(at, ends[-1] if ends else 0.0) + 1 / self.capacity)
            rows.append((at, at, ends[-1], "ok"))
        requests = pd.DataFrame(rows, columns=["scheduled", "sent", "finished", "status"])
        requests["first_token"] = requests["last_token"] = requests["finished"].where(requests["status"] == "ok")
        requests["streaming"], requests["output_tokens"] = True, 8
        return step_of(requests, rate, settle, settle + window)


def found(queue: Queue, limits: Limits = LIMITS) -> Ceiling:
    return asyncio.run(search("q", queue.measure, limits))


@pytest.mark.parametrize("capacity", [0.3, 2.0, 8.0, 40.0])
def test_ceiling_found(capacity: float) -> None:
    ceiling = found(Queue(capacity))
    assert ceiling.rate is not None
    assert ceiling.held is not None
    assert ceiling.saturated is not None
    assert 0.6 * capacity <= ceiling.rate <= 1.1 * capacity
    assert ceiling.held < ceiling.saturated <= 1.1 * ceiling.held * (1 + 1e-9)
    assert len(ceiling.steps) < 20


def test_ceiling_above_max_rate() -> None:
    limits = Limits(start=1.0, most=20.0)
    ceiling = found(Queue(100.0), limits)
    assert ceiling.rate is None
    assert ceiling.bound == "rate"
    assert rate_of(ceiling, 0.85) is None
    assert "not saturated at 20 req/s" in why_not(ceiling, limits)


def test_ceiling_below_min_rate() -> None:
    ceiling = found(Queue(0.2), Limits(start=8.0, least=4.0))
    assert (ceiling.held, ceiling.bound) == (None, "floor")
    assert min(step.rate for step in ceiling.steps) == 4.0


def test_search_time_limit() -> None:
    queue, clock = Queue(300.0), iter(range(0, 10_000, 15))
    limits = Limits(start=1.0, seconds=60.0)
    ceiling = asyncio.run(search("q", queue.measure, limits, now=lambda: float(next(clock))))
    assert ceiling.bound == "time"
    assert len(queue.rates) <= 3
    assert "--most" in why_not(ceiling, limits)


@pytest.mark.thorough
def test_single_slow_step_is_not_a_ceiling() -> None:
    queue = Queue(40.0)
    hiccup = Queue(0.5)

    async def measure(rate: float) -> Step:
        slow = rate == 8.0 and queue.rates.count(8.0) == 0
        step = await (hiccup if slow else queue).measure(rate)
        queue.rates.append(rate)
        return step

    ceiling = asyncio.run(search("q", measure, LIMITS))
    assert ceiling.held is not None
    assert ceiling.held > 20.0


def test_late_client_ends_search() -> None:
    queue = Queue(100.0)

    async def measure(rate: float) -> Step:
        step = await queue.measure(rate)
        late = 0.5 if rate > 10 else 0.0
        return Step(**{name: getattr(step, name) for name in Step.__slots__} | {"late": late})

    ceiling = asyncio.run(search("q", measure, LIMITS))
    assert ceiling.bound == "client"
    assert "client" in why_not(ceiling, LIMITS)


@pytest.mark.thorough
def test_false_saturation_rate() -> None:
    queue = Queue(10.0, seed=5)
    steps = [asyncio.run(queue.measure(6.0)) for _ in range(100)]
    assert sum(step.saturated is not None for step in steps) <= 3


@pytest.mark.parametrize("rate", [14.0, *(pytest.param(rate, marks=pytest.mark.thorough) for rate in (20.0, 40.0))])
def test_overload_is_saturated(rate: float) -> None:
    queue = Queue(10.0, cap=10_000, seed=6)
    assert all(asyncio.run(queue.measure(rate)).saturated for _ in range(20))


def campaign(folder: Path, more: str = "") -> Path:
    path = folder / "small.toml"
    path.write_text(
        f"""
name = "small"
seed = 7
duration = "5s"
warmup = "1s"
[load]
arrivals = {{ kind = "constant", rate = 20.0 }}
prompt_tokens = {{ kind = "fixed", tokens = 8 }}
output_tokens = {{ kind = "fixed", tokens = 4 }}
concurrency_cap = 4
require_calibration = true
[sampling]
process = "200ms"
[analysis]
grid = "200ms"
[[deployment]]
name = "control"
kind = "reference"
port = {unused_port()}
ttft = "45ms"
token = "1ms"
{more}"""
    )
    return path


def test_uncalibrated_campaign_refused(cli: Aging, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never_saturated(*_: object) -> list[Ceiling]:
        return [await search("control", Queue(100.0).measure, Limits(start=1.0, most=20.0))]

    monkeypatch.setattr(aging.app.calibrate, "calibrate", never_saturated)
    made = cli("calibrate", campaign(tmp_path), "--max-rate", "20", "--write", tmp_path / "out.toml")
    assert made.returncode == 3
    (one,) = json.loads((tmp_path / "small.calibration.json").read_text())["deployments"]
    assert one["ceiling"] is None
    assert not (tmp_path / "out.toml").exists()
    refused = cli("run", tmp_path / "small.toml")
    assert refused.returncode == 2
    assert "load.require_calibration" in refused.stderr
    assert not (tmp_path / "results").exists()


def test_write_folder_missing(cli: Aging, tmp_path: Path) -> None:
    made = cli("calibrate", campaign(tmp_path), "--write", tmp_path / "none" / "out.toml")
    assert made.returncode == 2
    assert str(tmp_path / "none") in made.stderr


def test_invalid_options_reported_together(cli: Aging, tmp_path: Path) -> None:
    file = campaign(tmp_path)
    made = cli("calibrate", file, "--step", "0s", "--most", "soon", "--fraction", "2", "--from-rate", "nan")
    assert made.returncode == 2
    for option in ("--step", "--most", "--fraction", "--from-rate"):
        assert option in made.stderr
    assert cli("calibrate", file, "--deployment", "nobody").returncode == 2


def test_closed_loop_refused(cli: Aging, tmp_path: Path) -> None:
    file = campaign(tmp_path)
    closed = file.read_text().replace('kind = "constant", rate = 20.0', 'kind = "closed", concurrency = 2')
    file.write_text(closed)
    made = cli("calibrate", file)
    assert made.returncode == 2
    assert "a closed loop has no rate to calibrate" in made.stderr
