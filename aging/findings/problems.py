"""Problems of the measurement itself, from the journal, the request records and the samples."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from aging.core.format import byte_size, sentence
from aging.core.processes.child import describe_exit
from aging.core.records import HARNESS
from aging.findings.latencies import lateness
from aging.findings.load_gaps import unsent
from aging.findings.problem_kinds import KINDS
from aging.findings.problem_kinds import ProblemKind as Kind
from aging.findings.series import device_samples
from aging.findings.types import Problem
from aging.sampling.samplers.allocator import AllocatorSampler
from aging.stats import rate_grid
from aging.store import events
from aging.store.events import Event
from aging.store.results import Results

_LATE_SECONDS = 0.1
"""A client whose 99th percentile of send lateness is above this did not drive the planned schedule."""

_FAILING_SHARE = 0.1
"""Above this share of failed requests the server was not under the planned load."""

_SATURATED_SHARE = 0.7
"""Of a core: a client that is busier queues what it should stamp (docs/measurement.md, "The client")."""

_CPU = "process_cpu_seconds_total"

_MISSED_TICKS_SHARE = 0.01


def problems_of(results: Results) -> list[Problem]:
    """Every problem of a result directory, those of the whole campaign first."""
    return [
        *_smoke(results),
        *_from_journal(results),
        *_failed_workers(results),
        *_jumps(results),
        *_unfinished(results),
        *_schedules(results),
        *_load(results),
        *_ticks(results),
        *_unread(results),
        *_devices(results),
        *(Kind.TRIMMED.problem(None, note) for note in results.trimmed()),
    ]


def _smoke(results: Results) -> Iterator[Problem]:
    if results.manifest.smoke:
        seconds = results.manifest.campaign.duration_seconds
        message = f"This is a smoke run of {seconds:g} s per deployment; its findings are no result."
        yield Kind.SMOKE.problem(None, message)


def _from_journal(results: Results) -> Iterator[Problem]:  # noqa: PLR0912 - a table of events
    for event in results.lasting_events:
        at = _at(results, event)
        match event:
            case events.RunRepeated():
                before, why = event.attempt - 1, " ".join(event.reasons)
                message = f"Replica {event.replica}: attempt {before} was broken and is left out: {why}"
                yield Kind.REPEATED.problem(event.deployment, message, at)
            case events.NotSettled():
                message = sentence(f"A round began before the host had settled: {event.why}")
                yield Kind.SETTLING.problem(None, message, at)
            case events.DeploymentDied():
                tail = " | ".join(event.log[-3:])
                died = sentence(f"Generation {event.generation} died: {event.why}")
                message = f"{died} Last log lines: {tail}" if tail else died
                yield Kind.DIED.problem(event.deployment, message, at)
            case events.LoadDied():
                why = f" ({reason})" if (reason := event.reason) else ""
                message = sentence(f"The load process ended: {event.exit}{why}")
                yield Kind.LOAD_DIED.problem(event.deployment, message, at)
            case events.LoadOutputIgnored():
                message = f"{event.lines} lines on the load process's output are no events and were ignored."
                yield Kind.HARNESS.problem(event.deployment, f"{message} First: {event.first!r}", at)
            case events.LogCapped():
                message = f"The log exceeded {byte_size(event.bytes)}; only its newest part is kept."
                yield Kind.LOG.problem(event.deployment, message, at)
            case events.SamplerFailing():
                message = sentence(f"The sampler {event.sampler} failed: {event.reason}")
                yield Kind.SAMPLER.problem(None, message, at)
            case events.DeploymentGone():
                gone = sentence(f"Generation {event.generation}: {event.why}")
                yield Kind.RESTARTED.problem(event.deployment, f"{gone} A new server process replaced it.", at)
            case events.RunCutShort():
                yield Kind.SHORT.problem(event.deployment, _cut_short(results, event), at)
            case events.CampaignResumed():
                yield Kind.RESUMED.problem(None, _absence(event, loaded=results.manifest.campaign.load is not None), at)
                began, now = results.manifest.aging_version, event.version
                if now is not None and now != began:
                    yield Kind.RESUMED.problem(None, f"Started with aging {began} and resumed with aging {now}.", at)
            case events.KeeperDied() | events.TaskDied():
                yield Kind.HARNESS.problem(None, _harness_died(event), at)
            case events.Watchdog():
                yield KINDS[event.trouble].problem(event.deployment, event.message, at)
            case events.CampaignInterrupted() if results.state.phase == "interrupted":
                yield Kind.INTERRUPTED.problem(None, "The campaign was interrupted before its end.", at)
            case events.CampaignHalted() if results.state.phase == "halted":
                message = sentence(f"The campaign was halted: {event.reason}")
                yield Kind.INTERRUPTED.problem(None, message, at)


def _failed_workers(results: Results) -> Iterator[Problem]:
    """Crashed worker processes: retry judges, sealing, early looks."""
    for event in results.lasting_events:
        at = _at(results, event)
        match event:
            case events.RetryJudgeFailed():
                unknown = "the retry judge failed, so the run was not repeated"
                message = f"Replica {event.replica}: {unknown} ({_how_failed(event)})."
                yield Kind.UNJUDGED.problem(event.deployment, message, at)
            case events.SealingFailed():
                count = event.files
                left = f"{count} file{' remains' if count == 1 else 's remain'} to be sealed with the next hour."
                yield Kind.SEALING.problem(event.deployment, f"Sealing failed ({_how_failed(event)}). {left}", at)
            case events.LookFailed():
                which = f"Early look {event.look} of {event.looks}"
                yield Kind.LOOK.problem(None, f"{which} failed and judged nothing ({_how_failed(event)}).", at)


def _how_failed(event: events.RetryJudgeFailed | events.SealingFailed | events.LookFailed) -> str:
    how = "could not be started" if event.exit is None else describe_exit(event.exit)
    return f"{how}: {event.log[-1]}" if event.log else how


def _absence(resumed: events.CampaignResumed, *, loaded: bool) -> str:
    seconds = max(resumed.stamp.mono - resumed.gone_since, 0.0)
    missing = "no samples and no requests" if loaded else "no samples"
    return f"The runner was down for {seconds:.1f} s: {missing} in that time."


def _cut_short(results: Results, event: events.RunCutShort) -> str:
    run = results.state.runs[event.deployment, event.replica]
    missing = (run.planned_end or 0.0) - (run.load_end or 0.0)
    what = "load were skipped" if results.manifest.campaign.load is not None else "the watch were missed"
    return f"The last {missing:.1f} s of {what} because the runner was down."


def _harness_died(event: events.KeeperDied | events.TaskDied) -> str:
    if isinstance(event, events.KeeperDied):
        return f"The keeper ended (exit {event.exit}) and was restarted."
    return sentence(f"The task {event.task} ended and was restarted: {event.reason}")


def _jumps(results: Results) -> Iterator[Problem]:
    """Suspends and clock steps: one problem for all of a kind, since a badly kept clock may be set every minute."""
    suspends = [event for event in results.events if isinstance(event, events.HostSuspended)]
    if suspends:
        seconds = sum(event.seconds for event in suspends)
        often = f"for {seconds:.1f} s" if len(suspends) == 1 else f"{len(suspends)} times, {seconds:.1f} s in all"
        message = f"The host was suspended {often}; series and rates exclude that time."
        yield Kind.SUSPENDED.problem(None, message, _at(results, suspends[0]))
    steps = [event for event in results.events if isinstance(event, events.ClockStepped)]
    if steps:
        most = max((event.seconds for event in steps), key=abs)
        often = f"by {most:+.1f} s" if len(steps) == 1 else f"{len(steps)} times, by {most:+.1f} s at most"
        message = f"The system clock was changed {often}; no result depends on it."
        yield Kind.CLOCK.problem(None, message, _at(results, steps[0]))


def _unfinished(results: Results) -> Iterator[Problem]:
    if results.state.started is None:
        yield Kind.UNFINISHED.problem(None, "The journal has no start event, so the campaign cannot be analyzed.")
    if results.state.phase in ("running", "draining"):
        yield Kind.UNFINISHED.problem(
            None, "The journal has no end event: the campaign is running, or its runner was killed."
        )


def _schedules(results: Results) -> Iterator[Problem]:
    planned = results.manifest.schedule_hashes
    # Of a load that was interrupted and resumed, the last end is that of the whole.
    ends = {
        (event.deployment, event.replica): event
        for event in results.lasting_events
        if isinstance(event, events.LoadFinished)
    }
    for event in ends.values():
        expected = planned.get(f"{event.deployment}/r{event.replica:02d}")
        run = results.state.runs[event.deployment, event.replica]
        arrived = event.requests
        recorded = results.requests(event.deployment, event.replica)
        missing, unwritten = unsent(results, event, recorded), _unwritten(results, event)
        if missing:
            message = f"{missing} of {arrived} requests were due while no load process ran, and were not sent."
            yield Kind.UNSENT.problem(event.deployment, message, _at(results, event))
        if unwritten:
            message = f"{unwritten} request records could not be written to disk and are missing."
            yield Kind.LOST.problem(event.deployment, message, _at(results, event))
        # The last request drawn may not have been sent before the stop.
        accounted = len(recorded) + missing + unwritten
        if arrived is not None and accounted < arrived - 1:
            message = f"{arrived - accounted} of {arrived} requests left no record."
            yield Kind.LOST.problem(event.deployment, message, _at(results, event))
        # A load that was interrupted, be it in its last second, has drawn a part of its schedule.
        whole = results.state.phase == "completed" and run.driven and not run.died and not run.cut_short
        if whole and event.schedule_hash != expected:
            message = f"The request schedule {event.schedule_hash} differs from the planned {expected}."
            yield Kind.SCHEDULE.problem(event.deployment, message, _at(results, event))


def _unwritten(results: Results, finished: events.LoadFinished) -> int:
    """Records that the load processes of a run could not write, those before a resume among them."""
    return sum(
        event.unwritten
        for event in results.lasting_events
        if isinstance(event, events.LoadFinished) and event.of_run(finished.deployment, finished.replica)
    )


def _load(results: Results) -> Iterator[Problem]:
    if results.manifest.campaign.load is None:
        return
    for deployment, replica in results.state.runs:
        problem = _problem_maker(results, deployment, replica)
        requests = results.requests(deployment, replica)
        if requests.empty:
            yield problem(Kind.NO_REQUESTS, "There are no request records.")
            continue
        total = len(requests)
        errors, dropped = requests[requests["status"] == "error"], int((requests["status"] == "dropped").sum())
        if len(errors):
            kind = Kind.FAILING if len(errors) > _FAILING_SHARE * total else Kind.ERROR
            message = f"{len(errors)} of {total} requests failed{_kinds(errors)}. First: {errors['error'].iloc[0]}"
            yield problem(kind, message)
        if dropped:
            yield problem(Kind.DROPPED, f"{dropped} of {total} requests were dropped at the concurrency cap.")
        late = lateness(requests)
        if late > _LATE_SECONDS:
            message = f"1 % of the requests were sent over {late:.3f} s late; the client could not keep its schedule."
            yield problem(Kind.LATE, message)
        busy = _busiest_minute(results, deployment, replica)
        if busy > _SATURATED_SHARE:
            peak = f"The load client used {100 * busy:.0f} % of a core at its peak"
            message = f"{peak}, so client delay is included in the latencies."
            yield problem(Kind.SATURATED, message)


def _kinds(errors: pd.DataFrame) -> str:
    """How many of each kind, where that is recorded."""
    counts = errors["failure"].value_counts()
    return f" ({', '.join(f'{kind}: {count}' for kind, count in counts.items())})" if len(counts) else ""


def _busiest_minute(results: Results, deployment: str, replica: int) -> float:
    """The largest share of a core that a run's load process took in a minute of it; 0 where it was not sampled."""
    run = results.state.runs[deployment, replica]
    columns = ("mono", "entity", _CPU)
    samples = results.samples(HARNESS, "process", columns=columns)
    if run.load_start is None or not set(columns) <= set(samples.columns):
        return 0.0
    end = run.load_end or run.died or math.inf
    mine = samples[(samples["entity"] == f"client-{deployment}") & samples["mono"].between(run.load_start, end)]
    _, shares = rate_grid(mine["mono"].to_numpy() - run.load_start, mine[_CPU].to_numpy(dtype=np.float64), 60.0)
    return float(shares.max(initial=0.0))


def _ticks(results: Results) -> Iterator[Problem]:
    for deployment, replica in results.state.runs:
        problem = _problem_maker(results, deployment, replica)
        samples = results.tree(deployment, replica)
        if samples.empty:
            yield problem(Kind.NO_SAMPLES, "There are no process samples.")
            continue
        missed = int(samples["missed"].sum())
        if missed > _MISSED_TICKS_SHARE * len(samples):
            yield problem(
                Kind.TICKS, f"{missed} of {missed + len(samples)} sampling ticks were missed: the host was too busy."
            )


def _unread(results: Results) -> Iterator[Problem]:
    """Metrics that were never read: renamed by a release of an engine, or not readable by this user."""
    probed = {one.name for one in results.manifest.deployments if one.options.get("allocator_probe")}
    for deployment, replica in results.state.runs:
        problem = _problem_maker(results, deployment, replica)
        engine = results.samples(deployment, "engine", replica)
        for name, reason in _never_read(engine):
            yield problem(Kind.ENGINE, sentence(f"{name} was never read: {reason}"))
        failed = [missing["engine"] for missing in map(json.loads, _missing(engine)) if "engine" in missing]
        if _FAILING_SHARE * len(engine) < len(failed) < len(engine):
            yield problem(
                Kind.ENGINE, f"{len(failed)} of {len(engine)} scrapes of the metrics failed. Last: {failed[-1]}"
            )
        tree = results.tree(deployment, replica)
        due = deployment in probed and _allocator_was_due(results, tree)
        if due and results.samples(deployment, "allocator", replica).empty:
            message = "The allocator probe never answered: the server is not dynamically linked with glibc."
            yield problem(Kind.UNREAD, message)
        unread: dict[str, list[str]] = {}
        for name, reason in _never_read(tree):
            unread.setdefault(reason, []).append(name)
        for name, reason in _never_read(device_samples(results, deployment, replica)):
            unread.setdefault(reason, []).append(name)
        for reason, names in unread.items():
            help_ = " Run as root (sudo) to read it." if "permission" in reason else ""
            yield problem(Kind.UNREAD, sentence(f"{', '.join(names)} never read: {reason}") + help_)


def _allocator_was_due(results: Results, tree: pd.DataFrame) -> bool:
    """Whether the sampler was due twice while the server ran."""
    interval = results.manifest.campaign.sampling_seconds.get(AllocatorSampler.kind, AllocatorSampler.default_interval)
    return not tree.empty and float(np.ptp(tree["mono"])) > 2 * interval


def _devices(results: Results) -> Iterator[Problem]:
    """Faults of devices, which no series of a deployment shows."""
    samples = results.samples(HARNESS, "device", columns=("entity", "missing", *_HARM))
    if samples.empty:
        return
    for entity, rows in samples[samples["entity"].str.fullmatch(r"gpu\d+")].groupby("entity"):
        faults = [f"{what}: {count:g}" for what, count in _harm(rows)]
        why = rows["missing"].dropna()
        known = {text: json.loads(text).get("device") for text in why.unique()}  # of millions few are different
        gone = why.map(known).dropna()
        if len(gone):
            faults.append(f"{len(gone)} of {len(rows)} readings failed: {gone.iloc[0]}")
        if faults:
            yield Kind.DEVICE.problem(None, f"{entity}: {'; '.join(faults)}.")


_XIDS, _LAST_XID, _UNCORRECTED = "device_xid_errors_total", "device_xid_last_code", "device_ecc_uncorrected_total"
_REMAPPINGS = ("device_row_remapping_pending", "device_row_remapping_failed")
_HARM = (_XIDS, _LAST_XID, _UNCORRECTED, *_REMAPPINGS)


def _harm(rows: pd.DataFrame) -> Iterator[tuple[str, float]]:
    def seen(name: str) -> pd.Series:
        return rows[name].dropna() if name in rows else pd.Series(dtype=float)

    if (xids := seen(_XIDS).max()) > 0:
        yield f"XID errors (the last {seen(_LAST_XID).iloc[-1]:g})", xids
    uncorrected = seen(_UNCORRECTED)
    if uncorrected.max() > uncorrected.min():
        yield "uncorrected ECC errors", uncorrected.max() - uncorrected.min()
    for name in _REMAPPINGS:
        if seen(name).max() > 0:
            yield name.removeprefix("device_").replace("_", " "), seen(name).max()


def _missing(samples: pd.DataFrame) -> list[str]:
    return samples["missing"].dropna().tolist() if "missing" in samples else []


def _never_read(samples: pd.DataFrame) -> Iterator[tuple[str, str]]:
    missing = _missing(samples)
    reasons: dict[str, str] = json.loads(missing[-1]) if missing else {}
    for name, reason in reasons.items():
        concerned = [column for column in samples if str(column).startswith(name)]  # "engine": all of them
        if samples[concerned].isna().to_numpy().all():
            yield name, reason


def _problem_maker(results: Results, deployment: str, replica: int) -> Callable[[Kind, str], Problem]:
    """Makes problems of one run; the message names the replica where there are several."""
    prefix = f"Replica {replica}: " if len(results.replicas(deployment)) > 1 else ""
    return lambda kind, message: kind.problem(deployment, prefix + message)


def _at(results: Results, event: Event) -> float | None:
    """Seconds from the campaign's start."""
    started = results.state.started
    return None if started is None else round(event.stamp.mono - started.mono, 1)
