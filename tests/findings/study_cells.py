"""Cells of a study with given rates, without campaigns: what the findings of a study are computed from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from aging.core.metrics import PRIMARY
from aging.findings.findings_file import write_findings
from aging.findings.study.build import study_findings
from aging.findings.study.types import StudyFindings
from aging.findings.types import Finding, Findings, Problem, RunValidity, Validity, Verdict
from aging.study.cells import Cell
from aging.study.events import (
    AttemptCollected,
    AttemptLost,
    AttemptPlaced,
    AttemptSeen,
    HostSeen,
    StudyEvent,
    StudyStarted,
)
from aging.study.fleet import Gpu, HostFacts
from aging.study.layout import StudyLayout
from aging.study.state import fold

CAMPAIGN = 'name = "one"\n'
ERROR = 0.5


def facts(host: str, **changed: Any) -> HostFacts:
    usual: dict[str, Any] = {
        "disk": f"disk-{host}",
        "cpu": "EPYC 9554",
        "cores": 64,
        "memory": 512 * 2**30,
        "kernel": "6.1.0-28",
        "libc": "glibc 2.36",
        "python": "3.11.2",
        "aging": "0.4.0",
        "driver": "550.54",
        "cuda": "12.4",
        "gpus": (Gpu(f"gpu-{host}", "H100", 80 * 2**30, 1980, 2619),),
        "packages": {"torch": "2.5.1", "vllm": "0.6.3"},
        "free": 2**40,
    }
    return HostFacts(host=host, **(usual | changed))


def finding(rate: float, verdict: Verdict = "aging", p: float | None = 1e-6, error: float = ERROR) -> Finding:
    return Finding(
        deployment="server",
        indicator=PRIMARY,
        replicas=1,
        n=500,
        verdict=verdict,
        shape=None,
        slope_per_hour=rate,
        ci_per_hour=(rate - 1.96 * error, rate + 1.96 * error),
        slope_per_request=None,
        ci_per_request=None,
        p=p,
        q=p,
        minimum_detectable_per_hour=None,
        tests={},
    )


def with_work(one: Finding, per_hour: float, axis: str = "requests") -> Finding:
    """A finding whose load sent ``per_hour`` requests, with its rates by them and after the warm-up."""
    assert one.slope_per_hour is not None
    assert one.ci_per_hour is not None
    low, high = one.ci_per_hour
    by_work = one.slope_per_hour / per_hour, (low / per_hour, high / per_hour)
    return replace(
        one,
        slope_per_request=by_work[0],
        ci_per_request=by_work[1],
        current_per_hour=one.slope_per_hour,
        current_ci_per_hour=one.ci_per_hour,
        growth_axis=axis,
        current_per_unit=None if axis == "seconds" else by_work[0],
        current_ci_per_unit=None if axis == "seconds" else by_work[1],
        minimum_detectable_per_hour=one.slope_per_hour / 10,
    )


def findings(*found: Finding, validity: Validity = "complete", problems: Sequence[Problem] = ()) -> Findings:
    names = dict.fromkeys(one.deployment for one in found)
    runs = [RunValidity(name, 1, 1, validity, (), 1.0, 0.0) for name in names]
    return Findings(1, "one", "", found, (), problems, runs=runs)


@dataclass
class Made:
    """A study that is made cell by cell, as its driver would write it."""

    replicates: int
    levels: Sequence[Mapping[str, Any]] = ({},)
    events: list[StudyEvent] = field(default_factory=lambda: [StudyStarted(pid=1, cluster="auto", wall=1.0)])
    found: dict[str, Findings] = field(default_factory=dict)

    @property
    def cells(self) -> list[Cell]:
        return [
            Cell(f"v{place}-r{replicate:02d}", f"v{place}", replicate, levels, CAMPAIGN, 3600.0)
            for replicate in range(1, self.replicates + 1)
            for place, levels in enumerate(self.levels, 1)
        ]

    def host(self, host: str, **changed: Any) -> None:
        self.events.append(HostSeen(facts=facts(host, **changed), wall=2.0))

    def placed(self, cell: str, host: str, number: int = 1) -> None:
        self.events.append(AttemptPlaced(cell=cell, number=number, host=host, wall=3.0))
        self.events.append(AttemptSeen(cell=cell, number=number, state="running"))

    def lost(self, cell: str, number: int = 1, files: int = 0) -> None:
        if files:
            self.events.append(AttemptCollected(cell=cell, number=number, files=files, size=1000 * files, whole=False))
        self.events.append(AttemptLost(cell=cell, number=number, why="its disk is gone"))

    def completed(self, cell: str, result: Findings | None, number: int = 1) -> None:
        self.events.append(AttemptSeen(cell=cell, number=number, state="completed", directory="results/one/x"))
        self.events.append(AttemptCollected(cell=cell, number=number, files=9, size=9000, whole=True))
        if result is not None:
            self.found[cell] = result

    def counted(self, cell: str, host: str, result: Findings, number: int = 1) -> None:
        self.placed(cell, host, number)
        self.completed(cell, result, number)

    def analyzed(self, root: Path = Path("study")) -> StudyFindings:
        state = fold(self.events)
        unread = {
            name: f"cells/{name} is not to be read"
            for name, cell in state.cells.items()
            if cell.result is not None and name not in self.found
        }
        return study_findings("fleet", self.cells, state, self.found, StudyLayout(root), unread)


def write_attempt(directory: Path, found: Findings) -> None:
    """A result directory with what is read of it for a study: its journal, its manifest and its findings."""
    directory.mkdir(parents=True)
    manifest = {"schema": 1, "campaign": {"name": "one"}, "deployments": [], "schedule_hashes": {}, "seed": 1}
    (directory / "manifest.json").write_text(json.dumps(manifest))
    (directory / "journal.jsonl").write_text("")
    write_findings(found, directory / "findings.json")
