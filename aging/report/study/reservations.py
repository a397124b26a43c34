"""What a cluster holds for attempts, by study: as lines, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from aging.core.format import readable_duration, utc
from aging.core.plain_text import one_line
from aging.report.study.accounting import span
from aging.study.reservations import Holding, run_by


def reservation_lines(found: Sequence[Holding], address: str, now: float) -> Iterator[str]:
    """``now`` in epoch seconds. A study that no process runs comes with the command that gives its hosts back."""
    if not found:
        yield f"No study holds a host of the cluster at {address}."
    for study, group in groupby(found, lambda one: one.held.key.study):
        mine = list(group)
        where = run_by(mine)
        yield f"{study} · {f'run by {_listed(where)}' if where else 'no process runs it'}"
        for one in mine:
            yield f"  {one_line(_line(one, now))}"
        if not where:
            yield (
                "  Where its folder is: aging resume STUDYDIR, or aging stop STUDYDIR. If that is gone: "
                f"aging stop --cluster {address} --study {study}{' --drain' if any(one.runs for one in mine) else ''}"
            )


def reservations_json(found: Sequence[Holding]) -> list[dict[str, Any]]:
    """Times in epoch seconds. ``state`` is None where the host did not answer."""
    return [
        {
            "study": one.held.key.study,
            "cell": one.held.key.cell,
            "attempt": one.held.key.number,
            "host": one.held.host,
            "host_gone": one.gone,
            "pending": not one.held.made,
            "cpus": one.held.cpus,
            "gpus": one.held.gpus,
            "since": one.held.since,
            "run_from": one.held.run_from,
            "run_by_pid": one.held.pid,
            "state": None if one.look is None else "starting" if one.look.starting else one.look.state,
            "runner_alive": None if one.look is None else one.runs,
            "runner_pid": None if one.look is None else one.look.runner,
            "directory": None if one.look is None else one.look.directory,
            "problem": one.why,
        }
        for one in found
    ]


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words)


def _line(one: Holding, now: float) -> str:
    """``v01-r01, attempt 1: host a, 8 CPUs, since 2026-11-30 07:13 UTC (41 min ago); runs, process 71, 56m left``."""
    held = one.held
    parts = [f"host {held.host}" if held.host else "no host yet"]
    parts += [f"{amount:g} {kind}" for amount, kind in ((held.cpus, "CPUs"), (held.gpus, "GPUs")) if amount]
    if held.since is not None:
        parts.append(f"since {utc(held.since):%Y-%m-%d %H:%M} UTC ({span(max(now - held.since, 0.0))} ago)")
    if not held.made:
        parts.append("waits for it")
    return f"{held.key}: {', '.join(parts)}; {_state(one)}"


def _state(one: Holding) -> str:  # noqa: PLR0911 - one return a state
    look = one.look
    if look is None:
        return one.why or ""
    match look.state:
        case "running" if look.starting:
            return "starts: its campaign is checked and its runner begins"
        case "running":
            by = "" if look.runner is None else f", process {look.runner}"
            left = "" if look.ends is None else f", {readable_duration(look.ends)} left"
            return f"runs{by}{left}"
        case "absent" if one.held.run_from:
            return "nothing runs there now: it is about to start, or it is collected and its host is being given back"
        case "absent":
            return "nothing is left there: it did not begin, or all of it was collected"
        case "abandoned":
            return "its runner is gone; the attempt can be continued"
        case state:
            return f"nothing runs: the attempt is {state}{'' if look.why is None else f': {look.why}'}"
