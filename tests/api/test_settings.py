"""Other settings than the campaign's: nothing is written, and the verdicts follow."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import aging
from aging.core.errors import InputError
from aging.core.metrics import PRIMARY
from tests.conftest import Aging


def test_nothing_is_written(folder: Path) -> None:
    aging.analyze(folder)
    before = {file: file.read_bytes() for file in folder.iterdir() if file.is_file()}
    results = aging.analyze(folder, warmup="5m", grid=20, q=0.01)
    assert {file: file.read_bytes() for file in folder.iterdir() if file.is_file()} == before
    assert "judged with warmup = 300 s, grid = 20 s, q = 0.01" in repr(results)
    series = results.series("leaking", PRIMARY)
    assert (series.index[0], series.attrs["grid_seconds"], series.attrs["warmup_seconds"]) == (310.0, 20.0, 300.0)
    (found,) = results.findings("leaking", PRIMARY, raw=True).findings
    assert (found.n, found.verdict) == (30, "aging")
    assert "judged with" in results._repr_html_()
    with pytest.raises(InputError, match="name another file"):
        results.report()
    assert results.report(folder.parent / "other.html").is_file()


@pytest.mark.parametrize("warmup", ["auto", timedelta(minutes=3), 180])
def test_warm_ups(folder: Path, warmup: Any) -> None:
    results = aging.analyze(folder, warmup=warmup)
    assert results.series("leaking", PRIMARY).index[0] >= (0 if warmup == "auto" else 180)


def test_another_test_decides(folder: Path) -> None:
    own, other = aging.load_results(folder), aging.analyze(folder, test="hamed_rao")
    before, after = (one.findings("leaking", PRIMARY, raw=True).findings[0] for one in (own, other))
    assert after.p == after.tests["hamed_rao"] != before.p
    assert after.slope_per_hour == before.slope_per_hour


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"grid": "5"}, "grid: '5' is not a duration"),
        ({"grid": -3}, "grid: '-3.000000000s' is not a duration"),
        ({"q": 2}, "q: must be below 1"),
        ({"q": "low"}, "q: must be a number"),
        ({"test": "hamed"}, "test: unknown trend test 'hamed'; did you mean 'hamed_rao'"),
        ({"warmup": "soon"}, "warmup: 'soon' is not a duration"),
        ({"warmup": "15m"}, "warmup: 900 s is not shorter than the longest run of 900 s"),
        ({"grid": "2m"}, "grid: 840 s after the warm-up are 7 points of 120 s; at least 12 are needed"),
        ({"warmup": [1]}, "warmup"),
    ],
)
def test_wrong_settings(folder: Path, given: dict[str, Any], wrong: str) -> None:
    with pytest.raises(InputError) as caught:
        aging.analyze(folder, **given)
    assert wrong in str(caught.value)


def test_all_mistakes_at_once(folder: Path, cli: Aging) -> None:
    ran = cli("analyze", folder, "--grid", "5", "--q", "low", "--test", "hamed", "--warmup", "soon")
    assert ran.returncode == 2
    assert all(f"--{name}: " in ran.stderr for name in ("grid", "q", "test", "warmup"))


def test_command_line(folder: Path, cli: Aging) -> None:
    ran = cli("analyze", folder, "--warmup", "5m", "--json")
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)["findings"]
    variant = aging.analyze(folder, warmup="5m").findings()
    assert [one["verdict"] for one in found] == variant["verdict"].tolist()
    assert [one["n"] for one in found] == variant["n"].tolist()
    assert not (folder / "findings.json").exists()
    shown = cli("analyze", folder, "--warmup", "5m")
    assert "Nothing was written" in shown.stdout
    assert not (folder / "report.html").exists()
    assert cli("analyze", folder, "--json").returncode == 0
    assert (folder / "findings.json").is_file()


def test_sensitivity(folder: Path) -> None:
    results = aging.load_results(folder)
    frame = results.sensitivity("leaking", warmup=["3m", "5m"], grid=[20])
    assert frame[["warmup", "grid"]].to_numpy().tolist() == [[None, None], [180.0, 20.0], [300.0, 20.0]]
    assert frame["n"].tolist() == [results.findings("leaking", PRIMARY)["n"].iloc[0], 36, 30]
    assert set(frame["verdict"]) == {"aging"}
    both = results.sensitivity(q=[0.5])
    assert both["deployment"].tolist() == ["leaking", "steady"] * 2
    assert both["level"].tolist() == [None, None, 0.5, 0.5]
    with pytest.raises(InputError, match="grid"):
        results.sensitivity("leaking", grid=[20, "2m"])


def test_results_of_other_settings_are_not_compared(folder: Path) -> None:
    other = aging.analyze(folder, warmup="5m")
    with pytest.raises(InputError, match="has other settings than its campaign's"):
        aging.compare([folder, other])
