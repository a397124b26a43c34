"""Campaigns compared: the truth of synthetic ones is known, and what is not alike is refused with its keys."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import aging.stats.trend_tests
from aging.core.errors import MistakeCode, MistakesError
from aging.core.metrics import PRIMARY
from aging.core.plugins import discover
from aging.findings.comparison.build import compare
from aging.findings.comparison.matching import Asked, opened
from aging.findings.comparison.types import ALLOWANCES, Comparison
from aging.stats.trend_tests.base import TrendTest
from tests.builders import MIB, RATE, SECONDS, leak
from tests.comparable import driven, edit, made, noisy

TESTS = {"series_har": discover(aging.stats.trend_tests, TrendTest)["series_har"]}


def compared(*roots: Path, baseline: Path | None = None, **asked: Any) -> Comparison:
    return compare(opened(roots, baseline), TESTS, Asked(**asked))


def mistakes(*roots: Path, baseline: Path | None = None, **asked: Any) -> list[str]:
    with pytest.raises(MistakesError) as raised:
        compared(*roots, baseline=baseline, **asked)
    return [str(one) for one in raised.value.mistakes]


class TestGrowth:
    def test_true_difference_is_in_the_interval(self, tmp_path: Path) -> None:
        old = made(tmp_path / "old", {"server": noisy(1024, 1)})
        new = made(tmp_path / "new", {"server": noisy(2048, 2)})
        found = compared(old, new)
        per_request = found.of(0, PRIMARY, "per_request")
        assert per_request is not None
        assert (per_request.verdict, per_request.worse) == ("faster", True)
        assert per_request.low is not None
        assert per_request.high is not None
        assert per_request.low < 1024 < per_request.high
        per_hour = found.of(0, PRIMARY, "per_hour")
        assert per_hour is not None
        assert per_hour.value == pytest.approx(per_request.value * RATE * 3600, rel=0.01)
        assert (per_hour.baseline.growth, per_hour.other.growth) == ("aging", "aging")
        assert {one.code for one in found.remarks} == {"one_run"}

    def test_no_difference(self, tmp_path: Path) -> None:
        old = made(tmp_path / "old", {"server": noisy(1024, 1)})
        new = made(tmp_path / "new", {"server": noisy(1024, 2)})
        found = compared(old, new)
        assert found.shown == []
        memory = found.of(0, PRIMARY, "per_request")
        assert memory is not None
        assert memory.smallest is not None
        assert 0 < memory.smallest < 1024
        assert [one.key for one in found.what_differs] == ["campaign"]

    def test_baseline_is_chosen(self, tmp_path: Path) -> None:
        old = made(tmp_path / "old", {"server": noisy(1024, 1)})
        new = made(tmp_path / "new", {"server": noisy(2048, 2)})
        found = compared(old, new, baseline=new)
        assert [one.label for one in found.measurements] == ["new", "old"]
        memory = found.of(0, PRIMARY, "per_hour")
        assert memory is not None
        assert (memory.verdict, memory.worse) == ("slower", False)

    @pytest.mark.thorough
    def test_three_of_different_names(self, tmp_path: Path) -> None:
        roots = [
            made(tmp_path / name, {name: noisy(size, seed)})
            for seed, (name, size) in enumerate((("a", 512), ("b", 512), ("c", 3000)))
        ]
        assert "--pair a=b" in mistakes(*roots)[0]
        found = compared(roots[0], roots[1], pairs={"a": "b"})
        assert [(one.baseline, one.deployment) for one in found.matches] == [("a", "b")]
        with_third = made(tmp_path / "d", {"b": noisy(3000, 9)})
        three = compared(roots[0], roots[1], with_third, pairs={"a": "b"})
        assert [one.measurement for one in three.matches] == [1, 2]
        assert three.of(0, PRIMARY, "per_hour").verdict == "no difference shown"  # type: ignore[union-attr]
        assert three.of(1, PRIMARY, "per_hour").verdict == "faster"  # type: ignore[union-attr]

    @pytest.mark.thorough
    def test_replicas(self, tmp_path: Path) -> None:
        old = made(tmp_path / "old", {"server": noisy(1024, 1)}, replicas=3)
        new = made(tmp_path / "new", {"server": noisy(8192, 2)}, replicas=3)
        found = compared(old, new)
        assert found.matches[0].runs == (3, 3)
        assert found.of(0, PRIMARY, "per_hour").verdict == "faster"  # type: ignore[union-attr]
        peak = found.of(0, PRIMARY, "at_peak")
        assert peak is not None
        assert peak.p is not None
        assert "one_run" not in {one.code for one in found.remarks}

    @pytest.mark.thorough
    def test_level_of_one_run_is_not_judged(self, tmp_path: Path) -> None:
        found = compared(
            made(tmp_path / "old", {"server": noisy(1024, 1)}), made(tmp_path / "new", {"server": noisy(4096, 2)})
        )
        end = found.of(0, PRIMARY, "at_end")
        assert end is not None
        assert (end.verdict, end.p, end.low) == ("not judged", None, None)
        assert end.value > MIB


class TestOneDirectory:
    def test_side_by_side_is_paired(self, tmp_path: Path) -> None:
        """Both wander with the host by megabytes; the difference of both is a leak of 1 KiB a request."""
        steps = np.cumsum(np.random.default_rng(3).normal(0, 64, SECONDS)).round()

        def host(t: np.ndarray) -> np.ndarray:
            return np.asarray((2000 + steps[: t.size]) * 4096.0 + 100 * MIB)

        both = {"a": host, "b": lambda t: host(t) + leak(1024)(t)}
        found = compared(made(tmp_path / "both", both), deployments=["a", "b"])
        memory = found.of(0, PRIMARY, "per_request")
        assert found.matches[0].paired
        assert memory is not None
        assert memory.verdict == "faster"
        assert memory.value == pytest.approx(1024, rel=0.05)
        apart = compared(
            made(tmp_path / "one", {"server": both["a"]}), made(tmp_path / "two", {"server": both["b"]})
        ).of(0, PRIMARY, "per_request")
        assert apart is not None
        assert apart.verdict == "no difference shown"

    def test_names_are_asked_for(self, tmp_path: Path) -> None:
        root = made(tmp_path / "both", {"a": leak(0), "b": leak(1024)})
        assert "--deployments a,b" in mistakes(root)[0]
        assert "did you mean" not in mistakes(root, deployments=["a", "zzz"])[0]
        assert len(mistakes(root, deployments=["a", "a", "x"], pairs={"a": "b"})) == 3


class TestRefused:
    @pytest.mark.parametrize(
        ("kind", "keys", "changes"),
        [
            ("load", {"load.timeout"}, {"campaign__load__timeout": "5s"}),
            ("load", {"seed"}, {"seed": 2}),
            ("load", {"schedule_hash[r01]"}, {"schedule_hashes": {"server/r01": "b" * 64}}),
            ("duration", {"duration_seconds"}, {"campaign__duration_seconds": 2.0 * SECONDS}),
            ("grid", {"analysis.grid_seconds"}, {"campaign__analysis__grid_seconds": 10.0}),
            ("host", {"host.cpu"}, {"host__cpu": "Another 9000"}),
            ("host", {"devices"}, {"devices": [{"name": "GPU"}]}),
        ],
    )
    def test_unless_allowed(self, tmp_path: Path, kind: Any, keys: set[str], changes: dict[str, Any]) -> None:
        old, new = self.unlike(tmp_path, changes)
        others = [one for one in ALLOWANCES if one != kind]
        refused = mistakes(old, new, allowed=others)
        assert {one.split(": ")[1] for one in refused} == keys
        assert all(f"--allow {kind}" in one for one in refused)

    @pytest.mark.parametrize(
        ("kind", "changes"),
        [
            ("load", {"seed": 2}),
            pytest.param("load", {"schedule_hashes": {"server/r01": "b" * 64}}, marks=pytest.mark.thorough),
            pytest.param("duration", {"campaign__duration_seconds": 2.0 * SECONDS}, marks=pytest.mark.thorough),
            pytest.param("grid", {"campaign__analysis__grid_seconds": 10.0}, marks=pytest.mark.thorough),
            pytest.param("host", {"devices": [{"name": "GPU"}]}, marks=pytest.mark.thorough),
        ],
    )
    def test_allowed(self, tmp_path: Path, kind: Any, changes: dict[str, Any]) -> None:
        found = compared(*self.unlike(tmp_path, changes), allowed=[kind])
        assert f"allowed_{kind}" in {one.code for one in found.remarks if one.warning}

    @staticmethod
    def unlike(folder: Path, changes: dict[str, Any]) -> tuple[Path, Path]:
        """Two directories that differ in these."""
        hashes: dict[str, Any] = {"schedule_hashes": {"server/r01": "a" * 64}}
        old = made(folder / "old", {"server": noisy(1024, 1)}, **hashes)
        return old, made(folder / "new", {"server": noisy(1024, 2)}, **(hashes | changes))

    def test_versions_are_the_question(self, tmp_path: Path) -> None:
        old = made(tmp_path / "old", {"server": noisy(1024, 1)}, deployments__0__packages={"vllm": "0.9"})
        new = made(tmp_path / "new", {"server": noisy(1024, 2)}, deployments__0__packages={"vllm": "0.10"})
        (row,) = [one for one in compared(old, new).what_differs if "packages" in one.key]
        assert (row.key, list(row.values)) == ("deployment[server].packages.vllm", ["0.9", "0.10"])

    def test_unknown_key_of_an_older_release(self, tmp_path: Path) -> None:
        hashes: dict[str, Any] = {"schedule_hashes": {"server/r01": "a" * 64}}
        old = made(tmp_path / "old", {"server": noisy(1024, 1)}, **hashes)
        new = made(tmp_path / "new", {"server": noisy(1024, 2)}, campaign__load__drain="5s", **hashes)
        assert compared(old, new).shown == []

    def test_twice_and_copies(self, tmp_path: Path) -> None:
        root = made(tmp_path / "one", {"server": noisy(1024, 1)})
        assert "given twice" in mistakes(root, root)[0]
        copy = Path(shutil.copytree(root, tmp_path / "copy"))
        assert "copy of" in mistakes(root, copy)[0]

    def test_every_path_at_once(self, tmp_path: Path) -> None:
        empty = tmp_path / "empty"
        empty.mkdir()
        with pytest.raises(MistakesError) as raised:
            opened([tmp_path / "none", empty, made(tmp_path / "one", {"a": leak(0)})], tmp_path / "other")
        codes = [one.code for one in raised.value.mistakes]
        assert codes == [MistakeCode.UNREADABLE_FILE, MistakeCode.UNREADABLE_FILE, MistakeCode.UNKNOWN_NAME]

    def test_broken_run(self, tmp_path: Path) -> None:
        old = made(tmp_path / "old", {"server": noisy(1024, 1)})
        new = made(tmp_path / "new", {"server": noisy(1024, 2)})
        driven(new, "b" * 64)
        edit(new, lambda content: content.update(schedule_hashes={"server/r01": "a" * 64}))
        assert "broken" in mistakes(old, new)[0]

    @pytest.mark.thorough
    def test_hostile_names(self, tmp_path: Path) -> None:
        old = made(tmp_path / "old", {"server": noisy(1024, 1)}, campaign__name="a\x1b[2Jb")
        new = made(tmp_path / "new", {"server": noisy(1024, 2)}, campaign__name="c\nd", seed=9)
        assert not any(letter in text for text in mistakes(old, new) for letter in "\x1b\n")
        assert [one.label for one in compared(old, new, allowed=["load"]).measurements] == ["ab", "c d"]


def test_running_campaign(tmp_path: Path) -> None:
    """Compared as far as it went, and said."""
    old = made(tmp_path / "old", {"server": noisy(1024, 1)})
    new = made(tmp_path / "new", {"server": noisy(1024, 2)})
    journal = new / "journal.jsonl"
    kept = [line for line in journal.read_text().splitlines() if json.loads(line)["event"] not in _ENDS]
    journal.write_text("\n".join(kept) + "\n")
    codes = {one.code for one in compared(old, new).remarks if one.warning}
    assert codes == {"running", "problems"}


_ENDS = ("load_finished", "campaign_completed")


@pytest.mark.thorough
def test_shorter_window(tmp_path: Path) -> None:
    """Both are judged over the stretch that both have."""
    old = made(tmp_path / "old", {"server": noisy(1024, 1)})
    new = made(tmp_path / "new", {"server": noisy(1024, 2)}, campaign__warmup_seconds=300.0)
    found = compared(old, new)
    assert found.matches[0].begin_seconds == 300.0
    assert "shortened" in {one.code for one in found.remarks}
    alone = compared(old, made(tmp_path / "third", {"server": noisy(1024, 2)}))
    assert replace(alone.matches[0], begin_seconds=300.0) == found.matches[0]


def test_unmatched_are_named(tmp_path: Path) -> None:
    old = made(tmp_path / "old", {"server": noisy(1024, 1), "gone": leak(0)})
    new = made(tmp_path / "new", {"server": noisy(1024, 2), "added": leak(0)})
    (text,) = [one.text for one in compared(old, new).remarks if one.code == "unmatched"]
    assert "gone of old" in text
    assert "added of new" in text
