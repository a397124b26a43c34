"""Whether a present rate is above or below a limit: outcomes, bounds, and what must not change them."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from aging.stats import SeriesError
from aging.stats.rate_test import (
    Design,
    RateDecision,
    decide,
    growth_total,
    least_limit,
    planned_looks,
    required_seconds,
)
from aging.stats.rate_test.spending import level_at
from analysis.gate.series import Sampled, Setting, drawn

LOOKS = planned_looks(600)
DESIGN = Design(256.0, looks=LOOKS)


def seed(number: int) -> np.random.Generator:
    return np.random.default_rng([18, number])


def final(one: Sampled, design: Design = DESIGN) -> RateDecision:
    return decide(one.t, one.y, one.w, design, len(design.looks))


class TestOutcome:
    @pytest.mark.parametrize("number", range(3))
    def test_leak(self, number: int) -> None:
        found = final(drawn("leak", seed(number), Setting(), size=1024.0))
        assert (found.outcome, found.growth) == ("above", "aging")
        assert found.low is not None
        assert found.high is not None
        assert found.low < 1024 < found.high

    @pytest.mark.parametrize(
        "family",
        [
            "clean",
            "cache, linear",
            "cache, exponential",
            "step",
            "sawtooth",
            "deferred collection",
            "retention",
            "warm-up",
            "high-water mark",
        ],
    )
    def test_no_leak(self, family: str) -> None:
        found = final(drawn(family, seed(1), Setting(noise=(0.5, 4.0))))
        assert found.outcome == "below"
        assert found.high is not None
        assert found.detectable is not None
        assert 0 < found.detectable <= found.high < 256

    def test_at_limit(self) -> None:
        assert final(drawn("leak", seed(2), Setting(), size=256.0)).outcome == "undecided"

    def test_constant(self) -> None:
        t = np.arange(1.0, 601)
        found = decide(t, np.full(600, 4096e4), 100 * t, DESIGN, len(LOOKS))
        assert (found.outcome, found.growth) == ("below", "stable")
        assert found.high == found.detectable
        assert found.high is not None
        assert found.high > 0

    def test_early_growth(self) -> None:
        one = drawn("leak", seed(3), Setting(), size=4096.0)
        n = int(np.searchsorted(one.t, LOOKS[3]))
        found = decide(one.t[:n], one.y[:n], one.w[:n], DESIGN, 4)
        assert found.outcome == "undecided"
        assert [note.code for note in found.notes] == ["early_growth"]
        assert not found.futile

    def test_too_soon(self) -> None:
        one = drawn("clean", seed(3), Setting(noise=None))
        n = int(np.searchsorted(one.t, LOOKS[2]))
        found = decide(one.t[:n], one.y[:n], one.w[:n], Design(4096.0, looks=LOOKS), 3)
        assert found.outcome == "undecided"
        assert [note.code for note in found.notes] == ["too_soon"]

    def test_slowing_growth_is_not_red(self) -> None:
        one = drawn("clean", seed(3), Setting(noise=None))
        filling = one.y + 40e6 * -np.expm1(-one.w / 24_000)  # at the end 8 % of its first rate: 136 B a request
        n = int(np.searchsorted(one.t, LOOKS[-8]))
        assert decide(one.t[:n], filling[:n], one.w[:n], DESIGN, len(LOOKS) - 7).outcome == "undecided"
        assert decide(one.t, filling, one.w, DESIGN, len(LOOKS)).outcome == "below"

    def test_leak_under_a_sawtooth(self) -> None:
        one = drawn("deferred collection", seed(4), Setting(noise=(0.5, 1.0)))
        found = final(Sampled(one.t, one.y + np.floor(one.w / 8) * 4096, one.w, 512.0, one.family, "leak"))
        assert found.outcome != "below"
        assert found.rate == pytest.approx(512, rel=0.05)

    def test_collections_that_have_ended(self) -> None:
        t = np.arange(1.0, 601)
        y = 4096e4 + 2560 * 4096 * np.where(t < 300, (t % 50) / 50, (t - 300) / 150)  # teeth of 10 MB, then a leak
        assert decide(t, np.floor(y / 4096) * 4096, 100 * t, DESIGN, len(LOOKS)).outcome != "below"

    def test_dip_without_load(self) -> None:
        t, y = np.arange(1.0, 601), np.full(600, 4096e4)
        y[250:260] -= 4_096_000
        y[100] += 4096
        found = decide(t, y, 100 * t, DESIGN, len(LOOKS))
        assert found.outcome == "below"
        assert found.rate == pytest.approx(0, abs=1.0)

    def test_declining(self) -> None:
        one = drawn("leak", seed(9), Setting(), size=1024.0)
        found = final(Sampled(one.t, 4096.0 * 50_000 - one.y, one.w, -1024.0, one.family, "clean"))
        assert (found.outcome, found.growth) == ("below", "declining")

    def test_too_fine(self) -> None:
        one = drawn("clean", seed(4), Setting(noise=None))
        found = final(one, Design(2.0, looks=LOOKS))
        assert found.outcome == "undecided"
        assert [note.code for note in found.notes] == ["limit_too_fine"]
        assert found.futile

    def test_no_requests(self) -> None:
        t = np.arange(1.0, 101)
        found = decide(t, np.full(100, 4096e4), np.zeros(100), DESIGN, 1)
        assert [note.code for note in found.notes] == ["no_requests"]

    def test_few_samples(self) -> None:
        t = np.arange(1.0, 13)
        found = decide(t, np.full(12, 4096e4), None, DESIGN, 1)
        assert [note.code for note in found.notes] == ["few_samples"]

    def test_unknown_resolution(self) -> None:
        t = np.arange(1.0, 101)
        found = decide(t, np.full(100, 0.25), None, DESIGN, 1)
        assert [note.code for note in found.notes] == ["resolution_unknown"]

    def test_not_finite(self) -> None:
        with pytest.raises(SeriesError, match="NaN"):
            decide([1.0, 2.0], [1.0, np.nan], None, DESIGN, 1)


class TestInvariance:
    @pytest.mark.parametrize("family", ["leak", "clean", "cache, exponential", "sawtooth"])
    @pytest.mark.parametrize(("scale", "shift"), [(1024.0, 0.0), (1.0, 4096.0 * 1000), (2.0**-20, 64.0)])
    def test_unit_and_shift(self, family: str, scale: float, shift: float) -> None:
        one = drawn(family, seed(5), Setting(), size=1024.0 if family == "leak" else None)
        known = decide(one.t, one.y, one.w, DESIGN, 12, resolution=262_144.0)
        design = Design(256.0 * scale, looks=LOOKS)
        other = decide(one.t, one.y * scale + shift, one.w, design, 12, resolution=262_144.0 * scale)
        assert (other.outcome, other.growth, other.futile) == (known.outcome, known.growth, known.futile)
        for name in ("rate", "low", "high", "detectable"):
            assert getattr(other, name) == pytest.approx(scale * getattr(known, name), rel=1e-6, abs=1e-6 * scale)

    def test_unit_of_work(self) -> None:
        one = drawn("leak", seed(6), Setting(), size=1024.0)
        known = decide(one.t, one.y, one.w, DESIGN, 12)
        other = decide(one.t, one.y, one.w / 1000, Design(256e3, looks=LOOKS), 12)
        assert other.outcome == known.outcome
        assert other.rate == pytest.approx(1000 * (known.rate or 0))


class TestSpending:
    def test_sums_to_error(self) -> None:
        levels = [level_at(LOOKS, look, 0.01) for look in range(1, len(LOOKS) + 1)]
        assert sum(levels) == pytest.approx(0.01)
        assert min(levels) > 0

    def test_looks_before_spend_nothing(self) -> None:
        deciding = [number for number, at in enumerate(LOOKS, start=1) if at >= 0.3 * LOOKS[-1]]
        levels = [level_at(LOOKS, look, 0.01, 0.3) for look in deciding]
        assert sum(levels) == pytest.approx(0.01)
        assert levels[0] == pytest.approx(0.01 * LOOKS[deciding[0] - 1] / LOOKS[-1])


class TestDesign:
    @pytest.mark.parametrize(
        "wrong",
        [{"limit": 0.0}, {"limit": -1.0}, {"alpha": 0.5}, {"beta": 0.0}, {"looks": ()}, {"looks": (60.0, 30.0)}],
    )
    def test_refused(self, wrong: dict[str, object]) -> None:
        with pytest.raises(SeriesError, match=next(iter(wrong))):
            Design(**{"limit": 1.0, "looks": (60.0,), **wrong})  # type: ignore[arg-type]

    def test_planned_looks(self) -> None:
        assert LOOKS[-1] == 600
        assert LOOKS[0] >= 20
        assert planned_looks(10.0) == (10.0,)


class TestImport:
    def test_looks_need_no_scipy(self) -> None:
        code = "import sys; from aging.stats.rate_test import planned_looks; print('scipy' in sys.modules)"
        found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
        assert found.stdout.strip() == "False"


class TestPlan:
    def test_finer_limits_take_longer(self) -> None:
        one = drawn("clean", seed(7), Setting(seconds=120))
        coarse, fine = (required_seconds(one.t, one.y, one.w, limit) for limit in (1024.0, 64.0))
        assert coarse.seconds < fine.seconds
        assert fine.unseen == pytest.approx(16 * coarse.unseen)

    def test_limit_far_below_the_rate_takes_forever(self) -> None:
        t = np.arange(600.0)
        needed = required_seconds(t, 2.0**20 * t, None, 1.0, resolution=4096.0)
        assert needed.seconds == needed.noise == np.inf

    def test_least_limit_is_inverse(self) -> None:
        one = drawn("clean", seed(8), Setting(seconds=120))
        needed = required_seconds(one.t, one.y, one.w, 64.0)
        assert least_limit(one.t, one.y, one.w, needed.seconds) == pytest.approx(64.0, rel=1e-3)


class TestGrowthTotal:
    def test_growth(self) -> None:
        t = np.arange(1.0, 601)
        found = growth_total(t, np.floor(10.0 * t) * 4096, resolution=262_144.0)
        assert found.low <= 590.0 * 10 * 4096 <= found.high

    def test_constant(self) -> None:
        found = growth_total([1, 2, 3, 4], [5.0] * 4, resolution=2.0)
        assert (found.growth, found.low, found.high) == (0.0, 0.0, 2.0)
