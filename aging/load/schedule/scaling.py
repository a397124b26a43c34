"""A load at a reduced (or raised) scale: as many times the requests, each as long as it was.

Rates of all arrivals and of deployments are multiplied, places of closed loops too (at least one is
left); processes keep their shape, lengths their distribution, objectives their seconds.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from aging.campaign.schema import ArrivalsOptions, Campaign, ClassTable, LoadTable
from aging.load.arrivals.closed import ClosedOptions
from aging.load.schedule.classes import arrival_kinds


def scaled(campaign: Campaign) -> Campaign:
    """The campaign with its ``scale`` applied to its load, and to those of the points of its design."""
    if campaign.scale == 1 or campaign.load is None:
        return campaign
    scale = campaign.scale
    deployments = tuple(
        options if options.rate is None else options.model_copy(update={"rate": options.rate * scale})
        for options in campaign.deployment
    )
    treatments = {
        name: replace(treatment, load=_load(treatment.load, scale)) for name, treatment in campaign.treatments.items()
    }
    return campaign.model_copy(update={"load": _load(campaign.load, scale)}).with_treatments(deployments, treatments)


def _load(load: LoadTable | None, scale: float) -> LoadTable | None:
    if load is None:
        return None
    classes = tuple(one.model_copy(update=_arrivals_of(one, scale)) for one in load.classes)
    return load.model_copy(update=_arrivals_of(load, scale) | {"classes": classes})


def _arrivals_of(table: LoadTable | ClassTable, scale: float) -> dict[str, Any]:
    return {} if table.arrivals is None else {"arrivals": _scaled(table.arrivals, scale)}


def _scaled(options: ArrivalsOptions, scale: float) -> ArrivalsOptions:
    if isinstance(options, ClosedOptions):
        yields, rate = options.yields_above, options.rate
        return options.model_copy(
            update={
                "concurrency": _places(options.concurrency, scale),
                "rate": None if rate is None else rate * scale,
                "yields_above": None if yields is None else _places(yields, scale),
            }
        )
    arrivals = arrival_kinds()[options.kind](options)
    faster: ArrivalsOptions = arrivals.at_rate(arrivals.mean_rate() * scale).options
    return faster


def _places(count: int, scale: float) -> int:
    return max(round(count * scale), 1)
