"""Every figure as files: whole or not at all, named by key, with its data."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from aging.cli.main import main
from aging.core.errors import StorageError
from aging.core.metrics import PRIMARY
from aging.findings.series import Measured
from aging.report import figures as figures_module
from aging.report.charts.chart import Chart
from aging.report.figures import INDEX, figures, write_figures
from tests.report.conftest import FOUR, MIB, Build, Made, Server, findings_of, leaking


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing all of them takes seconds each."""
    every = figures_module.figures
    monkeypatch.setattr(
        figures_module,
        "figures",
        lambda *given: [one for one in every(*given) if one.key.startswith(("memory-leaky", "forest-process"))],
    )


@pytest.mark.thorough
def test_every_figure_has_a_key_of_its_own(build: Build) -> None:
    measured = Measured(build(Made(FOUR)))
    keys = [one.key for one in figures(measured, findings_of([leaking("llama-default")]))]
    assert len(keys) == len(set(keys))
    assert {"heat-map", "forest-process_anon_swap_bytes", "memory-llama-default-r01", "latency-reference-leak-r01"} <= {
        *keys
    }


@pytest.mark.usefixtures("few")
def test_the_files_hold_the_figures(build: Build, tmp_path: Path) -> None:
    measured, found = Measured(build(Made([Server("leaky", 31 * MIB, 57.6 * MIB)]))), findings_of([leaking("leaky")])
    folder = tmp_path / "new" / "figures"

    keys = write_figures(measured, found, folder)

    assert sorted(keys) == ["forest-process_anon_swap_bytes", "memory-leaky-r01"]
    kinds = ("svg", "png", "pdf", "csv")
    assert {one.name for one in folder.iterdir()} == {INDEX, *(f"{key}.{kind}" for key in keys for kind in kinds)}
    beginnings = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}
    for key in keys:
        for kind, begin in beginnings.items():
            assert (folder / f"{key}.{kind}").read_bytes().startswith(begin)
    with (folder / "memory-leaky-r01.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    chart = next(one for one in figures(measured, found) if one.key == "memory-leaky-r01")
    assert isinstance(chart, Chart)
    medians = next(one for one in chart.lines if one.role == "medians")
    written = [float(row[PRIMARY]) for row in rows if row["role"] == "medians"]
    assert written == pytest.approx(medians.y[np.isfinite(medians.y)].tolist())
    index = (folder / INDEX).read_text("utf-8")
    assert all(f'href="{key}.{kind}"' in index for key in keys for kind in kinds)
    assert list((tmp_path / "new").iterdir()) == [folder]


def full(_: object) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.usefixtures("few")
def test_a_failure_leaves_nothing(build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured, found = Measured(build(Made([Server("leaky", 31 * MIB, 57.6 * MIB)]))), findings_of([leaking("leaky")])
    monkeypatch.setattr("aging.report.figures.table.rows", full)
    with pytest.raises(StorageError):
        write_figures(measured, found, tmp_path / "figures")
    assert not (tmp_path / "figures").exists()
    assert not list(tmp_path.glob(".figures*"))


@pytest.mark.thorough
@pytest.mark.usefixtures("few")
def test_other_files_of_the_folder_stay(build: Build, tmp_path: Path) -> None:
    measured, found = Measured(build(Made([Server("leaky", 31 * MIB, 57.6 * MIB)]))), findings_of([leaking("leaky")])
    folder = tmp_path / "figures"
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    (folder / INDEX).write_text("old")
    write_figures(measured, found, folder)
    assert (folder / "mine.txt").read_text() == "mine"
    assert (folder / INDEX).read_text("utf-8") != "old"


def test_a_path_that_is_a_file_is_refused(build: Build, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = build(Made([Server("leaky")])).layout.root
    file = tmp_path / "file"
    file.write_text("x")
    code: str | int | None
    for arguments in (
        ["--figures", str(file)],
        ["--figures", str(file / "below")],
        ["--figures", ""],
        ["--figures", str(tmp_path / "figures"), "--format", "latex"],
    ):
        try:
            code = main(["report", str(root), *arguments])
        except SystemExit as stopped:
            code = stopped.code
        assert code == 2
        assert "--figures" in capsys.readouterr().err
    assert file.read_text() == "x"
    assert not (tmp_path / "figures").exists()
