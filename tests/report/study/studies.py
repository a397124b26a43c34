"""A study's folder made by hand: two variants on four hosts, of which one differs, and one cell is lost."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from pathlib import Path

from aging.core.metrics import PRIMARY
from aging.findings.types import Findings
from aging.study import events
from aging.study.cells import cells_of
from aging.study.fleet import HostFacts
from aging.study.layout import StudyLayout
from aging.study.ledger import Ledger
from aging.study.load import load_study
from aging.study.plan_file import write_plan
from tests.builders import GOOD, KINDS
from tests.findings.study_cells import write_attempt
from tests.report.conftest import MIB, finding

START = 1_790_000_000.0
HOSTILE = 'd<script>alert(1)</script>" onload="alert(2)'
HOSTS = ("a", "b", "c", HOSTILE)
_STUDY = """\
name = "caches"
description = "two caches on four hosts"
campaign = "campaign.toml"
replicates = 4
[matrix]
"deployment[b].cache_ram_mib" = [0, 64]
"""


def facts(host: str, driver: str = "550.54") -> HostFacts:
    return HostFacts(
        host=host,
        disk=f"disk-{host}",
        cpu="Xeon",
        cores=16,
        memory=2**36,
        kernel="6.1.0",
        libc="2.36",
        python="3.11.2",
        aging="1.0",
        driver=driver,
        cuda="12.4",
        gpus=(),
        packages={},
        free=2**40,
        clock_offset=4.0 if host == "c" else 0.001,
    )


def made(folder: Path, *, complete: bool = False) -> Path:
    """The folder of a study that has ended; cell r04 of the second variant is lost unless ``complete``."""
    (folder / "campaign.toml").write_text(GOOD)
    (folder / "study.toml").write_text(_STUDY)
    study = load_study(folder / "study.toml", KINDS)
    root = folder / "results" / "caches" / "20260921T143320Z"
    root.mkdir(parents=True)
    layout = StudyLayout(root)
    write_plan(layout, study)
    times = count(START, 10.0)
    ledger = Ledger(layout.ledger, clock=lambda: next(times))
    ledger.record(events.StudyStarted(pid=1, cluster="auto"))
    for host in HOSTS:
        ledger.record(events.HostSeen(facts=facts(host, "535.10" if host == HOSTILE else "550.54")))
    cells = cells_of(study)
    variants = list(dict.fromkeys(cell.variant for cell in cells))
    for cell in cells:
        host = HOSTS[cell.replicate - 1]
        ledger.record(events.AttemptPlaced(cell=cell.name, number=1, host=host))
        ledger.record(events.AttemptSeen(cell=cell.name, number=1, state="running"))
        if not complete and cell is cells[-1]:
            _lose(ledger, cell.name, host)
            continue
        ages = cell.variant == variants[1]
        _collect(ledger, layout, cell.name, _findings(ages, cell.replicate, host))
    ledger.record(events.StudyEnded(outcome="completed" if complete else "incomplete"))
    ledger.close()
    return root


def _lose(ledger: Ledger, cell: str, host: str) -> None:
    ledger.record(events.AttemptCollected(cell=cell, number=1, files=2, size=4096, whole=False))
    ledger.record(events.HostLost(host=host))
    ledger.record(events.AttemptLost(cell=cell, number=1, why="its disk was <b>lost</b> with it"))
    ledger.record(events.CellGivenUp(cell=cell, why="no other host fits"))


def _collect(ledger: Ledger, layout: StudyLayout, cell: str, findings: Findings) -> None:
    root = layout.attempt(cell, 1)
    write_attempt(root, findings)
    (root / "report.html").write_text("<!doctype html><title>cell</title>")
    ledger.record(events.AttemptSeen(cell=cell, number=1, state="completed"))
    ledger.record(events.AttemptCollected(cell=cell, number=1, files=2, size=4096, whole=True))


def _findings(ages: bool, replicate: int, host: str) -> Findings:
    """The hostile host, which runs the last replicate, grows five times as fast where it ages."""
    rate = (57.6 + replicate) * (5.0 if host == HOSTILE else 1.0) * MIB if ages else 0.01 * replicate * MIB
    found = replace(
        finding("b", "aging" if ages else "stable"),
        indicator=PRIMARY,
        slope_per_hour=rate,
        ci_per_hour=(rate - MIB, rate + MIB),
        p=1e-9 if ages else 0.5,
        q=1e-9 if ages else 0.5,
    )
    return Findings(1, "caches", "2026-09-21T14:33:20+00:00", [found], (), ())
