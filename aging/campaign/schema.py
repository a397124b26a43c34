"""The keys of a campaign file. Every key has a description; the reference page is made from them.

``extra="forbid"`` everywhere: a misspelt key that was ignored would run another
campaign than the one that was written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, model_validator

from aging.core.units import Duration, Flag, Positive, Size, WarmUp

EnvironmentName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
EnvironmentValue = Annotated[str, Field(pattern=r"^[^\x00]*$")]
_LONGEST_SECONDS = 366 * 86400.0


class Table(BaseModel):
    """Base of every table: frozen, and no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ModelTable(Table):
    """The model under the deployments: made locally with random weights, or named."""

    preset: str | None = Field(
        None,
        description="random-weight model made locally and cached: `tiny`, `tiny-long` (context of 32,768) or `small`",
    )
    path: str | None = Field(None, description="a model file or folder on this machine")
    hub: str | None = Field(None, description="a hub id that the deployments download themselves")

    @model_validator(mode="after")
    def _one_source(self) -> ModelTable:
        if sum(source is not None for source in (self.preset, self.path, self.hub)) != 1:
            raise ValueError("needs exactly one of `preset`, `path` and `hub`")
        return self


class ArrivalsOptions(Table):
    """Keys that every arrival process has; each kind adds its own."""

    kind: str


class Objectives(Table):
    """What an answer must keep within to count as good; an answer that misses one of them is missed."""

    ttft: Positive | None = Field(None, description="longest time to the first token")
    tpot: Positive | None = Field(None, description="longest mean time per output token after the first")
    e2e: Positive | None = Field(None, description="longest time to the whole answer")

    @model_validator(mode="after")
    def _some(self) -> Objectives:
        if self.ttft is None and self.tpot is None and self.e2e is None:
            raise ValueError("needs at least one of `ttft`, `tpot` and `e2e`")
        return self


class LengthsOptions(Table):
    """Keys that every distribution of lengths has; each kind adds its own."""

    kind: str

    @property
    def longest(self) -> int | None:
        """The most tokens it ever gives; None where only a file tells."""
        return None


class SharedPrefix(Table):
    """Prompts that begin alike, as with one system prompt for many users."""

    share: float = Field(gt=0, le=1, description="share of the prompts that begin with a shared prefix")
    tokens: int = Field(
        ge=1, le=1_000_000, description="length of a prefix; a shorter prompt begins with all but its last token of it"
    )
    count: int = Field(1, ge=1, le=1_000_000, description="how many prefixes there are; each is as likely")


class Sessions(Table):
    """Conversations of several turns: each prompt begins with all that was said before."""

    share: float = Field(gt=0, le=1, description="share of the requests that are turns of conversations")
    turns: int = Field(ge=2, le=1000, description="turns of a conversation")
    think: Duration = Field(10.0, ge=0, description="least time from a turn's arrival to the next one's")
    max_tokens: int | None = Field(
        None, ge=1, description="a conversation ends before its next prompt and answer would be longer than this"
    )


class PromptsTable(Table):
    """What prompts have in common; by default nothing."""

    shared_prefix: SharedPrefix | None = Field(None, description="prompts that begin alike")
    sessions: Sessions | None = Field(None, description="conversations of several turns")


Share = Annotated[float, Field(ge=0, le=1)]


class OptionShares(Table):
    """Shares of requests that ask for more than a plain completion, each drawn independently of the others."""

    chat: Share = Field(0.0, description="chat completions instead of completions")
    n: Share = Field(0.0, description="several answers to one prompt")
    logprobs: Share = Field(0.0, description="log-probabilities with every token")
    stop: Share = Field(0.0, description="stop words")
    structured: Share = Field(0.0, description="structured output, each by a schema of its own")
    long: Share = Field(0.0, description="prompts of the longest length that `prompt_tokens` has")


class FaultShares(Table):
    """Shares of requests that are impolite, each in one way; together at most 1. What real leaks come from."""

    abort: Share = Field(0.0, description="closed by the client in the middle of the answer")
    timeout: Share = Field(0.0, description="given up by an impatient client before it is answered")
    disconnect: Share = Field(0.0, description="closed by the client before the first token")
    probe: Share = Field(0.0, description="a connection that is opened and closed, without a request")
    oversized: Share = Field(0.0, description="a prompt far beyond every context")
    malformed: Share = Field(0.0, description="a body that is not JSON")
    not_found: Share = Field(0.0, alias="not-found", description="a path that there is not")

    @model_validator(mode="after")
    def _exclusive(self) -> FaultShares:
        total = sum(getattr(self, name) for name in type(self).model_fields)
        if total > 1 + 1e-9:
            raise ValueError(f"the shares add up to {total:g}; a request is impolite in one way, so at most to 1")
        return self


class ClassTable(Table):
    """A class of requests with a load of its own; what it leaves out is as in `[load]`."""

    name: str = Field(
        max_length=64, pattern=r"^[a-z0-9][a-z0-9-]*$", description="unique name: lower case letters, digits, dashes"
    )
    arrivals: Any = Field(None, description="its arrival process")
    prompt_tokens: Any = Field(None, description="its prompt lengths")
    output_tokens: Any = Field(None, description="its output lengths")
    streaming_share: Share | None = Field(None, description="share of its requests that stream their answer")
    prompts: PromptsTable | None = Field(None, description="what its prompts have in common")
    options: OptionShares | None = Field(None, description="what its requests ask for")
    faults: FaultShares | None = Field(None, description="how its requests are impolite")
    priority: int = Field(
        0, ge=-1000, le=1000, description="told to engines that schedule by it: lower is served first; 0: not told"
    )
    objectives: Objectives | None = Field(None, description="service level objectives of its requests")


class LoadTable(Table):
    """The load that every deployment gets; a deployment's `rate` key scales its arrivals alone."""

    kind: Literal["open"] = Field(
        "open",
        description='`"open"`: arrivals come when they are due, whatever the server does. `"none"`: no request is '
        "sent, deployments are only watched, and the table has no other key",
    )
    arrivals: Any = Field(
        None, description="arrival process: a table with `kind` and that kind's keys; needed unless every class has one"
    )
    prompt_tokens: Any = Field(
        None,
        description="distribution of prompt lengths: a table with `kind` (`log-normal` when absent) and that kind's "
        "keys; a replayed trace brings its own",
    )
    output_tokens: Any = Field(None, description="distribution of the output lengths asked for, in the same way")
    streaming_share: float = Field(0.7, ge=0, le=1, description="share of requests that stream their answer")
    concurrency_cap: int = Field(
        64,
        ge=1,
        description="requests of open arrivals in flight per deployment; those beyond it are dropped and recorded; "
        "a closed loop has its own places",
    )
    timeout: Duration = Field(60.0, gt=0, description="longest time one request may take")
    drain: Duration = Field(30.0, ge=0, description="longest wait for requests in flight when the load ends")
    objectives: Objectives | None = Field(None, description="service level objectives of its requests")
    require_calibration: Flag = Field(
        False,
        description="refuse to run unless `aging calibrate` has found the ceilings of just these deployments here",
    )
    prompts: PromptsTable = Field(default_factory=PromptsTable, description="what prompts have in common")
    options: OptionShares = Field(default_factory=OptionShares, description="what requests ask for")
    faults: FaultShares = Field(default_factory=FaultShares, description="how requests are impolite")
    classes: tuple[ClassTable, ...] = Field((), alias="class", description="classes of requests, merged into one load")


def _load_or_none(raw: Any) -> Any:
    """``kind = "none"`` is a load table of its own, without any other key."""
    if not isinstance(raw, dict) or "kind" not in raw:
        return raw
    if raw["kind"] not in ("open", "none"):
        raise ValueError(f'`kind` must be "open" or "none", got {raw["kind"]!r}')
    if raw["kind"] == "open":
        return raw
    if more := [key for key in raw if key != "kind"]:
        raise ValueError(f'`kind = "none"` drives no load, so it says nothing more; leave out {", ".join(more)}')
    return None


Load = Annotated[LoadTable | None, BeforeValidator(_load_or_none)]
"""The load, or None where deployments are only watched."""


class AnalysisTable(Table):
    """How the series become verdicts."""

    grid: Duration = Field(60.0, gt=0, description="width of the time grid whose medians are analysed")
    q: float = Field(0.10, gt=0, lt=1, description="false-discovery rate over the campaign's findings")
    test: str = Field("series_har", description="trend test that decides; the others are reported beside it")


class WatchdogsTable(Table):
    """What the runner watches besides what it measures."""

    disk_floor: Size = Field(
        100 * 2**20, ge=0, description="least room for results; with less the campaign ends in order, to be resumed"
    )
    inode_floor: int = Field(1000, ge=0, description="the same in files that can still be made")
    memory_floor: Size = Field(
        256 * 2**20,
        ge=0,
        description="least memory of the host, or of our control group; with less the deployment that has grown most "
        'is ended before the kernel kills anybody. "0B" for never',
    )
    silent_after: Duration = Field(
        120.0, gt=0, description="a server that answers nothing for so long with requests in flight is told"
    )
    late_after: Duration = Field(5.0, gt=0, description="a client that is so far behind its schedule is told")


class RejuvenationOptions(Table):
    """Keys that every rejuvenation policy has; each policy adds its own."""

    policy: str
    action: Literal["restart"] = Field("restart", description="what is done: drain, SIGTERM, relaunch, ready")
    deployments: Sequence[str] = Field((), description="deployments it applies to; empty for all")


class SubjectOptions(Table):
    """Keys that every deployment has; each kind adds its own."""

    ours: ClassVar[bool] = True
    """Whether it is started by us, and so may be restarted by us."""

    name: str = Field(
        max_length=64, pattern=r"^[a-z0-9][a-z0-9-]*$", description="unique name: lower case letters, digits, dashes"
    )
    kind: str = Field(description="which runtime serves it")
    slot: str | None = Field(None, description="what may run at the same time; deployments of one slot take turns")
    rate: float | None = Field(
        None, gt=0, le=100_000, description="requests per second of this deployment instead of the load's"
    )
    ready_timeout: Duration = Field(120.0, gt=0, description="longest time from launch to the first completed request")
    log_size: Size = Field(
        16 * 2**20, ge=2**12, description="most of its output that is kept; what is older than the newest half goes"
    )

    @property
    def longest_sequence(self) -> int | None:
        """Tokens of prompt and answer together that it serves at most; None where the file does not tell."""
        context: int | None = getattr(self, "context", None)
        return context

    @property
    def answers(self) -> bool:
        """Whether there is an address that load can be sent to."""
        return True


class DeploymentOptions(SubjectOptions):
    """Keys that every deployment has which is started by the campaign."""

    port: int | None = Field(
        None,
        strict=True,
        ge=1024,
        le=65535,
        description="loopback port it listens on; absent, a free one is chosen when it is started, and kept",
    )
    stop_timeout: Duration = Field(15.0, gt=0, description="time from SIGTERM to SIGKILL")
    env: dict[EnvironmentName, EnvironmentValue] = Field(
        default_factory=dict, description="environment variables added to the server's"
    )
    allocator_probe: Flag = Field(
        False,
        description="load a small library into it that tells what its allocator keeps of freed memory (glibc only)",
    )


class ValidityTable(Table):
    """When a run is `short` (its findings are marked) and when it is `broken` (it is told, and never averaged)."""

    complete: float = Field(
        0.98, ge=0, le=1, description="share of the planned window that must have been sampled; less is `short`"
    )
    least: float = Field(
        0.25, ge=0, le=1, description="the same share below which a run that ended by itself is `broken`"
    )
    failed: float = Field(
        0.1, ge=0, le=1, description="share of requests that failed or were dropped above which it is `broken`"
    )
    late: Duration = Field(
        1.0, gt=0, description="99th percentile of how late requests were sent, above which it is `broken`"
    )
    restarts: int = Field(
        0, ge=0, description="new lives of its server that no rejuvenation planned; more make it `short`"
    )
    suspended: Duration = Field(0.0, ge=0, description="time that the host was suspended in it; more makes it `short`")
    clock_step: Duration = Field(
        60.0, ge=0, description="by how much the wall clock was set in it; more makes it `short`"
    )


class DesignTable(Table):
    """Which combinations of the levels of [`[factors]`](#factors) are run."""

    kind: Literal["full", "fractional", "custom"] = Field(
        "full",
        description='`"full"`: every combination; `"fractional"`: a regular 2^(k−p) fraction of two-level factors; '
        '`"custom"`: `rows`',
    )
    resolution: int | None = Field(
        None, ge=3, le=11, description="least resolution of the fraction: 3 (main effects are told apart) to 11"
    )
    generators: tuple[str, ...] = Field(
        (), description='of the fraction, like ["D = ABC"], by the factors\' places; without them a known one is taken'
    )
    rows: tuple[tuple[Any, ...], ...] = Field((), description="points of a custom design: a level of each factor")
    centre_points: int = Field(0, ge=0, le=100, description="runs halfway between all low and high levels")

    @model_validator(mode="after")
    def _consistent(self) -> DesignTable:
        if (self.resolution is None) == (self.kind == "fractional"):
            raise ValueError('`kind = "fractional"` needs `resolution`, like 4; no other kind has one')
        if self.generators and self.kind != "fractional":
            raise ValueError('`generators` are of `kind = "fractional"`')
        if bool(self.rows) != (self.kind == "custom"):
            raise ValueError('`kind = "custom"` needs `rows`, a list of lists; no other kind has them')
        return self


@dataclass(frozen=True, slots=True)
class Treatment:
    """What a design makes of one deployment: the ``base`` it was made of, the design's ``point``, and its load.

    ``levels`` are those of the factors that concern the base, by their key paths.
    """

    base: str
    point: int
    centre: bool
    levels: Mapping[str, Any]
    load: LoadTable | None


class Campaign(Table):
    """A whole campaign file."""

    schema_version: Literal[1] = Field(1, alias="schema", description="version of this format")
    name: str = Field(
        max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", description="names the folder under the results"
    )
    description: str = Field("", description="one line for the report")
    seed: int = Field(ge=0, description="everything random follows from it")
    duration: Duration = Field(
        gt=0, le=_LONGEST_SECONDS, description="length of the load of one run, warm-up included; at most 366 days"
    )
    warmup: WarmUp = Field(0.0, description='start of the load that the analysis leaves out; "auto" finds it')
    replicas: int = Field(1, ge=1, le=1000, description="repeats of every deployment, each with a seed of its own")
    order: Literal["round-robin", "random"] = Field(
        "round-robin",
        description="order of a slot's deployments within a replica: as written, or drawn by the seed; "
        "points of a designed experiment always come in random order",
    )
    cooldown: Duration = Field(0.0, ge=0, description="pause between two runs of one slot")
    orphan_grace: Duration = Field(
        300.0,
        ge=0,
        description="how long servers live on after their runner was killed, so that `aging resume` can go on with "
        'them; then they are ended. "0s" ends them at once',
    )
    settle: Duration = Field(
        60.0,
        ge=0,
        description="longest wait, after the cooldown, until memory and ports are back where they were at the start",
    )
    sanity: Duration = Field(
        0.0,
        ge=0,
        description="a smoke run of every deployment of this length comes first; the campaign starts only if all pass",
    )
    retries: int = Field(0, ge=0, le=10, description="how often a run that ended broken is repeated")
    model: ModelTable | None = Field(None, description="the model the deployments serve")
    scale: float = Field(
        1.0,
        gt=0,
        le=1000,
        description="the load's rates (and places of closed loops) are multiplied by this; lengths stay as they are",
    )
    load: Load = Field(description='the load that every deployment gets, or `kind = "none"`')
    sampling: dict[str, Positive] = Field(
        default_factory=dict, description="seconds between two readings, by sampler; each has its default"
    )
    analysis: AnalysisTable = Field(default_factory=AnalysisTable, description="how the series become verdicts")
    watchdogs: WatchdogsTable = Field(
        default_factory=WatchdogsTable, description="when a campaign ends itself, and what it tells meanwhile"
    )
    validity: ValidityTable = Field(default_factory=ValidityTable, description="when a run is short, and when broken")
    factors: dict[str, Annotated[tuple[Any, ...], Field(min_length=2)]] = Field(
        default_factory=dict, description="a designed experiment: key paths of deployments or of the load, and levels"
    )
    design: DesignTable = Field(
        default_factory=DesignTable, description="which combinations of the factors' levels are run"
    )
    rejuvenation: Any = Field(None, description="when a deployment is restarted: a table with `policy`")
    deployment: tuple[Any, ...] = Field(min_length=1, description="the deployments under test")

    _treatments: Mapping[str, Treatment] = PrivateAttr(default_factory=dict)

    @property
    def treatments(self) -> Mapping[str, Treatment]:
        """What a designed experiment made of its deployments, by their names; empty without factors."""
        return self._treatments

    def treated(self, deployments: Sequence[SubjectOptions], treatments: Mapping[str, Treatment]) -> Campaign:
        """The same campaign of the deployments that its design has made."""
        made = self.model_copy(update={"deployment": tuple(deployments)})
        made._treatments = dict(treatments)
        return made
