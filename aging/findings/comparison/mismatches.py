"""What the manifests of two measurements have in common, what must agree, and what differs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aging.core.errors import Mistake, MistakeCode
from aging.findings.comparability import host_facts, leaves, load_facts, said, unlike
from aging.findings.comparison.side import Facing, Side, Source
from aging.findings.comparison.types import Allowance, ManifestDifference

_SAME_DURATION = 0.1
"""Planned durations that differ by no more than this part are alike: both are judged as far as the shorter went."""

_MOST_LETTERS = 300
_NOT_OF_THE_HOST = ("boot_id", "cgroup", "memory_bytes", "swap_bytes")
"""These differ between any two starts of a machine, or are listed under a name of their own."""

_NOT_OF_A_SERVER = ("name", "port", "slot", "baseline_of")


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A key that must agree, with its values; ``kind`` is the class that allows it."""

    kind: Allowance
    key: str
    baseline: str
    other: str


def mismatches(faced: Facing) -> list[Mismatch]:
    """Everything that makes a deployment and its baseline incomparable, unless it is allowed."""
    mine, theirs = faced.baseline, faced.other
    found = list(_of_load(mine, theirs))
    here, there = mine.source.results.manifest, theirs.source.results.manifest
    seconds = here.campaign.duration_seconds, there.campaign.duration_seconds
    if not math.isclose(*seconds, rel_tol=_SAME_DURATION):
        found.append(Mismatch("duration", "duration_seconds", *(f"{one:g}" for one in seconds)))
    for key, values in (
        ("analysis.grid_seconds", [one.campaign.analysis.grid_seconds for one in (here, there)]),
        ("sampling_seconds.process", [one.campaign.sampling_seconds.get("process") for one in (here, there)]),
    ):
        if values[0] != values[1]:
            found.append(Mismatch("grid", key, *(f"{one:g}" if one else said(None) for one in values)))
    if mine.source is not theirs.source:
        first, second = host_facts(here), host_facts(there)
        found += [Mismatch("host", key, said(first[key]), said(second[key])) for key in unlike(first, second)]
    return found


def _of_load(mine: Side, theirs: Side) -> Iterator[Mismatch]:
    """The schedules are compared by their hashes; where those are equal, a key that a release did not know is none."""
    first, second = _load(mine), _load(theirs)
    hashes = _hashes(mine), _hashes(theirs)
    common = hashes[0].keys() & hashes[1].keys()
    same = bool(common) and all(hashes[0][replica] == hashes[1][replica] for replica in common)
    keys = [key for key in unlike(first, second) if not (same and (first.get(key) is None or second.get(key) is None))]
    yield from (Mismatch("load", key, said(first.get(key)), said(second.get(key))) for key in keys)
    for replica in sorted(common):
        if hashes[0][replica] != hashes[1][replica]:
            yield Mismatch("load", f"schedule_hash[{replica}]", *(one[replica][:12] for one in hashes))


def same_schedule(faced: Facing, replica: int) -> bool:
    """Whether a replica of both was sent the same requests at the same times of its load."""
    mine, theirs = (_hashes(side).get(f"r{replica:02d}") for side in (faced.baseline, faced.other))
    return mine is not None and mine == theirs


def _load(side: Side) -> dict[str, Any]:
    manifest = side.source.results.manifest
    rate = side.made.options.get("rate")
    return load_facts(manifest, manifest.load_of(side.name)) | {"deployment.rate": rate}


def _hashes(side: Side) -> Mapping[str, str]:
    given = side.source.results.manifest.schedule_hashes
    return {key.removeprefix(f"{side.name}/"): one for key, one in given.items() if key.startswith(f"{side.name}/")}


def refusal(found: Sequence[tuple[Facing, Sequence[Mismatch]]]) -> list[Mistake]:
    """The mismatches of all matches as mistakes, each once, with the class that allows it."""
    shared: dict[tuple[str, Mismatch], list[str]] = {}
    for faced, unlike_keys in found:
        for one in unlike_keys:
            shared.setdefault((faced.other.source.label, one), []).append(faced.other.name)
    of_source = Counter(faced.other.source.label for faced, _ in found)
    mistakes = []
    for (label, one), names in shared.items():
        where = f"{label}: " if len(names) == of_source[label] else f"{label}: {', '.join(names)}: "
        what = f"{_cut(one.other)}, but {_cut(one.baseline)} in the baseline (--allow {one.kind})"
        mistakes.append(Mistake(f"{where}{one.key}", what, MistakeCode.CONFLICT))
    return mistakes


def what_differs(found: Sequence[Source], faced: Sequence[Facing]) -> list[ManifestDifference]:
    """The keys of the manifests that differ, once each, with the value of each side."""
    if len(found) == 1:
        sides = [faced[0].baseline, *(one.other for one in faced)]
        columns = [dict(_of_server("", side)) for side in sides]
    else:
        columns = [dict(_of_campaign(source)) for source in found]
        for one in faced:
            key = f"deployment[{one.baseline.name}]."
            columns[0] |= dict(_of_server(key, one.baseline))
            columns[one.place] |= dict(_of_server(key, one.other))
            if one.other.name != one.baseline.name:
                columns[0][f"{key}name"], columns[one.place][f"{key}name"] = one.baseline.name, one.other.name
    keys = dict.fromkeys(key for column in columns for key in column)
    rows = [ManifestDifference(key, [_text(column.get(key)) for column in columns]) for key in keys]
    return [row for row in rows if len(set(row.values)) > 1]


def _of_campaign(source: Source) -> Iterator[tuple[str, Any]]:
    """What is the same for all deployments of a directory."""
    manifest = source.results.manifest
    campaign = manifest.campaign
    yield from (("aging_version", manifest.aging_version), ("python", manifest.python), ("campaign", campaign.name))
    for key, value in manifest.host.model_dump(mode="json").items():
        if key not in _NOT_OF_THE_HOST:
            yield from leaves(f"host.{key}", value)
    yield "devices", [device.get("name") for device in manifest.devices]
    yield from load_facts(manifest, campaign.load).items()
    yield from (
        ("duration_seconds", campaign.duration_seconds),
        ("warmup_seconds", campaign.warmup_seconds),
        ("replicas", campaign.replicas),
        ("analysis.grid_seconds", campaign.analysis.grid_seconds),
    )
    yield from leaves("sampling_seconds", campaign.sampling_seconds)
    yield from leaves("packages", manifest.packages)


def _of_server(prefix: str, side: Side) -> Iterator[tuple[str, Any]]:
    """What is a deployment's own."""
    made = side.made
    yield from ((f"{prefix}kind", made.kind), (f"{prefix}model", made.model))
    for key, value in made.options.items():
        if key not in _NOT_OF_A_SERVER:
            yield from leaves(f"{prefix}{key}", value)
    yield from leaves(f"{prefix}packages", made.packages)
    extra = made.model_extra or {}
    for key in ("env", "image", "git"):
        yield from leaves(f"{prefix}{key}", extra.get(key))


def _text(value: Any) -> str | None:
    return None if value is None else _cut(str(value))


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_LETTERS else f"{text[: _MOST_LETTERS - 1]}…"
