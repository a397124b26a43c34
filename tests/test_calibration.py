"""The search for a ceiling: against simulated queues whose capacity is known, and against a real server."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aging.calibrated import rate_of
from aging.calibration import LEAST_REQUESTS, Ceiling, Limits, Step, search, step_of, why_not
from tests.conftest import Aging, unused_port, wait_for

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
def test_the_ceiling_of_a_queue_is_found(capacity: float) -> None:
    ceiling = found(Queue(capacity))
    assert ceiling.rate is not None
    assert ceiling.held is not None
    assert ceiling.saturated is not None
    assert 0.6 * capacity <= ceiling.rate <= 1.1 * capacity
    assert ceiling.held < ceiling.saturated <= 1.1 * ceiling.held * (1 + 1e-9)
    assert len(ceiling.steps) < 20


def test_a_queue_beyond_every_rate_is_not_said_to_have_a_ceiling() -> None:
    limits = Limits(start=1.0, most=20.0)
    ceiling = found(Queue(100.0), limits)
    assert ceiling.rate is None
    assert ceiling.bound == "rate"
    assert rate_of(ceiling, 0.85) is None
    assert "not saturated at 20 req/s" in why_not(ceiling, limits)


def test_a_queue_below_every_rate_is_told() -> None:
    ceiling = found(Queue(0.2), Limits(start=8.0, least=4.0))
    assert (ceiling.held, ceiling.bound) == (None, "floor")
    assert min(step.rate for step in ceiling.steps) == 4.0


def test_the_search_ends_in_its_time() -> None:
    queue, clock = Queue(300.0), iter(range(0, 10_000, 15))
    limits = Limits(start=1.0, seconds=60.0)
    ceiling = asyncio.run(search("q", queue.measure, limits, now=lambda: float(next(clock))))
    assert ceiling.bound == "time"
    assert len(queue.rates) <= 3
    assert "--most" in why_not(ceiling, limits)


def test_a_hiccup_is_no_ceiling() -> None:
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


def test_a_late_client_ends_the_search() -> None:
    queue = Queue(100.0)

    async def measure(rate: float) -> Step:
        step = await queue.measure(rate)
        late = 0.5 if rate > 10 else 0.0
        return Step(**{name: getattr(step, name) for name in Step.__slots__} | {"late": late})

    ceiling = asyncio.run(search("q", measure, LIMITS))
    assert ceiling.bound == "client"
    assert "client" in why_not(ceiling, LIMITS)


def test_a_steady_queue_is_seldom_called_saturated() -> None:
    queue = Queue(10.0, seed=5)
    steps = [asyncio.run(queue.measure(6.0)) for _ in range(100)]
    assert sum(step.saturated is not None for step in steps) <= 3


@pytest.mark.parametrize("rate", [14.0, 20.0, 40.0])
def test_an_overloaded_queue_is_always_called_saturated(rate: float) -> None:
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


@pytest.mark.slow
def test_a_campaign_that_requires_a_calibration_runs_once_it_has_one(aging: Aging, tmp_path: Path) -> None:
    file, out = campaign(tmp_path), tmp_path / "out.toml"
    refused = aging("run", file)
    assert refused.returncode == 2
    assert "load.require_calibration: there is no small.calibration.json" in refused.stderr

    # Four at a time, a twentieth of a second each: requests are dropped long before 80 a second.
    flags = ("--step", "1500ms", "--settle", "300ms", "--from-rate", "20", "--precision", "0.7")
    made = aging("calibrate", file, *flags, "--write", out, timeout=180)
    assert made.returncode == 0, made.stdout + made.stderr
    told = json.loads((tmp_path / "small.calibration.json").read_text())
    (one,) = told["deployments"]
    assert 5 <= one["ceiling"] < one["saturated"] <= 160
    assert one["rate"] == pytest.approx(0.85 * one["ceiling"], rel=1e-3)
    assert "<svg" in (tmp_path / "small.calibration.svg").read_text()
    assert tomllib.loads(out.read_text())["deployment"][0]["rate"] == one["rate"]

    assert aging("doctor", out).returncode == 0
    changed = file.read_text().replace("tokens = 8", "tokens = 9")
    file.write_text(changed)
    stale = aging("run", file)
    assert stale.returncode == 2
    assert "made for other deployments, another load or another host" in stale.stderr


def test_what_is_not_saturated_is_refused(aging: Aging, tmp_path: Path) -> None:
    flags = ("--step", "3s", "--settle", "200ms", "--from-rate", "10", "--max-rate", "10")
    made = aging("calibrate", campaign(tmp_path), *flags, "--write", tmp_path / "out.toml")
    assert made.returncode == 3
    assert "no ceiling found: not saturated at 10 req/s" in made.stdout
    assert not (tmp_path / "out.toml").exists()
    refused = aging("run", tmp_path / "small.toml")
    assert refused.returncode == 2
    assert "small.calibration.json found no ceiling of control" in refused.stderr


def test_where_the_rates_cannot_be_written_is_told_before_anything_is_measured(aging: Aging, tmp_path: Path) -> None:
    made = aging("calibrate", campaign(tmp_path), "--write", tmp_path / "none" / "out.toml", timeout=30)
    assert made.returncode == 2
    assert f"--write: there is no folder {tmp_path / 'none'}" in made.stderr


def test_a_calibration_that_is_killed_leaves_no_server(
    start_aging: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    file = campaign(tmp_path)
    port = tomllib.loads(file.read_text())["deployment"][0]["port"]

    def listening() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    process = start_aging("calibrate", file, "--step", "30s")
    wait_for(listening, "the server does not listen")
    process.kill()
    process.wait()
    wait_for(lambda: not listening(), "the server was left behind")


def test_a_server_that_dies_is_told(aging: Aging, tmp_path: Path) -> None:
    file = campaign(tmp_path)
    text = (
        file.read_text().replace('kind = "reference"', 'kind = "command"').replace('ttft = "45ms"\ntoken = "1ms"\n', "")
    )
    dies = "import subprocess, sys; subprocess.run([*sys.argv[1:]], timeout=6)"
    command = ["python3", "-c", dies, sys.executable, "-m", "aging.reference", "--port", "{port}"]
    file.write_text(text + f"command = {json.dumps(command)}\n")
    made = aging("calibrate", file, "--step", "20s")
    assert made.returncode == 3
    assert "died while it was calibrated" in made.stderr


def test_an_interrupt_leaves_nothing_behind(start_aging: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    process = start_aging("calibrate", campaign(tmp_path), "--step", "30s")
    time.sleep(4)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=45)
    assert process.returncode == 130, output
    assert not list(tmp_path.glob("*.calibration.*"))


def test_options_that_bound_nothing_are_told_at_once(aging: Aging, tmp_path: Path) -> None:
    file = campaign(tmp_path)
    made = aging("calibrate", file, "--step", "0s", "--most", "soon", "--fraction", "2", "--from-rate", "nan")
    assert made.returncode == 2
    for option in ("--step", "--most", "--fraction", "--from-rate"):
        assert option in made.stderr
    assert aging("calibrate", file, "--deployment", "nobody").returncode == 2


def test_a_load_without_a_rate_is_told(aging: Aging, tmp_path: Path) -> None:
    file = campaign(tmp_path)
    closed = file.read_text().replace('kind = "constant", rate = 20.0', 'kind = "closed", concurrency = 2')
    file.write_text(closed)
    made = aging("calibrate", file)
    assert made.returncode == 2
    assert "a closed loop has no rate to calibrate" in made.stderr
