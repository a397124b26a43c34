"""What a measurement could not see: the smallest leak, the time, the indicators that are missing or not judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from aging.core import format
from aging.core.metrics import PRIMARY, is_engine_series
from aging.findings.types import Finding, Findings, RunValidity, Unjudged
from aging.report import wording
from aging.store.events import Event, SamplerReduced, SamplerUnavailable

_CODES: Mapping[str, str] = {
    "constant": "never changed",
    "work": "count the load itself",
    "clock": "are a clock",
    "sum_of_shares": "are a sum of shares",
    "one_bucket": "never leave one bucket of their histogram",
    "summed": "are summed with others",
    "too_many": "are too many",
}
_SAMPLERS: Mapping[str, str] = {
    "device": "GPU memory and GPU faults",
    "engine": "the engine's own metrics",
    "cgroup": "limits and memory of control groups",
    "footprint": "memory by kind (heap, mappings, stacks)",
    "host": "the host's memory",
}
_MOST_NAMED = 8


@dataclass(frozen=True, slots=True)
class BlindSpot:
    """One thing that could not be seen: a title and a sentence or two; ``anchor`` names the section that has more."""

    title: str
    text: str
    anchor: str | None = None


@dataclass(frozen=True, slots=True)
class Smallest:
    """The smallest leak that would have been found in a deployment, 80 % of the time.

    ``per_horizon`` is what a leak just below it adds until the horizon of the outlook.
    """

    deployment: str
    verdict: str
    per_hour: str
    per_horizon: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What a campaign was: seconds measured per run, seconds or rule of its warm-up, replicas, whether it sent load."""

    seconds: float
    warmup: bool
    replicas: int
    loaded: bool


def smallest(names: Sequence[str], found: Mapping[tuple[str, str], Finding], horizon_hours: float) -> list[Smallest]:
    """One row per deployment, by its memory."""
    rows = []
    for name in names:
        finding = found.get((name, PRIMARY))
        least = None if finding is None else finding.minimum_detectable_per_hour
        rows.append(
            Smallest(
                name,
                "no data" if finding is None else finding.verdict,
                "not known" if least is None else format.size(PRIMARY, least, "h"),
                format.NONE if least is None else format.level(PRIMARY, least * horizon_hours),
            )
        )
    return rows


def blind_spots(findings: Findings, names: Sequence[str], events: Sequence[Event], facts: Facts) -> Iterator[BlindSpot]:
    """Everything else that the measurement of these deployments could not see."""
    yield _time(facts)
    if not facts.warmup:
        yield BlindSpot(
            "No warm-up was left out", "Memory that fills at the start of the load counts as growth: set `warmup`."
        )
    yield from _open(findings, names)
    yield from _controls(findings)
    yield from _runs(findings.runs)
    yield from _missing(findings, names, events, facts)
    if findings.unjudged:
        yield BlindSpot("Series that are not judged", _unjudged(findings.unjudged), "indicators")
    if not facts.loaded:
        yield BlindSpot("No load of its own", "What the servers were asked in that time is not recorded.")


def _time(facts: Facts) -> BlindSpot:
    text = (
        f"Each run was measured for {format.readable_duration(facts.seconds)}. Growth that begins later, or comes once "
        "a day, was not seen; growth that slows down after that time looks like a leak."
        if facts.seconds > 0
        else "No run was measured."
    )
    load = " Every answer holds for the load that was sent." if facts.loaded else ""
    repeat = " Each deployment was run once: how far runs differ is not known." if facts.replicas <= 1 else ""
    return BlindSpot("Time, load and repeats", text + load + repeat)


def _open(findings: Findings, names: Sequence[str]) -> Iterator[BlindSpot]:
    own = [one for one in findings.findings if one.deployment in names]
    open_ = [one for one in own if one.verdict == "inconclusive"]
    if open_:
        by = Counter(one.deployment for one in open_)
        named = ", ".join(f"{name} {count}" for name, count in by.most_common(_MOST_NAMED))
        yield BlindSpot(
            "Undecided indicators",
            f"{len(open_)} of {len(own)} indicators are undecided ({named}): the data cannot tell whether they grow.",
            "map",
        )


def _controls(findings: Findings) -> Iterator[BlindSpot]:
    if not findings.controls:
        yield BlindSpot(
            "No controls",
            "No server with a known leak was measured beside them, so the instrument itself was not verified here.",
        )
        return
    failed = [one for one in findings.controls if wording.failed(one)]
    open_ = [one for one in findings.controls if wording.undecided(one)]
    for title, found in (("Failed controls", failed), ("Undecided controls", open_)):
        if found:
            named = ", ".join(wording.shown_name(one.deployment) for one in found[:_MOST_NAMED])
            yield BlindSpot(title, f"{len(found)} of {len(findings.controls)}: {named}.", "controls")


def _runs(runs: Sequence[RunValidity]) -> Iterator[BlindSpot]:
    for validity, title in (("broken", "Broken runs, left out"), ("short", "Short runs")):
        found = [one for one in runs if one.validity == validity]
        if found:
            named = ", ".join(f"{one.deployment} replica {one.replica}" for one in found[:_MOST_NAMED])
            yield BlindSpot(title, f"{len(found)} of {len(runs)}: {named}.", "runs")


def _missing(findings: Findings, names: Sequence[str], events: Sequence[Event], facts: Facts) -> Iterator[BlindSpot]:
    for event in events:
        if isinstance(event, SamplerUnavailable | SamplerReduced):
            what = _SAMPLERS.get(event.sampler, f"what the sampler {event.sampler} reads")
            word = "Not sampled" if isinstance(event, SamplerUnavailable) else "Sampled in part"
            yield BlindSpot(f"{word}: {what}", f"{event.reason[:1].upper()}{format.sentence(event.reason)[1:]}")
    seen: dict[str, set[str]] = {name: set() for name in names}
    for one in findings.findings:
        if one.deployment in seen:
            seen[one.deployment].add(one.indicator)
    engines = {one.deployment for one in findings.unjudged}
    without = [
        name for name in names if not any(map(is_engine_series, seen[name])) and name not in engines and seen[name]
    ]
    if without:
        yield BlindSpot("No engine metrics", f"{_listed(without)}: the server exports none, or they were not read.")
    if facts.loaded:
        silent = [name for name in names if seen[name] and "client_ttft_seconds" not in seen[name]]
        if silent:
            yield BlindSpot("No times to first token", f"{_listed(silent)}: no answer was streamed.")
    nothing = [name for name in names if not seen[name]]
    if nothing:
        yield BlindSpot("Nothing was judged", f"{_listed(nothing)}: there is no series.", "problems")


def _unjudged(series: Sequence[Unjudged]) -> str:
    counts = Counter(one.code for one in series)
    parts = [f"{count} {_CODES.get(code, code.replace('_', ' '))}" for code, count in counts.most_common()]
    return f"{len(series)} series of the engines were sampled and not judged: {', '.join(parts)}."


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more
