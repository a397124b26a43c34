"""The difference of a deployment and its baseline: what both have in common cancels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from aging.app.check import GateRequest, check_directory
from aging.check.judged_series import JudgedSeries
from aging.check.paired import difference, pairs
from aging.core.errors import MistakesError
from aging.core.metrics import PRIMARY
from aging.findings.gate import GateResult
from aging.store.manifest import ManifestDeployment
from tests.builders import MIB, RATE, SECONDS, Course, synthetic

T = np.arange(0.5, 100.0)
PER_REQUEST = f"{PRIMARY}:per_request > 256B"


def series(y: np.ndarray, w: np.ndarray | None, t: np.ndarray = T) -> JudgedSeries:
    return JudgedSeries(t, y, w, 1.0)


class TestDifference:
    def test_cells_of_both(self) -> None:
        kept = np.r_[0:40, 60:99]
        both = difference(series(7 * T, 10 * T), series(2 * T[kept], 10 * T[kept], T[kept]))
        assert np.array_equal(both.t, T[kept])
        assert np.allclose(both.y, 5 * T[kept])
        assert both.w is not None
        assert np.array_equal(both.w, 10 * T[kept])

    def test_equal_request_numbers(self) -> None:
        """In a closed loop the baseline answers twice as fast: 3 B/request each is no difference."""
        judged, baseline = series(3 * 10 * T, 10 * T), series(3 * 20 * T, 20 * T)
        both = difference(judged, baseline)
        assert np.allclose(both.y, 0, atol=1e-9)
        assert both.t.size > 90
        by_time = difference(judged, baseline, "per_hour")
        assert np.allclose(by_time.y, -30 * T)

    def test_no_requests(self) -> None:
        assert difference(series(T, None), series(T, T)).t.size == 0
        assert difference(series(T, None), series(T, None), "per_hour").t.size == T.size

    def test_nothing_in_common(self) -> None:
        assert difference(series(T, T), series(T, T, T + 1000)).t.size == 0


def test_pairs() -> None:
    made = [ManifestDeployment(name="a"), ManifestDeployment(name="b", options={"baseline_of": "a"})]
    assert pairs(made) == {"a": "b"}


def directory(root: Path, judged: Course, baseline: Course, *, paired: bool = True) -> Path:
    """The results of both, side by side."""
    synthetic(root, {"new": judged, "old": baseline}, warmup=0.0)
    content = json.loads((root / "manifest.json").read_text())
    content["campaign"]["duration_seconds"] = float(SECONDS)
    content["deployments"][1]["options"] = {"baseline_of": "new"} if paired else {}
    (root / "manifest.json").write_text(json.dumps(content))
    return root


def asked(root: Path) -> GateResult:
    return check_directory(root, GateRequest([PER_REQUEST], ["new"]))


class TestCommonNoise:
    """Both wander by megabytes with what the host does."""

    @staticmethod
    def common(seed: int) -> Course:
        steps = np.random.default_rng(seed).normal(0, 64, SECONDS)
        return lambda t: (2000 + np.cumsum(steps).round()[: t.size]) * 4096.0 + 100 * MIB

    def leaking(self, seed: int, per_request: float) -> Course:
        return lambda t: self.common(seed)(t) + np.floor(per_request * RATE * t / 4096) * 4096

    def test_leak(self, tmp_path: Path) -> None:
        found = asked(directory(tmp_path / "paired", self.leaking(3, 1024.0), self.common(3)))
        (condition,) = found.conditions
        assert found.outcome == "failed"
        assert condition.estimate == pytest.approx(1024, rel=0.05)
        assert found.baseline is not None
        assert found.baseline.kind == "paired"
        alone = directory(tmp_path / "alone", self.leaking(3, 1024.0), self.common(3), paired=False)
        assert asked(alone).outcome == "inconclusive"

    def test_clean(self, tmp_path: Path) -> None:
        found = asked(directory(tmp_path / "paired", self.common(3), self.common(3)))
        assert found.outcome == "passed"
        assert found.conditions[0].estimate == 0

    @pytest.mark.thorough
    def test_both_leak(self, tmp_path: Path) -> None:
        """What the baseline does as well is not the change's fault."""
        found = asked(directory(tmp_path / "paired", self.leaking(3, 1024.0), self.leaking(3, 1024.0)))
        assert found.outcome == "passed"

    @pytest.mark.thorough
    def test_baseline_is_not_judged(self, tmp_path: Path) -> None:
        root = directory(tmp_path / "paired", self.common(3), self.leaking(3, 4096.0))
        everything = check_directory(root, GateRequest([PER_REQUEST]))
        assert [one.deployment for one in everything.conditions] == ["new"]
        with pytest.raises(MistakesError, match="'old' is a baseline"):
            check_directory(root, GateRequest([PER_REQUEST], ["old"]))
