"""What the gate and the other rules say of one series."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from aging.stats.rate_test import Design, RateDecision, decide, planned_looks
from analysis.gate.rules import GUIDELLM_USUAL, RULES, slopes_over_margins
from analysis.gate.series import Sampled

Color = Literal["red", "green", "open"]

ALPHA, BETA = 0.01, 0.05
_COLORS: Mapping[str, Color] = {"above": "red", "below": "green", "undecided": "open"}


@dataclass(frozen=True, slots=True)
class Judged:
    """The gate's color and after how many seconds, the color of one look at the end, and the rules' scores by name.

    ``futile``: the gate ended early because it could not have decided within the budget. ``alarm`` is when guidellm's
    rule first says that memory grows, NaN where it does not.
    """

    gate: Color
    seconds: float
    futile: bool
    once: Color
    scores: Mapping[str, float]
    alarm: float

    def row(self) -> dict[str, object]:
        """The columns of a table of judgements."""
        return {
            "gate": self.gate,
            "seconds": self.seconds,
            "futile": self.futile,
            "once": self.once,
            "alarm": self.alarm,
            **self.scores,
        }


def judged(server: Sampled, limit: float, budget: float) -> Judged:
    """Judge the memory of one server against a limit in bytes per request, within a budget of seconds."""
    color, seconds, futile = gate(server, Design(limit, ALPHA, BETA, planned_looks(budget)))
    once = _COLORS[_look(server, Design(limit, ALPHA, BETA, (budget,)), 1).outcome]
    times, ratios = slopes_over_margins(server.t, server.y)
    alarms = times[ratios > GUIDELLM_USUAL]
    alarm = float(alarms[0]) if alarms.size else float("nan")
    return Judged(color, seconds, futile, once, scores(server), alarm)


def gate(server: Sampled, design: Design) -> tuple[Color, float, bool]:
    """Look as often as planned until there is a decision: its color, its time, and whether it was given up early."""
    for number, at in enumerate(design.looks, 1):
        found = _look(server, design, number)
        if found.outcome != "undecided":
            return _COLORS[found.outcome], at, False
        if found.futile:
            return "open", at, at < design.budget
    return "open", design.budget, False


def scores(server: Sampled) -> dict[str, float]:
    """The score of every rule at the end."""
    return {rule.name: rule.score(server.t, server.y) for rule in RULES}


def _look(server: Sampled, design: Design, number: int) -> RateDecision:
    seen = server.t <= design.looks[number - 1] + 0.5
    return decide(server.t[seen], server.y[seen], server.w[seen], design, number)
