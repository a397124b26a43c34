"""The classes of a load, each with everything that its schedule follows from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import fsum
from typing import Any

import aging.load.arrivals
import aging.load.lengths
from aging.campaign.schema import ClassTable, FaultShares, LoadTable, OptionShares, PromptsTable
from aging.core.plugins import discover
from aging.load.arrivals.base import Arrivals
from aging.load.lengths.base import Lengths
from aging.load.requests.written import WrittenRequest, written_request


@dataclass(frozen=True, slots=True)
class LoadClass:
    """Requests of one kind. ``position`` is its place among the classes, ``name`` empty where there is only one.

    ``written`` are its plain requests, the first of them at place ``first_written`` among those of all classes; a class
    has either these or lengths.
    """

    name: str
    position: int
    arrivals: Arrivals[Any]
    prompt_tokens: Lengths[Any] | None
    output_tokens: Lengths[Any] | None
    streaming_share: float
    prompts: PromptsTable
    options: OptionShares
    faults: FaultShares
    priority: int = 0
    written: tuple[WrittenRequest, ...] = ()
    first_written: int = 0


def arrival_kinds() -> Mapping[str, type[Arrivals[Any]]]:
    """Every arrival process there is, by kind."""
    return discover(aging.load.arrivals, Arrivals)


def length_kinds() -> Mapping[str, type[Lengths[Any]]]:
    """Every distribution of lengths there is, by kind."""
    return discover(aging.load.lengths, Lengths)


def classes_of(load: LoadTable, rate: float | None = None) -> tuple[LoadClass, ...]:
    """The classes of a load whose tables are those of their kinds; without any, the load itself is the single class.

    ``rate`` is requests per second of all open loops together, in place of their own: each keeps its share of it.
    The bodies of plain requests are read. Raises CampaignError if one cannot be.
    """
    arrivals, lengths = arrival_kinds(), length_kinds()
    classes: list[LoadClass] = []
    first_written = 0
    for position, own in enumerate(load.classes or (None,)):
        process = _own(own, load, "arrivals")
        written = tuple(map(written_request, _own(own, load, "requests")))
        prompt, output = (None if written else _own(own, load, key) for key in ("prompt_tokens", "output_tokens"))
        classes.append(
            LoadClass(
                name="" if own is None else own.name,
                position=position,
                arrivals=arrivals[process.kind](process),
                prompt_tokens=None if prompt is None else lengths[prompt.kind](prompt),
                output_tokens=None if output is None else lengths[output.kind](output),
                streaming_share=_own(own, load, "streaming_share"),
                prompts=_own(own, load, "prompts"),
                options=_own(own, load, "options"),
                faults=_own(own, load, "faults"),
                priority=0 if own is None else own.priority,
                written=written,
                first_written=first_written,
            )
        )
        first_written += len(written)
    if rate is None:
        return tuple(classes)
    scaled = at_rate([each.arrivals for each in classes], rate)
    return tuple(replace(each, arrivals=arrivals) for each, arrivals in zip(classes, scaled, strict=True))


def at_rate(arrivals: Sequence[Arrivals[Any]], rate: float) -> Sequence[Arrivals[Any]]:
    """The arrivals of all classes, with ``rate`` requests per second of the open loops; each keeps its share of it."""
    rates = [each.mean_rate() for each in arrivals]
    total = fsum(rates)
    return [each.at_rate(rate * own / total) if own > 0 else each for each, own in zip(arrivals, rates, strict=True)]


def _own(own: ClassTable | None, load: LoadTable, key: str) -> Any:
    value = getattr(own, key, None)
    return getattr(load, key) if value is None else value
