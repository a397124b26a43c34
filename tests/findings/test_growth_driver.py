"""What drives a growth: phases of different load tell a leak from a high-water mark and from the clock."""

from __future__ import annotations

from itertools import takewhile

import numpy as np
import pytest

from aging.core.metrics import PRIMARY
from aging.findings.growth_driver import GrowthDriver, growth_driver
from aging.findings.series import Series
from aging.load.arrivals.dose import Dose, DoseOptions
from aging.load.schedule.rng import Draws

KIB = 1024.0
T = np.arange(1.0, 1201.0)
PHASES = [(0.0, 400.0), (400.0, 800.0), (800.0, 1200.0)]
LOAD = np.select([T <= 400, T <= 800], [2.0, 6.0], 0.0)


def dose(rate: float, phase: str, levels: tuple[float, ...] = (1.0, 3.0, 0.0)) -> Dose:
    return Dose(DoseOptions.model_validate({"kind": "dose", "rate": rate, "levels": levels, "phase": phase}))


def found(memory: np.ndarray, load: np.ndarray = LOAD) -> GrowthDriver:
    rng = np.random.default_rng(0)
    requests = np.cumsum(rng.poisson(load)).astype(np.float64)
    noise = rng.normal(0, 2 * KIB, T.size)
    return growth_driver(Series("a", 1, 1, PRIMARY, T, memory + noise, {"requests": requests}, PHASES))


def test_leak_per_request() -> None:
    driver = found(16 * KIB * np.cumsum(LOAD))
    assert driver.driver == "requests"
    assert driver.dose is not None
    assert driver.dose.phases == 3
    low, high = driver.dose.ci_per_request
    assert low < 16 * KIB < high
    assert driver.dose.share_of_requests is not None
    assert driver.dose.share_of_requests > 0.95
    assert [note.code for note in driver.notes] == ["dose_same"]


def test_growth_by_clock() -> None:
    driver = found(64 * KIB * T)
    assert driver.driver == "seconds"
    assert driver.dose is not None
    assert driver.dose.share_of_requests is not None
    assert driver.dose.share_of_requests < 0.1
    assert driver.dose.ci_per_hour[0] < 64 * KIB * 3600 < driver.dose.ci_per_hour[1]


def test_high_water_mark() -> None:
    settled = 1 - np.exp(-(T % 400) / 60)
    driver = found(np.select([T <= 400, T <= 800], [20e6 * settled, 20e6 + 40e6 * settled], 60e6))
    assert driver.dose is not None
    assert driver.dose.same_p is not None
    (note,) = driver.notes
    assert note.code in ("dose_differs", "dose_no_request_growth")


def test_steady_load() -> None:
    steady = np.full(T.size, 3.0)
    driver = found(16 * KIB * np.cumsum(steady), steady)
    assert driver.dose is None
    assert driver.notes == ()


@pytest.mark.parametrize("seed", range(5))
def test_phases(seed: int) -> None:
    arrivals = dose(20.0, "30s")
    draws = Draws(f"{seed}")
    phases = arrivals.phases(draws, 300.0)
    assert [(phase.start, phase.end) for phase in phases] == [(30.0 * k, 30.0 * (k + 1)) for k in range(10)]
    assert all(sorted(phase.rate for phase in phases[k : k + 3]) == [0.0, 20.0, 60.0] for k in (0, 3, 6))
    times = (
        np.concatenate(list(takewhile(lambda chunk: chunk.size == 0 or chunk[0] < 300e9, arrivals.times(draws)))) / 1e9
    )
    assert np.all(np.diff(times) >= 0)
    for phase in phases:
        count = np.count_nonzero((times >= phase.start) & (times < phase.end))
        assert abs(count - 30 * phase.rate) <= 5 * np.sqrt(30 * phase.rate)


def test_phase_order_by_seed() -> None:
    arrivals = dose(1.0, "1s")
    orders = {tuple(phase.rate for phase in arrivals.phases(Draws(f"{seed}"), 6.0)) for seed in range(20)}
    assert len(orders) > 5
    assert arrivals.phases(Draws("3"), 6.0) == arrivals.phases(Draws("3"), 6.0)


def test_mean_rate() -> None:
    arrivals = dose(1.0, "10s").at_rate(8.0)
    assert np.mean([phase.rate for phase in arrivals.phases(Draws("0"), 60.0)]) == pytest.approx(8.0)


@pytest.mark.parametrize("levels", [(1.0,), (1.0, 1.0), (1.0, -1.0), ()])
def test_equal_levels(levels: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="at least two different levels"):
        dose(1.0, "10s", levels)


def test_empty_series() -> None:
    nothing = np.array([])
    assert growth_driver(Series("a", 1, 1, PRIMARY, nothing, nothing, {"requests": nothing}, [])) == GrowthDriver(
        None, None, ()
    )
