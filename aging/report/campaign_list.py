"""The state of every campaign below a folder, from its journal and its lock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aging.core.format import utc
from aging.report.progress import Snapshot
from aging.store.journal import read_journal
from aging.store.lock import owner_of
from aging.store.manifest_file import is_smoke, observed_in
from aging.store.state import RESUMABLE, CampaignState, fold


@dataclass(frozen=True, slots=True)
class CampaignStatus:
    """One campaign. ``state`` is its phase, or ``abandoned`` where it has not ended and has no runner."""

    directory: Path
    state: str
    runner: int | None
    started: float | None
    ended: float | None
    planned_seconds: float | None
    smoke: bool = False
    observed: str | None = None

    @classmethod
    def of(cls, directory: Path, state: CampaignState | None = None) -> CampaignStatus:
        """``state`` is that of its journal, where it has been read."""
        if state is None:
            state = fold(read_journal(directory / "journal.jsonl"))
        owner = owner_of(directory)
        runner = owner.pid if owner is not None and owner.role == "runner" else None
        return cls(
            directory,
            _word(state, runner),
            runner,
            None if state.started is None else state.started.wall,
            None if state.ended is None else state.ended.wall,
            state.planned_seconds,
            is_smoke(directory),
            observed_in(directory),
        )

    @property
    def resumable(self) -> bool:
        """Whether `aging resume` can continue it."""
        return not self.smoke and self.runner is None and self.state in (*RESUMABLE, "abandoned")

    def as_json(self) -> dict[str, Any]:
        """The campaign as JSON; times in epoch seconds."""
        return {
            "directory": str(self.directory),
            "state": self.state,
            "resumable": self.resumable,
            "runner_pid": self.runner,
            "started": self.started,
            "ended": self.ended,
            "planned_seconds": self.planned_seconds,
            "description": self.observed,
        }

    def line(self) -> str:
        """The campaign as one line of text."""
        since = "" if self.started is None else f", started {utc(self.started):%Y-%m-%d %H:%M:%S} UTC"
        by = "" if self.runner is None else f", runner {self.runner}"
        about = "" if self.observed is None else f"; {self.observed}"
        return f"{self.directory}: {self.state}{since}{by}{'; can be resumed' if self.resumable else ''}{about}"


def campaigns_below(results: Path) -> Sequence[CampaignStatus]:
    """Every campaign below a folder of results, the oldest first."""
    return [CampaignStatus.of(journal.parent) for journal in sorted(results.glob("*/*/journal.jsonl"))]


def progress_as_json(snapshot: Snapshot) -> list[dict[str, Any]]:
    """The runs of a campaign as JSON; memory in bytes, times in seconds."""
    return [
        {
            "deployment": run.deployment,
            "replica": run.replica,
            "phase": run.state.phase,
            "generation": run.state.generation,
            "pid": run.state.pid,
            "requests": dict(run.requests),
            "ttft_seconds": run.ttft_seconds,
            "memory_bytes": run.memory,
            "memory_bytes_per_second": None if run.memory_rate is None else run.memory_rate.per_second,
            "memory_bytes_per_second_interval": None
            if run.memory_rate is None
            else [run.memory_rate.low, run.memory_rate.high],
        }
        for run in snapshot.runs
    ]


def _word(state: CampaignState, runner: int | None) -> str:
    unended = state.phase in ("preparing", "running", "draining")
    return "abandoned" if unended and runner is None else state.phase
