"""The events of a campaign's journal: one frozen dataclass a kind, with the standard library alone.

A line of ``journal.jsonl`` has ``wall``, ``mono``, ``event`` (the kind), ``deployment`` and ``replica`` where it
belongs to a run, and the fields of its class. A field is required where every release has written it, and has a
default where an earlier release did not. A line that this release cannot read as its class (an unknown kind, a
required key missing) is an :class:`OtherEvent`; keys that it does not know are kept in ``extra``.

Each field is ``Annotated[type, unit, meaning]``; docs/events.md is generated from them. Times are seconds; "campaign
time" is the monotonic clock of the journal's ``mono``, which goes on after a reboot.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from typing import Annotated, Any, ClassVar, TypedDict

from aging.core.clock import Stamp

_NOT_WRITTEN = Stamp(0.0, 0.0)

_SPARSE = {"sparse": True}
"""Metadata of a field that is left out of the line where it has its default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of the journal. ``stamp`` is set as it is written."""

    KIND: ClassVar[str] = ""

    stamp: Stamp = _NOT_WRITTEN
    deployment: str | None = None
    replica: int = 1
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """Its kind, as the journal has it."""
        return self.KIND

    @property
    def details(self) -> dict[str, Any]:
        """What its line holds beside the stamp, the kind and the deployment."""
        run = {} if self.deployment is None else {"replica": self.replica}
        own = {
            name: value
            for name, default in _own(type(self)).items()
            if (value := getattr(self, name)) != default or default is _ALWAYS
        }
        return run | own | dict(self.extra)

    def line(self) -> dict[str, Any]:
        """The line of the journal."""
        who = {} if self.deployment is None else {"deployment": self.deployment}
        return {"wall": self.stamp.wall, "mono": self.stamp.mono, "event": self.kind} | who | self.details

    def of_run(self, deployment: str | None, replica: int) -> bool:
        """Whether it belongs to this run."""
        return self.deployment == deployment and self.replica == replica


Journalize = Callable[[Event], object]
"""Writes an event to the journal."""


class RunKey(TypedDict):
    """Which run an event is of."""

    deployment: str
    replica: int


class ServerKey(RunKey):
    """Which start of a run's server an event is of."""

    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherEvent(Event):
    """A line that this release does not know as its kind; its keys are in ``extra``."""

    other: str

    @property
    def kind(self) -> str:
        return self.other


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEvent(Event):
    """An event of one run: a deployment, and which of its replicas."""

    deployment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerEvent(RunEvent):
    """An event of one generation of a run's server."""

    generation: Annotated[int, "count from 1", "which start of the server in this run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignStarted(Event):
    """Written first, when the runner begins a campaign."""

    KIND: ClassVar[str] = "campaign_started"
    name: Annotated[str, "", "the campaign's name"] = ""
    duration: Annotated[float, "s", "load of one run"] = 0.0
    planned_seconds: Annotated[float | None, "s", "load and cooldown of all rounds"] = None
    folder: Annotated[str | None, "path", "working directory of the runner"] = None
    pid: Annotated[int | None, "pid", "the runner"] = None
    boot: Annotated[str, "id", "the boot of the host"] = ""
    version: Annotated[str | None, "", "release of aging"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignResumed(Event):
    """Written when another runner goes on with a campaign (`aging resume`)."""

    KIND: ClassVar[str] = "campaign_resumed"
    pid: Annotated[int, "pid", "the runner"]
    boot: Annotated[str, "id", "the boot of the host"]
    version: Annotated[str | None, "", "release of aging"] = None
    shift: Annotated[float, "s", "campaign time less this boot's monotonic clock"]
    gone_since: Annotated[float, "s, campaign time", "when the runner before it was last active"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignCompleted(Event):
    """Written last, when every planned run has ended."""

    KIND: ClassVar[str] = "campaign_completed"


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignDecided(Event):
    """Written last, when an early look of `aging check` ended the campaign because its gate was decided."""

    KIND: ClassVar[str] = "campaign_decided"
    reason: Annotated[
        str | None,
        "text",
        "what was decided, by which look, from which numbers",
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignInterrupted(Event):
    """Written last, when the runner was interrupted, or by `aging stop` where the runner had gone."""

    KIND: ClassVar[str] = "campaign_interrupted"
    by: Annotated[str | None, "text", "the command that wrote it, where that was not the runner"] = field(
        default=None, metadata=_SPARSE
    )
    pids: Annotated[Sequence[int] | None, "pid", "processes that `aging stop` ended"] = field(
        default=None, metadata=_SPARSE
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignHalted(Event):
    """Written last, when the campaign could not go on, and can be resumed."""

    KIND: ClassVar[str] = "campaign_halted"
    reason: Annotated[str | None, "text", "why it could not go on"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignDied(Event):
    """Written last, when everything that the campaign only watched had died, and did not return."""

    KIND: ClassVar[str] = "campaign_died"
    reason: Annotated[str | None, "text", "how the last of it ended, and when"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignFailed(Event):
    """Written last, when no server became ready."""

    KIND: ClassVar[str] = "campaign_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrupt(Event):
    """Written at each SIGINT, SIGTERM or SIGHUP; the first drains, the second ends everything at once."""

    KIND: ClassVar[str] = "interrupt"
    count: Annotated[int, "count from 1", "signals so far"] = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Halting(Event):
    """Written when a watchdog, or a full disk, begins to end the campaign in order."""

    KIND: ClassVar[str] = "halting"
    reason: Annotated[str, "text", "why the campaign cannot go on"] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline(Event):
    """Written before the first server of a boot starts, where later rounds wait for the host to settle."""

    KIND: ClassVar[str] = "baseline"
    memory_bytes: Annotated[float, "bytes", "host memory that is not available"]
    device_bytes: Annotated[Mapping[str, float], "bytes", "memory in use, by device"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled(Event):
    """Written before a round, when memory and ports are as they were at the baseline."""

    KIND: ClassVar[str] = "settled"
    seconds: Annotated[float, "s", "how long the round waited"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSettled(Event):
    """Written before a round that begins although the host is not as it was at the baseline."""

    KIND: ClassVar[str] = "not_settled"
    seconds: Annotated[float, "s", "how long the round waited"]
    why: Annotated[str, "text", "what differs from the baseline"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadEnded(Event):
    """Written when the load of every run of a round has ended."""

    KIND: ClassVar[str] = "load_ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrphansEnded(Event):
    """Written when processes that a killed runner left were ended, by its keeper or by another command."""

    KIND: ClassVar[str] = "orphans_ended"
    pids: Annotated[Sequence[int], "pid", "processes that were ended"] = ()
    after: Annotated[float | None, "s", "since the runner's end; only the keeper writes it"] = field(
        default=None, metadata=_SPARSE
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class KeeperDied(Event):
    """Written when the keeper beside the runner ended; another one is started."""

    KIND: ClassVar[str] = "keeper_died"
    exit: Annotated[int, "exit status", "negative: the signal that ended it"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDied(Event):
    """Written when a sampler's loop or the watchdogs raised an error; the runner starts them again."""

    KIND: ClassVar[str] = "task_died"
    task: Annotated[str, "text", "what ended"]
    reason: Annotated[str, "text", "the error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplerUnavailable(Event):
    """Written at the start for a sampler that this host cannot run."""

    KIND: ClassVar[str] = "sampler_unavailable"
    sampler: Annotated[str, "", "kind of the sampler"]
    reason: Annotated[str, "text", "what it lacks"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplerReduced(Event):
    """Written at the start for a sampler that can read only a part of its metrics on this host."""

    KIND: ClassVar[str] = "sampler_reduced"
    sampler: Annotated[str, "", "kind of the sampler"]
    reason: Annotated[str, "text", "what it lacks"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplerFailing(Event):
    """Written when a sampler's read fails and the one before did not."""

    KIND: ClassVar[str] = "sampler_failing"
    sampler: Annotated[str, "", "kind of the sampler"]
    reason: Annotated[str, "text", "the error, or the deadline that passed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplerRecovered(Event):
    """Written when a sampler that was failing reads again."""

    KIND: ClassVar[str] = "sampler_recovered"
    sampler: Annotated[str, "", "kind of the sampler"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSuspended(Event):
    """Written when the host was suspended between two ticks."""

    KIND: ClassVar[str] = "host_suspended"
    seconds: Annotated[float, "s", "how long it was suspended"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockStepped(Event):
    """Written when the wall clock was set between two ticks."""

    KIND: ClassVar[str] = "clock_stepped"
    seconds: Annotated[float, "s", "by how much; negative: back"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LookFailed(Event):
    """Written when the process of an early look of `aging check` failed; the look has judged nothing."""

    KIND: ClassVar[str] = "look_failed"
    look: Annotated[int, "count from 1", "which look"]
    looks: Annotated[int, "count", "looks planned"]
    exit: Annotated[int | None, "exit status", "of the process; null: it did not start"] = None
    log: Annotated[Sequence[str], "lines", "the last that it printed"] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SealingFailed(Event):
    """Written when a process that seals finished hours failed; with a deployment where its load process sealed."""

    KIND: ClassVar[str] = "sealing_failed"
    files: Annotated[int, "count", "files that are left for the next seal"]
    exit: Annotated[int | None, "exit status", "of the process; null: it did not start"] = None
    log: Annotated[Sequence[str], "lines", "the last that it printed"] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Watchdog(Event):
    """Written when a trouble begins that a watchdog or a rejuvenation policy sees, of one run or of the host."""

    KIND: ClassVar[str] = "watchdog"
    trouble: Annotated[str, "", "kind of the trouble: `memory`, `mute`, `silent`, `behind`, `unread`"]
    message: Annotated[str, "text", "what was seen, and what was done"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchdogOver(RunEvent):
    """Written when the trouble of a `watchdog` event is over."""

    KIND: ClassVar[str] = "watchdog_over"
    trouble: Annotated[str, "", "kind of the trouble"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCutShort(RunEvent):
    """Written after a resume for a run whose time passed while there was no runner."""

    KIND: ClassVar[str] = "run_cut_short"
    at: Annotated[float, "s, campaign time", "when its load ended"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRepeated(RunEvent):
    """Written before a further attempt at a run that ended broken; what the journal has of it before is void."""

    KIND: ClassVar[str] = "run_repeated"
    attempt: Annotated[int, "count from 1", "the attempt that begins"]
    reasons: Annotated[Sequence[str], "text", "why the attempt before was broken"] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryJudgeFailed(RunEvent):
    """Written when the process that judges whether a run is broken failed; the run is not repeated."""

    KIND: ClassVar[str] = "retry_judge_failed"
    attempt: Annotated[int, "count from 1", "the attempt that was to be judged"] = 1
    exit: Annotated[int | None, "exit status", "of the process; null: it did not start"] = None
    log: Annotated[Sequence[str], "lines", "the last that it printed"] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadStarted(RunEvent):
    """Written when the first load process of a run has its job."""

    KIND: ClassVar[str] = "load_started"
    load_start: Annotated[float, "s, campaign time", "when the schedule begins"]
    planned_seconds: Annotated[float, "s", "how long the load is to last"]
    phases: Annotated[
        Sequence[tuple[float, float]], "s from load_start", "begin and end of each stretch of different load"
    ] = ()
    pid: Annotated[int | None, "pid", "the load process"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadResumed(RunEvent):
    """Written when another load process goes on with a run's schedule."""

    KIND: ClassVar[str] = "load_resumed"
    first: Annotated[int | None, "index", "the first request that it sends; null: none is left"] = None
    pid: Annotated[int | None, "pid", "the load process"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadFinished(RunEvent):
    """Written when a load process ended in order: with its schedule, or drained after a stop."""

    KIND: ClassVar[str] = "load_finished"
    exit: Annotated[int | None, "exit status", "of the load process"] = None
    schedule_hash: Annotated[str | None, "SHA-256", "of the schedule that it drove"] = None
    requests: Annotated[int | None, "count", "arrivals, earlier load processes of the run included"] = None
    unwritten: Annotated[int, "count", "request records that could not be written"] = field(default=0, metadata=_SPARSE)
    dropped: Annotated[int, "count", "request records that found no room in the queue"] = field(
        default=0, metadata=_SPARSE
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadDied(RunEvent):
    """Written when a load process ended without having finished; another one may go on."""

    KIND: ClassVar[str] = "load_died"
    exit: Annotated[int | None, "exit status", "of the load process; negative: the signal that ended it"] = None
    schedule_hash: Annotated[str | None, "SHA-256", "of the schedule, where it got so far"] = None
    requests: Annotated[int | None, "count", "arrivals, where it got so far"] = None
    unwritten: Annotated[int, "count", "request records that could not be written"] = field(default=0, metadata=_SPARSE)
    dropped: Annotated[int, "count", "request records that found no room in the queue"] = field(
        default=0, metadata=_SPARSE
    )
    reason: Annotated[str | None, "text", "why the runner ended it, where it did"] = field(
        default=None, metadata=_SPARSE
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOutputIgnored(RunEvent):
    """Written when a load process has ended that printed lines which were no events."""

    KIND: ClassVar[str] = "load_output_ignored"
    lines: Annotated[int, "count", "lines that were ignored"]
    first: Annotated[str, "text", "begin of the first one"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchStarted(RunEvent):
    """Written when the runner begins to watch a run that it does not load."""

    KIND: ClassVar[str] = "watch_started"
    load_start: Annotated[float, "s, campaign time", "when the watch begins"]
    planned_seconds: Annotated[float, "s", "how long it is to last"]
    earlier: Annotated[float, "s", "how long the main process had run before"] = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchResumed(RunEvent):
    """Written when another runner goes on to watch a run."""

    KIND: ClassVar[str] = "watch_resumed"


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchFinished(RunEvent):
    """Written when the watch of a run is over."""

    KIND: ClassVar[str] = "watch_finished"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentStarted(ServerEvent):
    """Written when a server's process runs, or an attached one was found; it is not yet ready."""

    KIND: ClassVar[str] = "deployment_started"
    pid: Annotated[int | None, "pid", "the main process"]
    port: Annotated[int | None, "port", "where it listens"] = field(default=None, metadata=_SPARSE)
    command: Annotated[Sequence[str], "arguments", "its command line"] = ()
    main: Annotated[Sequence[int] | None, "pid, clock ticks since boot", "the main process and its start"] = None
    processes: Annotated[
        Mapping[str, Sequence[int]], "pid, clock ticks since boot", "processes that the runner started, by component"
    ] = field(default_factory=dict)
    components: Annotated[Mapping[str, int | None], "pid", "the other components of the deployment"] = field(
        default_factory=dict, metadata=_SPARSE
    )
    beside: Annotated[int | None, "count from 1", "of a successor: the start that serves until it is ready"] = field(
        default=None, metadata=_SPARSE
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentReady(ServerEvent):
    """Written when a server has answered its first request, or where the campaign sends none."""

    KIND: ClassVar[str] = "deployment_ready"
    seconds: Annotated[float, "s", "since its start"]
    seen: Annotated[Sequence[str] | None, "arguments", "its command line as the kernel shows it"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentReadopted(ServerEvent):
    """Written after a resume, when the server of the runner before still runs and is taken over."""

    KIND: ClassVar[str] = "deployment_readopted"
    pid: Annotated[int | None, "pid", "the main process"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentGone(ServerEvent):
    """Written after a resume, when the server of the runner before ended for a known reason; it is started again."""

    KIND: ClassVar[str] = "deployment_gone"
    why: Annotated[str, "text", "why it ended"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentDied(ServerEvent):
    """Written when a server ended by itself, did not become ready, or was ended by a watchdog."""

    KIND: ClassVar[str] = "deployment_died"
    why: Annotated[str, "text", "how it ended"]
    log: Annotated[Sequence[str], "lines", "the last of its log"] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentStopping(ServerEvent):
    """Written when the runner begins to end a server that it then starts again."""

    KIND: ClassVar[str] = "deployment_stopping"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentStopped(ServerEvent):
    """Written when the runner has ended a server, at the end of its run or for a rejuvenation."""

    KIND: ClassVar[str] = "deployment_stopped"
    exit: Annotated[str | None, "text", "how it ended"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentLeft(ServerEvent):
    """Written at the end of the run of an attached server, which goes on running."""

    KIND: ClassVar[str] = "deployment_left"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogCapped(ServerEvent):
    """Written the first time that a server's log reached its limit and was cut to its newest part."""

    KIND: ClassVar[str] = "log_capped"
    bytes: Annotated[int, "bytes", "the limit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RejuvenationDecided(ServerEvent):
    """Written when a policy asks for a rejuvenation: it begins, or a rule refuses it; again when another rule does."""

    KIND: ClassVar[str] = "rejuvenation_decided"
    policy: Annotated[str, "", "the policy"] = ""
    action: Annotated[str, "", "what is to be done"] = ""
    reason: Annotated[str, "text", "why the policy asked for it"] = ""
    numbers: Annotated[Mapping[str, float], "by name", "the numbers that made the decision"] = field(
        default_factory=dict
    )
    urgent: Annotated[bool, "", "whether the limit is reached"] = False
    carried_out: Annotated[bool, "", "whether it begins now"] = True
    refused: Annotated[str | None, "", "the rule that refuses it; `dry-run` if it is only said"] = None
    why: Annotated[str, "text", "the rule in words"] = ""
    until: Annotated[float | None, "s, campaign time", "when that rule no longer refuses it"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RejuvenationStarted(ServerEvent):
    """Written when an action begins."""

    KIND: ClassVar[str] = "rejuvenation_started"
    action: Annotated[str, "", "what is done"] = "restart"
    reason: Annotated[str, "text", "why the policy asked for it"] = ""
    policy: Annotated[str, "", "the policy"] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RejuvenationCompleted(ServerEvent):
    """Written when an action is done and new requests are answered by the server of this ``generation``."""

    KIND: ClassVar[str] = "rejuvenation_completed"
    seconds: Annotated[float, "s", "from its start to its end"]
    action: Annotated[str, "", "what was done"] = "restart"
    held_seconds: Annotated[float, "s", "how long arrivals waited"] = 0.0
    cut: Annotated[int, "count", "requests in flight that were cut, because they outlasted `drain`"] = 0
    stages: Annotated[Mapping[str, float], "s, by stage", "how long each stage took"] = field(default_factory=dict)
    outcome: Annotated[str, "", "`helped` or `unhelpful`"] = "helped"
    figures: Annotated[Mapping[str, float], "by name", "what was measured of its effect"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RejuvenationFailed(ServerEvent):
    """Written when an action has failed, or was taken back; the server of this ``generation`` serves, if any does."""

    KIND: ClassVar[str] = "rejuvenation_failed"
    seconds: Annotated[float, "s", "from its start to its end"] = 0.0
    action: Annotated[str, "", "what was tried"] = "restart"
    why: Annotated[str, "text", "what failed"] = ""
    outcome: Annotated[str, "", "`failed` or `undone`"] = "failed"
    held_seconds: Annotated[float, "s", "how long arrivals waited"] = 0.0
    cut: Annotated[int, "count", "requests in flight that were cut"] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RejuvenationDisarmed(ServerEvent):
    """Written when the policy of a deployment is disarmed: its rejuvenations fail, or do not help."""

    KIND: ClassVar[str] = "rejuvenation_disarmed"
    why: Annotated[str, "text", "why"] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRedirected(ServerEvent):
    """Written when new requests go to the successor, the server of this ``generation``; the old one drains."""

    KIND: ClassVar[str] = "load_redirected"
    port: Annotated[int | None, "port", "where it listens"] = None


KINDS: Mapping[str, type[Event]] = {
    one.KIND: one for one in list(globals().values()) if isinstance(one, type) and issubclass(one, Event) and one.KIND
}
"""Every kind of event, in the order of this file."""

_COMMON = frozenset(one.name for one in fields(Event))
_ALWAYS: Any = object()


def _shape(kind: type[Event]) -> dict[str, Any]:
    """Fields of a kind's own, each with the default that leaves it out of the line."""
    return {
        one.name: (one.default if one.default is not MISSING else {}) if one.metadata.get("sparse") else _ALWAYS
        for one in fields(kind)
        if one.name not in _COMMON | {"other"}
    }


_SHAPES = {kind: _shape(kind) for kind in KINDS.values()}
_REQUIRED = {
    kind: frozenset(one.name for one in fields(kind) if one.default is MISSING and one.default_factory is MISSING)
    for kind in KINDS.values()
}


def _own(kind: type[Event]) -> Mapping[str, Any]:
    return _SHAPES.get(kind, {})


def parsed(row: Mapping[str, Any]) -> Event | None:
    """The event of a journal's line; None for a line that is none."""
    match row:
        case {"wall": float() | int() as wall, "mono": float() | int() as mono, "event": str(name), **rest}:
            return event_of(name, rest, Stamp(wall, mono))
    return None


def event_of(name: str, keys: Mapping[str, Any], stamp: Stamp = _NOT_WRITTEN) -> Event:
    """The event of kind ``name`` with a line's ``keys``, or an :class:`OtherEvent`."""
    kind = KINDS.get(name)
    if kind is None or not _REQUIRED[kind] <= keys.keys():
        common = {key: keys[key] for key in ("deployment", "replica") if key in keys}
        extra = {key: value for key, value in keys.items() if key not in common}
        return OtherEvent(other=name, stamp=stamp, extra=extra, **common)
    shape = _SHAPES[kind]
    known = {key: value for key, value in keys.items() if key in shape or key in ("deployment", "replica")}
    extra = {key: value for key, value in keys.items() if key not in known}
    return kind(stamp=stamp, extra=extra, **known)
