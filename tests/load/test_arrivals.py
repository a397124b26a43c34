"""Every arrival process has the rate and the burstiness it was asked for, in whole nanoseconds."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from aging.load.arrivals.base import Arrivals
from aging.load.schedule.classes import arrival_kinds
from aging.load.schedule.rng import Draws
from tests.load.workloads import gaps, planned, variation


def process(**table: Any) -> Arrivals[Any]:
    plugin = arrival_kinds()[table["kind"]]
    return plugin(plugin.options_table.model_validate(table))


def times(arrivals: Arrivals[Any], duration: float, seed: int = 1) -> np.ndarray:
    """Arrivals before ``duration`` seconds, in seconds."""
    chunks = []
    for chunk in arrivals.times(Draws(f"{seed}")):
        chunks.append(chunk)
        if chunk.size and chunk[-1] >= duration * 1e9:
            break
    drawn = np.concatenate(chunks)
    assert drawn.dtype == np.int64
    assert np.all(np.diff(drawn) >= 0)
    return drawn[drawn < duration * 1e9] / 1e9


OPEN = [
    {"kind": "constant", "rate": 20.0},
    {"kind": "poisson", "rate": 20.0},
    {"kind": "gamma", "rate": 20.0, "cv": 3.0},
    {"kind": "on-off", "on_rate": 60.0, "off_rate": 2.0, "on": "2s", "off": "4s"},
    {"kind": "diurnal", "rate": 20.0, "amplitude": 0.8, "period": "50s", "phase": 0.3},
    {"kind": "weekly", "rate": 1.0},
    {"kind": "overload", "rate": 10.0, "factor": 5.0, "episode": "10s", "every": "40s"},
    {"kind": "dose", "rate": 20.0, "phase": "10s"},
]


@pytest.mark.parametrize("table", OPEN, ids=lambda table: str(table["kind"]))
def test_the_mean_rate_is_what_arrives(table: dict[str, Any]) -> None:
    arrivals, whole = process(**table), 1200.0 if table["kind"] != "weekly" else 7 * 86400.0
    counts = [times(arrivals, whole, seed).size for seed in range(3)]
    assert np.mean(counts) / whole == pytest.approx(arrivals.mean_rate(), rel=0.06)


@pytest.mark.parametrize("table", OPEN, ids=lambda table: str(table["kind"]))
def test_a_rate_scales_a_process_and_leaves_its_shape(table: dict[str, Any]) -> None:
    scaled = process(**table).at_rate(7.0)
    assert scaled.mean_rate() == pytest.approx(7.0)
    assert scaled.kind == table["kind"]
    phases, before = (each.phases(Draws("1"), 500.0) for each in (scaled, process(**table)))
    assert [(phase.start, phase.end) for phase in phases] == [(phase.start, phase.end) for phase in before]


@pytest.mark.parametrize("table", OPEN, ids=lambda table: str(table["kind"]))
def test_a_phase_has_the_arrivals_of_its_rate(table: dict[str, Any]) -> None:
    arrivals = process(**table)
    whole = 600.0 if table["kind"] != "weekly" else 86400.0
    drawn, phases = times(arrivals, whole), arrivals.phases(Draws("1"), whole)
    if not phases:
        assert table["kind"] in ("constant", "poisson", "gamma")
        return
    assert phases[0].start == 0.0
    assert phases[-1].end == whole
    for phase in phases:
        expected = phase.rate * (phase.end - phase.start)
        counted = np.count_nonzero((drawn >= phase.start) & (drawn < phase.end))
        assert abs(counted - expected) <= 5 * np.sqrt(expected) + 1


def test_poisson_gaps_are_exponential() -> None:
    requests = planned()
    assert len(requests) == pytest.approx(50 * 200, rel=0.03)
    assert variation(gaps(requests)) == pytest.approx(1.0, abs=0.04)


def test_constant_gaps_do_not_accumulate_rounding() -> None:
    at = times(process(kind="constant", rate=3.0), 100_000.0)
    assert at[299_996] == pytest.approx(299_997 / 3, abs=1e-9)


@pytest.mark.parametrize("cv", [0.25, 0.5, 1.0, 2.0, 4.0])
def test_gamma_gaps_have_the_variation_they_were_asked_for(cv: float) -> None:
    at = times(process(kind="gamma", rate=50.0, cv=cv), 4000.0)
    gap = np.diff(at)
    assert gap.mean() == pytest.approx(0.02, rel=0.05)
    assert gap.std() / gap.mean() == pytest.approx(cv, rel=0.05)
    # Skewness of a Gamma distribution is 2 cv.
    assert np.mean(((gap - gap.mean()) / gap.std()) ** 3) == pytest.approx(2 * cv, rel=0.25)


def test_on_and_off_times_are_exponential_and_the_first_is_the_seeds() -> None:
    arrivals = process(kind="on-off", on_rate=5.0, on="20s", off="60s")
    phases = arrivals.phases(Draws("1"), 30_000.0)
    lengths = {rate: [p.end - p.start for p in phases[:-1] if p.rate == rate] for rate in (5.0, 0.0)}
    assert np.mean(lengths[5.0]) == pytest.approx(20, rel=0.2)
    assert np.mean(lengths[0.0]) == pytest.approx(60, rel=0.2)
    assert variation(lengths[0.0]) == pytest.approx(1.0, abs=0.2)
    first = [arrivals.phases(Draws(f"{seed}"), 1000.0)[0].rate for seed in range(200)]
    assert np.mean(np.array(first) > 0) == pytest.approx(0.25, abs=0.1)


def test_phases_too_many_to_have_a_growth_of_their_own_are_left_out() -> None:
    assert process(kind="on-off", on_rate=5.0, on="1s", off="1s").phases(Draws("1"), 86400.0) == ()


@pytest.mark.parametrize(("start", "end"), [(0.0, 40.0), (40.0, 0.0), (10.0, 30.0)])
def test_a_ramp_rises_evenly_and_stays(start: float, end: float) -> None:
    arrivals = process(kind="ramp", start_rate=start, end_rate=end, over="400s")
    if end > 0:
        drawn = times(arrivals, 600.0)
        assert np.count_nonzero(drawn >= 400) == pytest.approx(200 * end, rel=0.06)
    else:
        drawn = np.concatenate(list(arrivals.times(Draws("1")))) / 1e9
        assert drawn[-1] < 400
    for quarter in range(4):
        rate = start + (end - start) * (quarter + 0.5) / 4
        counted = np.count_nonzero((drawn >= 100 * quarter) & (drawn < 100 * (quarter + 1)))
        assert abs(counted - 100 * rate) <= 4 * np.sqrt(100 * rate)
    assert process(kind="ramp", start_rate=start, end_rate=end, over="400s").at_rate(5.0).mean_rate() == 5.0


def test_a_week_begins_at_its_start_key() -> None:
    weights = {"days": [0, 0, 0, 0, 0, 1, 0], "hours": [1.0] * 12 + [3.0] * 12}
    phases = process(kind="weekly", rate=1.0, start="4d18h", **weights).phases(Draws("1"), 86400.0)
    assert [(phase.start, phase.end) for phase in phases] == [(3600.0 * k, 3600.0 * (k + 1)) for k in range(24)]
    assert [phase.rate for phase in phases] == pytest.approx([0.0] * 6 + [3.5] * 12 + [10.5] * 6)


@pytest.mark.parametrize("kind", ["constant", "poisson", "gamma"])
@pytest.mark.parametrize("rate", [1e-9, 1e-300])
def test_the_slowest_rates_end_where_no_load_would_last(kind: str, rate: float) -> None:
    table = {"kind": kind, "rate": rate} | ({"cv": 2.0} if kind == "gamma" else {})
    for chunk in islice(process(**table).times(Draws("1")), 10):
        assert np.all(chunk >= 0)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            {"kind": "on-off", "on_rate": 2, "off_rate": 3, "on": "1s", "off": "1s"},
            "`off_rate` must be below `on_rate`",
        ),
        ({"kind": "ramp", "start_rate": 2, "end_rate": 2, "over": "1s"}, "must differ"),
        ({"kind": "overload", "rate": 1, "factor": 2, "episode": "2s", "every": "2s"}, "shorter than `every`"),
        ({"kind": "weekly", "rate": 1, "days": [1, 2]}, "needs 7 weights"),
        ({"kind": "weekly", "rate": 1, "hours": [0] * 24}, "needs 24 weights"),
        ({"kind": "gamma", "rate": 1, "cv": 0}, "greater than or equal to 0.05"),
        ({"kind": "closed", "concurrency": 0}, "greater than or equal to 1"),
        ({"kind": "diurnal", "rate": 1, "amplitude": 1.5}, "less than or equal to 1"),
    ],
)
def test_keys_that_make_no_sense_are_refused(table: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        process(**table)
