"""What is exported of a campaign and of its verdicts, as OpenMetrics. docs/live.md lists it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from aging.core.metrics import PRIMARY, is_engine_series
from aging.core.openmetrics import Family, Own, exposition, gauge, states
from aging.findings.types import Verdict
from aging.report.progress import RunProgress, Snapshot
from aging.report.verdict_so_far import Answer, Judged, VerdictSoFar
from aging.serve.campaign import About
from aging.serve.cells import Counts
from aging.serve.journal_log import RunKey
from aging.serve.run_series import RunSeries
from aging.store.state import Phase, RunState

PHASES = get_args(Phase)
RUN_PHASES = ("starting", "ready", "loading", "watching", "rejuvenating", "died", "stopped", "left")
VERDICTS = get_args(Verdict)
ANSWERS = get_args(Answer)

_AGES = frozenset(("aging", "exhausted", "capped"))


@dataclass(frozen=True, slots=True)
class Exported:
    """Everything that is exported."""

    about: About
    snapshot: Snapshot
    series: Mapping[RunKey, RunSeries]
    deaths: Mapping[RunKey, int]
    verdict: VerdictSoFar | None
    own: Own
    clients: int
    gone: bool

    def openmetrics(self) -> str:
        """OpenMetrics text, complete with its end."""
        return exposition([*self._campaign(), *self._runs(), *self._verdicts(), *self._own()])

    def _campaign(self) -> Iterator[Family]:
        state, snapshot = self.snapshot.state, self.snapshot
        about = {"campaign": self.about.name, "version": self.about.version}
        yield Family("aging_campaign", "info", "Which campaign is served, by which release it is run.", [(about, 1.0)])
        yield Family(
            "aging_campaign_phase",
            "stateset",
            "What the campaign does, as its journal says.",
            [*states("aging_campaign_phase", {}, PHASES, state.phase)],
        )
        yield gauge("aging_campaign_runner_up", "Whether a process runs the campaign.", float(snapshot.runner_alive))
        yield gauge("aging_campaign_directory_up", "Whether the directory is there.", float(not self.gone))
        elapsed = None
        if state.started is not None:
            elapsed = max((state.ended.mono if state.ended else snapshot.now) - state.started.mono, 0.0)
            yield gauge(
                "aging_campaign_start_timestamp_seconds",
                "When the campaign began, UNIX time.",
                state.started.wall,
                unit="seconds",
            )
        yield gauge("aging_campaign_elapsed_seconds", "Time since the campaign began.", elapsed, unit="seconds")
        yield gauge(
            "aging_campaign_planned_seconds", "Load of all rounds, as planned.", state.planned_seconds, unit="seconds"
        )

    def _runs(self) -> Iterator[Family]:
        runs = [({"deployment": run.deployment, "replica": str(run.replica)}, run) for run in self.snapshot.runs]
        series = {(run.deployment, run.replica): self.series[run.deployment, run.replica] for _, run in runs}

        def one(name: str, text: str, values: Sequence[float | None], unit: str = "") -> Family:
            return Family(name, "gauge", text, [(of, value) for (of, _), value in zip(runs, values, strict=True)], unit)

        yield Family(
            "aging_run_phase",
            "stateset",
            "What a run does.",
            [sample for of, run in runs for sample in states("aging_run_phase", of, RUN_PHASES, run.state.phase)],
        )
        yield one(
            "aging_run_generation", "Number of the start of its server.", [run.state.generation for _, run in runs]
        )
        yield Family(
            "aging_run_deaths",
            "counter",
            "Deaths of its server.",
            [(of, float(self.deaths.get((run.deployment, run.replica), 0))) for of, run in runs],
        )
        yield Family(
            "aging_run_rejuvenations",
            "counter",
            "Rejuvenations that have begun, by whether they failed.",
            [
                (of | {"outcome": outcome}, float(count))
                for of, run in runs
                for outcome, count in _rejuvenations(run.state).items()
            ],
        )
        yield one(
            "aging_run_sample_age_seconds",
            "Time since its newest sample; of a run whose load has ended none.",
            [_age(run, series[run.deployment, run.replica], self.snapshot) for _, run in runs],
            "seconds",
        )
        yield Family(
            "aging_run_requests",
            "counter",
            "Requests that have ended, by outcome.",
            [
                (of | {"outcome": kind}, float(run.requests.get(kind, 0)))
                for of, run in runs
                if not run.state.watched
                for kind in Counts.KINDS
            ],
        )
        yield Family(
            "aging_run_request_failures",
            "counter",
            "Requests that ended in an error, by its kind.",
            [
                (of | {"failure": kind}, float(count))
                for of, run in runs
                for kind, count in sorted(series[run.deployment, run.replica].failures.items())
            ],
        )
        yield Family(
            "aging_run_ttft_seconds",
            "summary",
            "Time to first token of the last 30 s, since requests were sent.",
            [
                (of | {"quantile": str(share)}, value)
                for of, run in runs
                for share, value in zip(
                    (0.5, 0.95), series[run.deployment, run.replica].recent_ttft(0.5, 0.95), strict=True
                )
            ],
            "seconds",
        )
        yield one(
            "aging_run_memory_bytes",
            "Anonymous memory plus swap of its processes.",
            [run.memory for _, run in runs],
            "bytes",
        )
        rates = [(of, run.memory_rate) for of, run in runs if run.memory_rate is not None]
        yield Family(
            "aging_run_memory_growth_bytes_per_second",
            "gauge",
            "Present rate of the memory, with the bounds of its 95 % interval; no verdict.",
            [
                (of | {"bound": bound}, value)
                for of, rate in rates
                for bound, value in (("estimate", rate.per_second), ("lower", rate.low), ("upper", rate.high))
            ],
            "bytes_per_second",
        )

    def _verdicts(self) -> Iterator[Family]:
        found = self.verdict
        if found is None:
            return
        judged = [
            ({"deployment": one.deployment, "indicator": one.indicator}, one) for one in found.judged if _shown(one)
        ]
        yield gauge(
            "aging_verdict_timestamp_seconds",
            "When the verdicts were computed, UNIX time.",
            found.computed,
            unit="seconds",
        )
        yield gauge("aging_verdict_final", "Whether they are those of a campaign that has ended.", float(found.final))
        yield gauge(
            "aging_verdict_measured_seconds", "Longest load that they are from.", found.measured_seconds, unit="seconds"
        )
        yield gauge("aging_verdict_problems", "Problems of the measurement.", float(len(found.problems)))
        yield Family(
            "aging_verdict",
            "stateset",
            "Verdict on an indicator; preliminary unless aging_verdict_final is 1.",
            [sample for of, one in judged for sample in states("aging_verdict", of, VERDICTS, one.verdict)],
        )
        yield Family(
            "aging_verdict_rate_per_hour",
            "gauge",
            "Growth an hour in the indicator's unit, with the bounds of its 95 % interval.",
            [
                (of | {"bound": bound}, value)
                for of, one in judged
                for bound, value in (
                    ("estimate", one.rate_per_hour),
                    ("lower", one.low_per_hour),
                    ("upper", one.high_per_hour),
                )
            ],
        )
        yield Family(
            "aging_verdict_smallest_detectable_per_hour",
            "gauge",
            "Smallest growth an hour that would have been found with 80 % probability, in the indicator's unit.",
            [(of, one.detectable_per_hour) for of, one in judged],
        )
        limited = [(of, one) for of, one in judged if one.answer is not None]
        yield Family(
            "aging_verdict_limit",
            "gauge",
            "Limit of the indicator, in its unit.",
            [(of, one.limit) for of, one in limited],
        )
        yield Family(
            "aging_verdict_outlook",
            "stateset",
            "Whether the limit is reached before the horizon.",
            [
                sample
                for of, one in limited
                for sample in states("aging_verdict_outlook", of, ANSWERS, one.answer or "")
            ],
        )
        yield Family(
            "aging_verdict_exhaustion_seconds",
            "gauge",
            "Time until the limit is reached, from the end of what was measured; absent: not within a century.",
            [
                (of | {"bound": bound}, value)
                for of, one in limited
                for bound, value in (("earliest", one.earliest_seconds), ("latest", one.latest_seconds))
            ],
            "seconds",
        )

    def _own(self) -> Iterator[Family]:
        cpu = self.own.cpu_seconds
        yield Family(
            "aging_serve_cpu_seconds",
            "counter",
            "CPU time of the server of this page and of its ended analyses.",
            [({}, cpu)],
            "seconds",
        )
        yield gauge(
            "aging_serve_resident_memory_bytes", "Resident memory of the same.", self.own.resident_bytes, unit="bytes"
        )
        yield gauge("aging_serve_clients", "Open connections.", float(self.clients))


def _shown(one: Judged) -> bool:
    """Of an engine's hundreds of series only those that age."""
    return one.indicator == PRIMARY or not is_engine_series(one.indicator) or one.verdict in _AGES


def _rejuvenations(state: RunState) -> Mapping[str, int]:
    failed = state.rejuvenations_failed
    return {"done": state.rejuvenations - failed - (state.rejuvenating is not None), "failed": failed}


def _age(run: RunProgress, series: RunSeries, snapshot: Snapshot) -> float | None:
    if series.seen_until is None or run.state.load_end is not None or snapshot.state.ended is not None:
        return None
    return max(snapshot.now - series.seen_until, 0.0)
