"""Which cells of a study are analyzed again: those whose findings are not of their end."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from pathlib import Path

import pytest

from aging.app import study_analysis
from aging.core.errors import ExitCode
from aging.findings.study.build import analyze_study
from aging.findings.study.file import read_study_findings
from aging.findings.study.types import StudyFindings
from aging.study import events
from aging.study.layout import StudyLayout
from aging.study.ledger import Ledger
from aging.study.load import study_of_campaign
from aging.study.plan_file import write_plan
from tests.builders import GOOD, KINDS, ended
from tests.conftest import ROOT, Aging

SMALL = "tokenizer-2026.1"


def test_findings_that_are_older_than_the_end_are_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = StudyLayout(tmp_path)
    cell = layout.attempt("c", 1)
    ended(cell)
    with contextlib.closing(Ledger(layout.ledger)) as ledger:
        ledger.record(events.AttemptPlaced(cell="c", number=1, host="h1"))
        ledger.record(events.AttemptSeen(cell="c", number=1, state="completed"))
        ledger.record(events.AttemptCollected(cell="c", number=1, files=2, size=2, whole=True))
    monkeypatch.setattr(study_analysis, "conclude", lambda *_: {})
    monkeypatch.setattr(study_analysis, "written", lambda _: {})
    findings = cell / "findings.json"
    findings.unlink()

    def analyzed() -> bool:
        """Whether the cell's findings are written by an analysis."""
        before = findings.stat().st_ino if findings.exists() else None
        study_analysis.analyze(str(tmp_path))
        return findings.stat().st_ino != before

    assert analyzed()
    assert not analyzed()
    findings.write_text("{")  # an analysis that was interrupted
    assert analyzed()
    os.utime(findings, (0.0, 0.0))  # of an interruption, before it was continued
    assert analyzed()
    assert not analyzed()


@pytest.fixture
def study(tmp_path: Path) -> StudyLayout:
    """A study of three cells whose results are real campaigns, not analyzed yet."""
    campaign = tmp_path / "one.toml"
    campaign.write_text(GOOD)
    root = tmp_path / "results" / "one" / "20261121T011500Z"
    root.mkdir(parents=True)
    layout = StudyLayout(root)
    plan = write_plan(layout, study_of_campaign(GOOD, "one.toml", 3, KINDS))
    with contextlib.closing(Ledger(layout.ledger)) as ledger:
        ledger.record(events.StudyStarted(pid=1, cluster="auto"))
        for number, cell in enumerate(plan.cells, 1):
            ledger.record(events.AttemptPlaced(cell=cell.name, number=1, host=f"h{number}"))
            ledger.record(events.AttemptSeen(cell=cell.name, number=1, state="completed"))
            ledger.record(events.AttemptCollected(cell=cell.name, number=1, files=2, size=2, whole=True))
            shutil.copytree(ROOT / "results" / SMALL, layout.attempt(cell.name, 1))
    return layout


@pytest.mark.parametrize("name", ["journal.jsonl", "manifest.json"])
def test_an_unreadable_cell_is_missing_and_stops_no_other(study: StudyLayout, name: str) -> None:
    damaged = sorted(study.cells.glob(f"*/a01/{name}"))[1]
    damaged.unlink()
    damaged.mkdir()
    study_analysis.analyze(str(study.root))
    found = read_study_findings(study.findings)
    assert found is not None
    (missing,) = found.missing
    assert (missing.status, missing.cell) == ("no_findings", damaged.parent.parent.name)
    assert "a01" in str(missing.why)
    assert max(one.used for one in found.findings) == 2
    assert str(missing.cell) in study.report.read_text()


def test_the_command_names_what_is_missing(study: StudyLayout, cli: Aging) -> None:
    assert cli("analyze", study.root).returncode == ExitCode.DONE
    damaged = sorted(study.cells.glob("*/a01/manifest.json"))[0]
    damaged.write_text("[]")
    ran = cli("analyze", study.root, "--json")
    assert ran.returncode == ExitCode.INCONCLUSIVE
    assert ran.stderr.count(str(damaged.parent)) == 1
    cells = {one["cell"]: one for one in json.loads(ran.stdout)["cells"]}
    assert [one["status"] for one in cells.values()] == ["no_findings", "counted", "counted"]
    assert "manifest.json" in cells[damaged.parent.parent.name]["why"]


def test_the_findings_are_computed_once(study: StudyLayout, monkeypatch: pytest.MonkeyPatch) -> None:
    computed = []

    def counted(root: Path, *given: object) -> StudyFindings:
        computed.append(root)
        return analyze_study(root, *given)  # type: ignore[arg-type]

    monkeypatch.setattr("aging.findings.study.build.analyze_study", counted)
    study_analysis.analyze(str(study.root))
    assert computed == [study.root]
    assert study.report.is_file()
