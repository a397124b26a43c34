"""Decisions of policies that were not carried out, by the rule that kept them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from aging.findings.rejuvenation.tables import policy, table_of
from aging.findings.types import DecisionsNotCarriedOut
from aging.store.events import RejuvenationDecided, RejuvenationDisarmed
from aging.store.results import Results

DISARMED, BUDGET, DRY_RUN = "disarmed", "budget", "dry-run"
"""The rules that users have to know of."""


def decisions_of(results: Results) -> list[DecisionsNotCarriedOut]:
    """Of every run, in the order of the first of each rule."""
    return [
        one
        for deployment in results.deployments
        for replica in results.replicas(deployment)
        for one in _decisions(results, deployment, replica)
    ]


def _decisions(results: Results, deployment: str, replica: int) -> Iterator[DecisionsNotCarriedOut]:
    origin = results.state.runs[deployment, replica].load_start
    kind = policy(table_of(results.manifest, deployment))
    found: dict[str, DecisionsNotCarriedOut] = {}
    for event in results.events_of(deployment, replica):
        at = None if origin is None else round(event.stamp.mono - origin, 3)
        match event:
            case RejuvenationDecided(refused=str(rule)) if not event.carried_out:
                new = DecisionsNotCarriedOut(
                    deployment, replica, event.policy or kind, rule, 0, at, at, event.reason, event.why
                )
                known = found.get(rule, new)
                why = event.why or known.why
                found[rule] = replace(known, count=known.count + 1, last_seconds=at, reason=event.reason, why=why)
            case RejuvenationDisarmed():
                new = DecisionsNotCarriedOut(deployment, replica, kind, DISARMED, 0, at, at, "", event.why)
                known = found.get(DISARMED, new)
                found[DISARMED] = replace(known, why=event.why)
    yield from found.values()
