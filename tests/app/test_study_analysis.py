"""Which cells of a study are analyzed again: those whose findings are not of their end."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest

from aging.app import study_analysis
from aging.study import events
from aging.study.layout import StudyLayout
from aging.study.ledger import Ledger
from tests.builders import ended


def test_findings_that_are_older_than_the_end_are_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = StudyLayout(tmp_path)
    cell = layout.attempt("c", 1)
    ended(cell)
    with contextlib.closing(Ledger(layout.ledger)) as ledger:
        ledger.record(events.AttemptPlaced(cell="c", number=1, host="h1"))
        ledger.record(events.AttemptSeen(cell="c", number=1, state="completed"))
        ledger.record(events.AttemptCollected(cell="c", number=1, files=2, size=2, whole=True))
    monkeypatch.setattr(study_analysis, "conclude", lambda _: {})
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
