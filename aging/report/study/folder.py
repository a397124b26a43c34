"""The state of a study from its folder, and of every study below a folder of results. Nothing is asked of a host."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aging.core.errors import ResultsError
from aging.core.format import utc
from aging.report.study.accounting import Accounting, accounting
from aging.store.lock import owner_of
from aging.study.jobs import with_jobs
from aging.study.layout import StudyLayout
from aging.study.ledger import read_ledger
from aging.study.plan_file import StudyPlan, read_plan
from aging.study.state import StudyState, fold


def state_of(layout: StudyLayout) -> StudyState:
    """The fold of a study's ledger. Raises ResultsError."""
    return fold(read_ledger(layout.ledger))


def account_of(layout: StudyLayout, plan: StudyPlan) -> Accounting:
    """Every cell of a study accounted for, now. Raises ResultsError."""
    owner = owner_of(layout.root)
    runner = owner.pid if owner is not None and owner.role == "study" else None
    state = with_jobs(layout, state_of(layout))
    return accounting(plan.file.name, plan.cells, state, time.time(), runner, hosts=plan.file.hosts)


def study_of_copy(directory: Path) -> Path | None:
    """The folder of the study of which this is the copy of an attempt, collected from its host; None of anything else.

    The attempts of jobs are no copies. Raises ResultsError for a study whose ledger is damaged.
    """
    parents = directory.absolute().parents
    if len(parents) < 3 or parents[1].name != "cells" or not StudyLayout(parents[2]).exists:
        return None
    return None if state_of(StudyLayout(parents[2])).started is None else parents[2]


@dataclass(frozen=True, slots=True)
class StudyStatus:
    """One study in a list. ``account`` is None where its folder cannot be read; ``why`` says why."""

    directory: Path
    account: Accounting | None
    why: str = ""

    def as_json(self) -> dict[str, Any]:
        """The study as JSON; times in epoch seconds."""
        one = self.account
        return {
            "directory": str(self.directory),
            "state": "unreadable" if one is None else one.state,
            "resumable": one is not None and _resumable(one),
            "runner_pid": None if one is None else one.runner,
            "started": None if one is None else one.started,
            "cells": None if one is None else len(one.rows),
            "missing": None if one is None else [row.cell for row in one.missing],
            "problem": self.why or None,
        }

    def line(self) -> str:
        """The study as one line of text."""
        one = self.account
        if one is None:
            return f"{self.directory}: study, unreadable: {self.why}"
        since = "" if one.started is None else f", started {utc(one.started):%Y-%m-%d %H:%M:%S} UTC"
        by = "" if one.runner is None else f", process {one.runner}"
        resumable = "; can be resumed" if _resumable(one) else ""
        done = f"{len(one.rows) - len(one.missing)} of {len(one.rows)} cells have a result"
        return f"{self.directory}: study, {one.state}{since}{by}; {done}{resumable}"


def _resumable(account: Accounting) -> bool:
    """Whether `aging resume` continues it; a study whose cells are jobs (``--cell``) goes on with its jobs."""
    return account.runner is None and bool(account.missing) and account.started is not None


def studies_below(results: Path) -> Sequence[StudyStatus]:
    """Every study below a folder of results, the oldest first."""
    return [_status(StudyLayout(plan.parent)) for plan in sorted(results.glob("*/*/study.json"))]


def _status(layout: StudyLayout) -> StudyStatus:
    try:
        return StudyStatus(layout.root, account_of(layout, read_plan(layout)))
    except ResultsError as error:
        return StudyStatus(layout.root, None, str(error))
