"""The keys of a campaign file. Every key has a description; the reference page is made from them.

``extra="forbid"`` everywhere: a misspelt key that was ignored would run another
campaign than the one that was written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, model_validator

from aging.campaign.units import Duration, Positive, Size, WarmUp

EnvironmentName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
EnvironmentValue = Annotated[str, Field(pattern=r"^[^\x00]*$")]
_LONGEST_SECONDS = 366 * 86400.0


class Table(BaseModel):
    """Base of every table: frozen, and no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class LogNormal(Table):
    """Token counts drawn log-normally, clipped to ``[min, max]``."""

    median: float = Field(gt=0, description="median, in tokens")
    p95: float = Field(gt=0, description="95th percentile, in tokens; equal to the median for a constant length")
    min: int = Field(ge=1, description="smallest count; shorter draws are raised to it")
    max: int = Field(ge=1, le=1_000_000, description="largest count; longer draws are cut to it")

    @model_validator(mode="after")
    def _ordered(self) -> LogNormal:
        if not self.min <= self.median <= self.p95 <= self.max:
            got = f"{self.min} / {self.median:g} / {self.p95:g} / {self.max}"
            raise ValueError(f"must be ordered min ≤ median ≤ p95 ≤ max, got {got}")
        return self


class ModelTable(Table):
    """The model under the deployments: made locally with random weights, or named."""

    preset: str | None = Field(None, description="random-weight model made locally and cached: `tiny` or `small`")
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


class LoadTable(Table):
    """The load that every deployment gets; a deployment's `rate` key scales its arrivals alone."""

    kind: Literal["open"] = Field(
        "open",
        description='`"open"`: arrivals come when they are due, whatever the server does. `"none"`: no request is '
        "sent, deployments are only watched, and the table has no other key",
    )
    arrivals: Any = Field(description="arrival process: a table with `kind` and that kind's keys")
    prompt_tokens: LogNormal = Field(description="distribution of prompt lengths")
    output_tokens: LogNormal = Field(description="distribution of output lengths asked for")
    streaming_share: float = Field(0.7, ge=0, le=1, description="share of requests that stream their answer")
    concurrency_cap: int = Field(
        64, ge=1, description="requests in flight per deployment; arrivals beyond it are dropped and recorded"
    )
    timeout: Duration = Field(60.0, gt=0, description="longest time one request may take")
    drain: Duration = Field(30.0, ge=0, description="longest wait for requests in flight when the load ends")


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
    def answers(self) -> bool:
        """Whether there is an address that load can be sent to."""
        return True


class DeploymentOptions(SubjectOptions):
    """Keys that every deployment has which is started by the campaign."""

    port: int = Field(strict=True, ge=1024, le=65535, description="loopback port it listens on")
    stop_timeout: Duration = Field(15.0, gt=0, description="time from SIGTERM to SIGKILL")
    env: dict[EnvironmentName, EnvironmentValue] = Field(
        default_factory=dict, description="environment variables added to the server's"
    )
    allocator_probe: bool = Field(
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
    load: Load = Field(description='the load that every deployment gets, or `kind = "none"`')
    sampling: dict[str, Positive] = Field(
        default_factory=dict, description="seconds between two readings, by sampler; each has its default"
    )
    analysis: AnalysisTable = Field(default_factory=AnalysisTable, description="how the series become verdicts")
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
