"""Where memory grew, in a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from aging.core.format import byte_size, readable_duration
from aging.findings.types import CountChange, Finding, GrowthPlaces, ProcessGrowth

_LEAST_SHARE = 0.01
"""Processes and kinds of memory with a smaller part of the growth are not listed."""

_LEAST_BESIDE = 0.05
"""What grew beside the leak indicator is named from this part of its growth on."""

_WIDTH = 80
"""Letters of a command line."""

_WHOLE = 1.005
"""A larger share is written as more than 100 %."""

_MOST_NAMED = 3
_FILES = {"socket": "sockets", "pipe": "pipes", "file": "files", "anonymous": "event handles", "other": "others"}


def where(finding: Finding) -> list[str]:
    """A sentence for each replica whose memory grew."""
    several = len(finding.places) > 1
    known = [one for one in finding.places if one.processes or one.kinds]
    said = ((one, [*_who(one), *_kinds(one), *_counts(one.counts)]) for one in known)
    return [
        f"Where{f', replica {one.replica}' if several else ''}: {'; '.join(parts)}"
        f" (last {readable_duration(one.seconds)})."
        for one, parts in said
        if parts
    ]


def _who(one: GrowthPlaces) -> Iterator[str]:
    for process in one.processes:
        if process.label == one.named:
            part = f": {_percent(process.share)} of the growth{' (others shrank)' if process.share > _WHOLE else ''}"
            yield f"{process.label} ({_which(process)}){part if len(one.processes) > 1 else ', the only process'}"
            return
    if one.processes:
        grew = [of for of in one.processes[:_MOST_NAMED] if of.share >= _LEAST_SHARE]
        first = ", ".join(f"{of.label} {_percent(of.share)}" for of in grew)
        yield f"not clearly one of {sum(of.pid is not None for of in one.processes)} processes: {first}"


def _which(process: ProcessGrowth) -> str:
    """``pid 4711, python worker.py, growing since November 29, 17:35:50 UTC``."""
    command = process.command or ""
    named = [
        f"pid {process.pid}",
        *([command if len(command) <= _WIDTH else f"{command[: _WIDTH - 1]}…"] if command else []),
    ]
    if process.grows_since is not None:
        when = datetime.fromisoformat(process.grows_since)
        since = f"{when:%B} {when.day}, {when:%H:%M:%S} UTC"
        named.append(
            f"growing since before it was first read at {since}" if process.grew_before else f"growing since {since}"
        )
    return ", ".join(named)


def _kinds(one: GrowthPlaces) -> Iterator[str]:
    shown = [f"{of.kind} {_percent(of.share)}" for of in one.kinds if of.share >= _LEAST_SHARE]
    if shown:
        yield ", ".join(shown)
    allocator = [f"{_rate(value)} {name}" for name, value in one.allocator.items()]
    if allocator:
        yield f"malloc: {', '.join(allocator)}"
    beside = {name: value for name, value in one.beside.items() if value > _LEAST_BESIDE * one.per_hour}
    if beside:
        yield ", ".join(f"{name} {_rate(value)}" for name, value in beside.items())


def _counts(change: CountChange) -> Iterator[str]:
    counts = []
    if change.threads is not None:
        counts.append(f"{change.threads:+d} threads{_stacks(change)}")
    if change.open_files is not None:
        kinds = [f"{count:+d} {_FILES.get(kind, kind)}" for kind, count in change.open_files_by_kind.items()]
        of_which = f" ({', '.join(kinds)})" if kinds and change.open_files else ""
        counts.append(f"{change.open_files:+d} open files{of_which}")
    if counts:
        yield ", ".join(counts)


def _stacks(change: CountChange) -> str:
    if change.stacks <= 0 or change.stack_reserved_bytes is None or change.stack_resident_bytes is None:
        return ""
    reserved, resident = byte_size(change.stack_reserved_bytes), byte_size(change.stack_resident_bytes)
    return f" ({change.stacks:+d} stacks of {reserved} reserved, {resident} resident each)"


def _rate(per_hour: float) -> str:
    return f"{byte_size(per_hour, signed=True)}/h"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
