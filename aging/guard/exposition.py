"""What a guard exports: its verdict and figures as OpenMetrics text, and the same as plain lines."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import get_args

from aging.core.format import byte_size, level, readable_duration
from aging.core.openmetrics import NO_LABELS, Family, Own, exposition, gauge, states
from aging.guard.state import State
from aging.rejuvenation.governor import Code, Outcome

VERDICTS = ("growing", "stable", "undecided")
OUTCOMES = get_args(Outcome)
DECISIONS = ("carried-out", "dry-run", *get_args(Code), "alone", "proxy", "withdrawn", "storage")


@dataclass(frozen=True, slots=True)
class Exported:
    """Everything that is exported, at one time."""

    state: State
    present: bool
    age: float | None
    own: Own
    version: str = ""
    acting: bool = False
    since: float = field(default_factory=time.time)

    def openmetrics(self) -> str:
        """OpenMetrics text, complete with its end."""
        return exposition(self._families())

    def _families(self) -> Iterator[Family]:
        state, found, last = self.state, self.state.outlook, self.state.last
        about = {"target": state.target, "policy": state.policy or "none", "indicator": state.indicator}
        yield Family("aging_guard", "info", "What is guarded.", [(about | {"version": self.version}, 1.0)])
        yield gauge("aging_guard_target_up", "Whether a process of the target runs.", float(self.present))
        verdict = "undecided" if found is None else found.verdict
        yield Family(
            "aging_guard_verdict",
            "stateset",
            "Whether the indicator grows, by a test with a bounded rate of false alarms.",
            [*states("aging_guard_verdict", {}, VERDICTS, verdict)],
        )
        yield from self._figures()
        yield gauge("aging_guard_generation_age_seconds", "Age of the process that serves.", self.age, unit="seconds")
        number = None if state.server is None else float(state.server.generation)
        yield gauge("aging_guard_generation", "Number of the process that serves, from 1.", number)
        yield Family(
            "aging_guard_restarts",
            "counter",
            "Restarts that the guard did not make.",
            [(NO_LABELS, float(state.tally.restarts))],
        )
        yield Family(
            "aging_guard_rejuvenations",
            "counter",
            "Actions that have ended, by outcome.",
            [({"outcome": one}, float(state.tally.outcomes.get(one, 0))) for one in OUTCOMES],
        )
        counted = dict.fromkeys(DECISIONS, 0) | dict(state.tally.decisions)
        yield Family(
            "aging_guard_decisions",
            "counter",
            "Decisions of the policy, by the rule that refused them; carried-out: none did.",
            [({"rule": rule}, float(count)) for rule, count in counted.items()],
        )
        yield gauge("aging_guard_drained", "Whether a failed action left it out of rotation.", float(state.drained))
        yield gauge("aging_guard_acting", "Whether an action is under way.", float(self.acting))
        yield gauge(
            "aging_guard_alarm", "Whether an operator has to look: see the log.", float(state.alarm is not None)
        )
        disarmed = float(state.past.disarmed is not None)
        yield gauge("aging_guard_disarmed", "Whether the policy is disarmed after failures.", disarmed)
        seconds = None if last is None else last.seconds
        yield gauge("aging_guard_last_action_seconds", "How long the last action took.", seconds, unit="seconds")
        freed = None if last is None else last.freed_bytes
        yield gauge("aging_guard_last_action_freed_bytes", "Memory that the last action freed.", freed, unit="bytes")
        yield gauge(
            "aging_guard_last_action_timestamp_seconds",
            "When the last action ended, UNIX time.",
            None if last is None else last.wall,
            unit="seconds",
        )
        cut = None if last is None else float(last.cut)
        yield gauge("aging_guard_last_action_cut_requests", "Sessions that the last action cut.", cut)
        yield gauge(
            "aging_guard_last_sample_timestamp_seconds",
            "When the target was last read, UNIX time.",
            state.sampled,
            unit="seconds",
        )
        yield Family(
            "aging_guard_cpu_seconds",
            "counter",
            "CPU time of the guard and its ended children.",
            [(NO_LABELS, self.own.cpu_seconds)],
            unit="seconds",
        )
        yield gauge(
            "aging_guard_resident_memory_bytes", "Resident memory of the guard.", self.own.resident_bytes, unit="bytes"
        )

    def _figures(self) -> Iterator[Family]:
        """Level, rate and limit; in the indicator's unit, which is in the name where it is bytes."""
        state, found = self.state, self.state.outlook
        of = {"indicator": state.indicator}
        yield Family("aging_guard_level", "gauge", "Last value of the indicator, in its unit.", [(of, state.level)])
        yield Family("aging_guard_limit", "gauge", "Largest permitted value, in the same unit.", [(of, state.limit)])
        bounds = ("estimate", "lower", "upper")
        rates = (None,) * 3 if found is None else (found.rate_per_hour, found.low_per_hour, found.high_per_hour)
        yield Family(
            "aging_guard_rate_per_hour",
            "gauge",
            "Growth of the indicator an hour; lower and upper at 95 % confidence.",
            [(of | {"bound": bound}, value) for bound, value in zip(bounds, rates, strict=True)],
        )
        if found is None or found.verdict != "growing":
            times: tuple[float | None, float | None] = (None, None)
        else:
            times = (found.earliest_seconds, found.expected_seconds)
        yield Family(
            "aging_guard_exhaustion_seconds",
            "gauge",
            "Time from the last look until the limit is reached, where the indicator grows.",
            [({"bound": bound}, value) for bound, value in zip(("earliest", "expected"), times, strict=True)],
            unit="seconds",
        )

    def plain(self) -> Sequence[str]:
        """The same for people, a line each."""
        state, found, last = self.state, self.state.outlook, self.state.last
        name = state.indicator or "indicator"
        lines = [
            f"target:        {state.target}" + ("" if self.present else " (no process runs)"),
            f"policy:        {state.policy or 'none, it only observes'}"
            + (f", disarmed after {state.past.failures} failures in a row" if state.past.disarmed else ""),
        ]
        if state.server is not None:
            age = "" if self.age is None else f", {readable_duration(self.age)} old"
            lines.append(f"generation:    {state.server.generation}, pid {state.server.pid}{age}")
        lines.append(f"level:         {level(name, state.level)} ({name}), limit {level(name, state.limit)}")
        if found is None:
            lines.append("verdict:       undecided, too few readings yet")
        else:
            bounds = f"between {level(name, found.low_per_hour)} and {level(name, found.high_per_hour)}"
            lines.append(f"verdict:       {found.verdict} ({found.shown}), {found.samples} samples")
            lines.append(f"rate per hour: {level(name, found.rate_per_hour)}, {bounds}")
            if found.verdict == "growing" and found.expected_seconds is not None:
                earliest = "" if found.earliest_seconds is None else f", earliest {_left(found.earliest_seconds)}"
                lines.append(f"limit reached: in {_left(found.expected_seconds)}{earliest}")
        tally = state.tally
        outcomes = ", ".join(f"{count} {what}" for what, count in tally.outcomes.items()) or "none"
        decisions = ", ".join(f"{count} {what}" for what, count in tally.decisions.items()) or "none"
        lines += [
            f"rejuvenations: {outcomes}",
            f"decisions:     {decisions}",
            f"restarts seen: {tally.restarts}",
        ]
        if last is not None:
            freed = f", {byte_size(last.freed_bytes)} came back" if (last.freed_bytes or 0.0) > 0 else ""
            lines.append(f"last action:   {last.outcome} in {last.seconds:.1f} s{freed}")
        if state.drained:
            lines.append("HAProxy:       the server is out of rotation until it answers")
        if state.alarm is not None:
            lines.append(f"ALARM:         {state.alarm}")
        return lines


def _left(seconds: float) -> str:
    return readable_duration(seconds) if seconds < 30 * 86400 else f"{seconds / 86400:.0f} days"
