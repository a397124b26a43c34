"""What follows a measurement runs in a process of its own; its errors are those of the process that waits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.console import Console

import aging.app.conclude
from aging.app.conclude import ANALYSIS, SMOKE, conclude
from aging.core.errors import AgingError, ExitCode
from aging.core.worker import ReportedError, WorkerError
from aging.runner.campaign import Outcome
from aging.store.layout import Layout
from tests.builders import flat, synthetic
from tests.command_line import run_here
from tests.conftest import ROOT
from tests.virtual_campaign import call_here

CONSOLE = Console(width=160)


@pytest.mark.thorough
def test_the_findings_are_in_the_campaigns_files(tmp_path: Path) -> None:
    synthetic(tmp_path / "c", {"server": flat})
    layout = Layout(tmp_path / "c")
    assert conclude(ANALYSIS, layout, Outcome.COMPLETED, CONSOLE) is None
    assert json.loads(layout.findings.read_text())["campaign"]
    assert layout.report.exists()


def test_what_was_derived_can_be_deleted_and_is_the_same_again(tmp_path: Path) -> None:
    layout = synthetic(tmp_path / "c", {"server": flat}).layout
    assert run_here(tmp_path, "analyze", layout.root).returncode == 0
    before = layout.findings.read_text()
    layout.findings.unlink()
    layout.report.unlink()
    assert run_here(tmp_path, "analyze", layout.root).returncode == 0
    assert layout.findings.read_text() == before
    assert run_here(tmp_path, "report", layout.root).stdout.strip() == str(layout.report)
    assert layout.report.exists()


def test_an_error_of_the_analysis_has_its_message_and_exit_code(tmp_path: Path) -> None:
    with pytest.raises(ReportedError, match="is not a result directory") as caught:
        conclude(SMOKE, Layout(tmp_path), Outcome.COMPLETED, CONSOLE)
    assert caught.value.exit_code is ExitCode.BAD_INPUT


def test_a_crash_of_the_analysis_shows_its_trace(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    with pytest.raises(WorkerError) as caught:
        conclude("tests.core.worker_functions:refused", Layout(tmp_path), Outcome.COMPLETED, CONSOLE)
    assert caught.value.exit_code is ExitCode.CRASHED
    shown = capfd.readouterr()
    assert "ValueError: {'root'" in shown.err
    assert f"aging analyze {tmp_path}" in shown.out


@pytest.mark.parametrize(("outcome", "said"), [(Outcome.HALTED, None), (Outcome.INTERRUPTED, ExitCode.INCONCLUSIVE)])
def test_what_cannot_be_sealed_is_a_note_of_a_halted_campaign_alone(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    outcome: Outcome,
    said: ExitCode | None,
) -> None:
    monkeypatch.setattr(aging.app.conclude, "call", call_here)
    synthetic(tmp_path / "c", {"server": flat})
    folder = tmp_path / "c" / "server" / "r01" / "process"
    (folder / "29990101T00.live.jsonl").write_text('{"mono": 1.0, "entity": "tree"}\n')
    (folder / "29990101T00.parquet").mkdir()  # as good as no room, also for root
    if said is None:
        conclude(ANALYSIS, Layout(tmp_path / "c"), outcome, CONSOLE)
        assert "could be sealed" in capsys.readouterr().out
    else:
        with pytest.raises(AgingError, match="cannot be written") as caught:
            conclude(ANALYSIS, Layout(tmp_path / "c"), outcome, CONSOLE)
        assert caught.value.exit_code is said
