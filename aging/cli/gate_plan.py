"""The plan of a gate in the terminal, for ``aging check --plan``."""

from __future__ import annotations

import math
from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from aging.app.gate_plan import ConditionPlan, GatePlan
from aging.core import format
from aging.core.format import readable_duration
from aging.findings.gate import Quantity

_PER: Mapping[Quantity, str] = {"per_request": "request", "per_hour": "h", "growth_total": ""}


def show_plan(plan: GatePlan, console: Console) -> None:
    """Print for every condition which limit takes how long, and the least that the budget decides."""
    gate = plan.gate
    for one in plan.conditions:
        console.print(f"{one.deployment}: {one.condition}{_difference(plan, one)}", soft_wrap=True)
        if one.reason is not None:
            console.print(f"  no plan: {one.reason}", soft_wrap=True)
            continue
        table = Table(box=None, pad_edge=False, header_style="dim")
        for column in ("  limit", "load to decide", f"within {readable_duration(gate.budget)}"):
            table.add_column(column, justify="right")
        for planned in one.limits:
            enough = planned.seconds <= gate.budget
            table.add_row(_limit(one, planned.limit), _time(planned.seconds), "yes" if enough else "no")
        console.print(table)
        console.print(f"  smallest limit within {readable_duration(gate.budget)}: {_limit(one, one.least)}")
    console.print(
        f"From {readable_duration(plan.pilot)} of load. The time that decides with a probability of 80 % at errors of "
        f"{gate.alpha:g} (false red) and {gate.beta:g} (false green): green for a server that does not grow, red for "
        "one that grows at twice the limit.",
        soft_wrap=True,
    )


def _difference(plan: GatePlan, one: ConditionPlan) -> str:
    base = plan.gate.pairs.get(one.deployment)
    return "" if base is None else f" (difference from {base})"


def _limit(one: ConditionPlan, limit: float | None) -> str:
    if limit is None or not math.isfinite(limit):
        return "none"
    return format.size(one.condition.indicator, limit, _PER[one.condition.quantity])


def _time(seconds: float) -> str:
    return readable_duration(math.ceil(seconds)) if math.isfinite(seconds) else "never"
