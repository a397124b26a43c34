"""What to know of a campaign's loads before it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aging.campaign.schema import Campaign, LoadTable
from aging.deployments.base import DeploymentBase
from aging.load.requests.bodies import left_out
from aging.load.schedule.classes import classes_of

CLIENT_REQUESTS_PER_SECOND = 700
"""Tested limit of one load process: 1 ms a request of 16 streamed tokens, 70 % of a core (``docs/measurement.md``)."""


def load_notes(
    campaign: Campaign, deployments: Sequence[DeploymentBase[Any]], loads: Mapping[str, LoadTable]
) -> list[str]:
    """Notes for the user about the ``loads`` of deployments, one sentence each."""
    found = list(_unsupported_options(loads, deployments))
    for options in campaign.deployment:
        load = loads.get(options.name)
        if load is None:
            continue
        rate = sum(each.arrivals.mean_rate() for each in classes_of(load, options.rate))
        if rate > CLIENT_REQUESTS_PER_SECOND:
            found.append(
                f"{options.name}: {rate:,.0f} req/s is above the tested limit of one load process "
                f"({CLIENT_REQUESTS_PER_SECOND:,}). Requests may be late. Lower the rate or use --scale."
            )
    return found


def _unsupported_options(loads: Mapping[str, LoadTable], deployments: Sequence[DeploymentBase[Any]]) -> Iterator[str]:
    for deployment in deployments:
        endpoint, load = deployment.origin().endpoint, loads.get(deployment.options.name)
        missing = () if endpoint is None or load is None else left_out(endpoint, _wanted(load))
        if missing:
            yield f"{deployment.options.name}: the server does not support {', '.join(missing)}; requests leave it out"


def _wanted(load: LoadTable) -> set[str]:
    wanted = {
        name for each in classes_of(load) for name in type(each.options).model_fields if getattr(each.options, name)
    }
    return wanted | {"priority" for each in classes_of(load) if each.priority}
