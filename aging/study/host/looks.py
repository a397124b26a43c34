"""An attempt as its host has it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from aging.core.clock import Timeline, boot_id
from aging.core.errors import ResultsError
from aging.core.processes.logs import tail
from aging.store import events
from aging.store.events import Event
from aging.store.journal import read_journal
from aging.store.lock import owner_of
from aging.store.state import RESUMABLE, CampaignState, fold
from aging.study.fleet import AttemptKey, AttemptState, Look
from aging.study.host.busy import name_of, ordered, starting_now
from aging.study.host.digests import sealed_files
from aging.study.host.folder import AttemptFolder, HostFolder

_MOST_NAMED = 3
_UNENDED = ("preparing", "running", "draining")


def look(host: str, keys: Sequence[AttemptKey], scratch: str) -> tuple[Look, ...]:
    """The attempts, in the order of ``keys``. Changes nothing but the cache of digests."""
    folder = HostFolder.of(scratch, host)
    return tuple(look_at(folder, key) for key in keys)


def look_at(host: HostFolder, key: AttemptKey, *, by_starter: bool = False) -> Look:
    """One attempt; ``by_starter`` by the holder of the host's lock of starts."""
    attempt = host.attempt(key)
    starting = not by_starter and starting_now(host) == name_of(key)  # before the owner: a start ends with its runner's
    directory = attempt.directory()
    if directory is None:
        return _without_results(key, attempt, starting=starting)
    devices = ordered(key, attempt).devices
    owner = owner_of(directory)  # before the journal: who ends in between has written its end
    try:
        journal = read_journal(directory / "journal.jsonl")
    except ResultsError as error:
        return Look(key, "abandoned", why=str(error), directory=str(directory), devices=devices)
    state = fold(journal)
    runner = owner.pid if owner is not None and owner.role == "runner" else None
    if owner is not None and owner.role != "keeper":
        ends, sealed = _ends(state), sealed_files(attempt, directory, ended=False)
        return Look(key, "running", ends, directory=str(directory), sealed=sealed, runner=runner, devices=devices)
    if starting and state.phase in RESUMABLE:
        return Look(key, "running", directory=str(directory), devices=devices, starting=True)
    ended = state.phase not in _UNENDED
    return Look(
        key,
        _ended_state(state),
        resumable=state.phase in RESUMABLE,
        why=why_ended(journal, directory),
        directory=str(directory),
        sealed=sealed_files(attempt, directory, ended=ended and owner is None),
        devices=devices,
    )


def _without_results(key: AttemptKey, attempt: AttemptFolder, *, starting: bool) -> Look:
    if attempt.refused.is_file():
        return Look(key, "refused", why=attempt.refused.read_text(errors="replace"))
    return Look(key, "running", starting=True) if starting else Look(key, "absent")


def _ended_state(state: CampaignState) -> AttemptState:
    match state.phase:
        case "preparing" | "running" | "draining":
            return "abandoned"
        case phase:
            return phase


def _ends(state: CampaignState) -> float | None:
    """Seconds until the planned end of a campaign that runs: of all its load, and of the runs under way."""
    if state.started is None or state.planned_seconds is None or state.boot != boot_id():
        return None
    now = Timeline(state.shift).of(time.monotonic())
    under_way = [end for run in state.runs.values() if run.load_end is None and (end := run.planned_end) is not None]
    return max(0.0, max([state.started.mono + state.planned_seconds, *under_way]) - now)


def _deaths(journal: Sequence[Event]) -> Sequence[str]:
    """How the last server of each deployment ended, and with which line of its log; of at most three."""
    died = {event.deployment: event for event in journal if isinstance(event, events.DeploymentDied)}
    return [
        f"{name}: {one.why}" + (f", after `{one.log[-1].strip()}`" if one.log else "")
        for name, one in [*died.items()][:_MOST_NAMED]
    ]


def why_ended(journal: Sequence[Event], directory: Path) -> str | None:
    """Why it halted, died, was decided or failed, in a sentence; None for another state."""
    match journal[-1] if journal else None:
        case events.CampaignHalted(reason=why) | events.CampaignDied(reason=why) | events.CampaignDecided(reason=why):
            return why
        case events.CampaignFailed():
            return "; ".join(["no server became ready", *_deaths(journal)])
        case None:
            return "; ".join(tail(directory / "runner.log", 1)) or "its runner ended before the campaign began"
    return None
