"""The keys of a campaign file. ``docs/campaign.md`` is generated from their descriptions.

``extra="forbid"`` everywhere: ignoring a misspelt key would run a campaign
other than the one in the file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, field_validator, model_validator

from aging.core.units import Duration, Flag, Positive, Size, WarmUp

EnvironmentName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
EnvironmentValue = Annotated[str, Field(pattern=r"^[^\x00]*$")]
HeaderName = Annotated[str, Field(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]
HeaderValue = Annotated[str, Field(pattern=r"^[\t\x20-\x7e]*$")]
_LONGEST_SECONDS = 366 * 86400.0


class Table(BaseModel):
    """Base of every table: frozen, and no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ModelTable(Table):
    """The model that the deployments serve: random weights made on this host, a local path, or a hub id."""

    preset: str | None = Field(
        None,
        description="random-weight model, made on this host and cached: `tiny`, `tiny-long` (context of "
        "32,768 tokens) or `small`",
    )
    path: str | None = Field(None, description="model file or folder on this host")
    hub: str | None = Field(None, description="id of a model on a hub; the deployments download it themselves")

    @model_validator(mode="after")
    def _one_source(self) -> ModelTable:
        if sum(source is not None for source in (self.preset, self.path, self.hub)) != 1:
            raise ValueError("needs exactly one of `preset`, `path` and `hub`")
        return self


class ArrivalsOptions(Table):
    """Keys common to all arrival processes; each kind adds its own."""

    kind: str


class Objectives(Table):
    """Latency limits of one request; it attains its objectives when it stays within every given limit."""

    ttft: Positive | None = Field(None, description="longest time to first token; no limit by default")
    tpot: Positive | None = Field(
        None, description="longest mean time per output token after the first; no limit by default"
    )
    e2e: Positive | None = Field(None, description="longest time to the last token; no limit by default")

    @model_validator(mode="after")
    def _some(self) -> Objectives:
        if self.ttft is None and self.tpot is None and self.e2e is None:
            raise ValueError("needs at least one of `ttft`, `tpot` and `e2e`")
        return self


class LengthsOptions(Table):
    """Keys common to all length distributions; each kind adds its own."""

    kind: str

    @property
    def longest(self) -> int | None:
        """Upper bound in tokens; None if it is known only after a file is read."""
        return None


class SharedPrefix(Table):
    """Prefixes that several prompts have in common, such as a system prompt."""

    share: float = Field(gt=0, le=1, description="fraction of the prompts that begin with a shared prefix")
    tokens: int = Field(
        ge=1,
        le=1_000_000,
        description="length of a prefix, in tokens; a prompt that is not longer shares all its tokens but the last",
    )
    count: int = Field(1, ge=1, le=1_000_000, description="number of different prefixes, each equally likely")


class Sessions(Table):
    """Conversations of several turns: each prompt contains the prompts and answers of the earlier turns."""

    share: float = Field(gt=0, le=1, description="fraction of the requests that belong to a conversation")
    turns: int = Field(ge=2, le=1000, description="number of turns of each conversation")
    think: Duration = Field(10.0, ge=0, description="shortest time between the arrivals of two turns")
    max_tokens: int | None = Field(
        None,
        ge=1,
        description="longest context of a conversation, in tokens: it ends before prompt plus answer exceed "
        "this; no limit by default",
    )


class PromptsTable(Table):
    """Text that prompts have in common. By default every prompt is different."""

    shared_prefix: SharedPrefix | None = Field(None, description="prefixes shared by several prompts; none by default")
    sessions: Sessions | None = Field(None, description="conversations of several turns; none by default")


Share = Annotated[float, Field(ge=0, le=1)]


class OptionShares(Table):
    """Fractions of the requests that use an option of the API; each option is drawn independently of the others."""

    chat: Share = Field(0.0, description="fraction sent as chat completions instead of completions")
    n: Share = Field(0.0, description="fraction that asks for two answers to one prompt (`n = 2`)")
    logprobs: Share = Field(0.0, description="fraction that asks for log-probabilities of every token")
    stop: Share = Field(0.0, description="fraction with stop words")
    structured: Share = Field(
        0.0, description="fraction that asks for structured output, each request with a different JSON schema"
    )
    long: Share = Field(0.0, description="fraction of prompts with the maximum length of `prompt_tokens`")


class FaultShares(Table):
    """Fractions of the requests with a client fault. A request has at most one fault, so the sum is at most 1."""

    abort: Share = Field(0.0, description="fraction whose connection the client closes in the middle of the answer")
    timeout: Share = Field(0.0, description="fraction that the client gives up before the answer begins")
    disconnect: Share = Field(0.0, description="fraction whose connection the client closes before the first token")
    probe: Share = Field(
        0.0, description="fraction replaced by a connection that is opened and closed without a request"
    )
    oversized: Share = Field(0.0, description="fraction with a prompt far longer than any context")
    malformed: Share = Field(0.0, description="fraction with a body that is not JSON")
    not_found: Share = Field(0.0, alias="not-found", description="fraction sent to a path that does not exist")

    @model_validator(mode="after")
    def _exclusive(self) -> FaultShares:
        total = sum(getattr(self, name) for name in type(self).model_fields)
        if total > 1 + 1e-9:
            raise ValueError(
                f"the shares add up to {total:g}; a request has at most one fault, so keep the sum at or below 1"
            )
        return self


_PLACEHOLDER = re.compile(r"\{[A-Za-z_]*\}")
_PLACEHOLDERS = ("{number}", "{random}")
_OWN_HEADERS = frozenset(("content-length", "transfer-encoding"))


class RequestTable(Table):
    """A plain HTTP request, for servers that are no LLM servers. A load with such requests sends no completions.

    ``{number}`` and ``{random}`` in its path, its headers and its body are filled in for every request.
    """

    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] = Field(
        "GET", description="method of the request"
    )
    path: str = Field(
        pattern=r"^/[^\x00-\x20\x7f#]*$",
        description="path with its query; `{number}` is replaced by the number of the request, `{random}` by 16 "
        "hexadecimal digits that follow from seed and number",
    )
    headers: dict[HeaderName, HeaderValue] = Field(
        default_factory=dict,
        description="headers, with the same placeholders. Unless it is among them, the `Content-Type` of a body is "
        "`application/json` if it is JSON, `text/plain` if it is other text, else `application/octet-stream`",
    )
    body: str | None = Field(None, description="body as text, with the same placeholders; none by default")
    body_file: str | None = Field(
        None,
        min_length=1,
        description="file with the body, with the same placeholders; it is copied into the result directory",
    )
    weight: float = Field(
        1.0, gt=0, le=1e6, description="share of the requests, relative to the weights of the other requests"
    )
    expect: tuple[Annotated[int, Field(ge=200, le=599)], ...] = Field(
        (), description="statuses of a right answer; any other is an error. By default 200 to 299"
    )

    @field_validator("path")
    @classmethod
    def _known_placeholders(cls, path: str) -> str:
        unknown = sorted(set(_PLACEHOLDER.findall(path)) - set(_PLACEHOLDERS))
        if unknown:
            raise ValueError(f"unknown placeholder {', '.join(unknown)}; known: {', '.join(_PLACEHOLDERS)}")
        return path

    @field_validator("headers")
    @classmethod
    def _not_of_the_framing(cls, headers: dict[str, str]) -> dict[str, str]:
        own = [name for name in headers if name.lower() in _OWN_HEADERS]
        if own:
            raise ValueError(f"{', '.join(own)} follows from the body; leave it out")
        return headers

    @model_validator(mode="after")
    def _one_body(self) -> RequestTable:
        if self.body is not None and self.body_file is not None:
            raise ValueError("has both `body` and `body_file`; keep one of them")
        return self


class ClassTable(Table):
    """One class of requests. The classes are merged into one load; a key that is left out has its value in `[load]`."""

    name: str = Field(
        max_length=64,
        pattern=r"^[a-z0-9][a-z0-9-]*$",
        description="unique name of lower-case letters, digits and dashes",
    )
    arrivals: Any = Field(None, description="arrival process of this class")
    requests: tuple[RequestTable, ...] | None = Field(
        None, alias="request", description="plain HTTP requests that this class sends in place of completions"
    )
    prompt_tokens: Any = Field(None, description="distribution of prompt lengths, in tokens")
    output_tokens: Any = Field(None, description="distribution of output lengths, in tokens")
    streaming_share: Share | None = Field(None, description="fraction of the requests that stream the answer")
    prompts: PromptsTable | None = Field(None, description="text that the prompts have in common")
    options: OptionShares | None = Field(None, description="options that the requests use")
    faults: FaultShares | None = Field(None, description="client faults of the requests")
    priority: int = Field(
        0,
        ge=-1000,
        le=1000,
        description="priority sent with each request, for engines that schedule by it (lower is served "
        "first); 0 sends none",
    )
    objectives: Objectives | None = Field(None, description="latency limits of the requests; none by default")


class LoadTable(Table):
    """The load that every deployment receives. A deployment's `rate` key changes only its arrival rate."""

    kind: Literal["open"] = Field(
        "open",
        description='`"open"`: requests are sent at their scheduled times, however slow the server is. '
        '`"none"`: no request is sent, the deployments are only sampled, and the table has no other key',
    )
    arrivals: Any = Field(
        None, description="arrival process: a table with `kind` and its keys; required unless every class has one"
    )
    requests: tuple[RequestTable, ...] = Field(
        (),
        alias="request",
        description="plain HTTP requests that are sent in place of completions (`[[load.request]]`), each drawn by its "
        "weight. The first one also proves a server ready",
    )
    prompt_tokens: Any = Field(
        None,
        description="distribution of prompt lengths, in tokens: a table with `kind` (default `log-normal`) and its "
        "keys; not required when a trace is replayed, or plain requests are sent",
    )
    output_tokens: Any = Field(
        None, description="distribution of the requested output lengths, in tokens; same form as `prompt_tokens`"
    )
    streaming_share: float = Field(0.7, ge=0, le=1, description="fraction of the requests that stream the answer")
    concurrency_cap: int = Field(
        64,
        ge=1,
        description="most open-loop requests in flight per deployment; further ones are dropped and recorded. "
        "A closed loop has its own `concurrency`",
    )
    timeout: Duration = Field(60.0, gt=0, description="longest time of one request; then it is an error")
    drain: Duration = Field(
        30.0, ge=0, description="longest wait for requests in flight when the load ends; then they are cut"
    )
    objectives: Objectives | None = Field(None, description="latency limits of the requests; none by default")
    require_calibration: Flag = Field(
        False,
        description="refuse to run unless `aging calibrate` has measured the capacity of these deployments "
        "on this host",
    )
    prompts: PromptsTable = Field(default_factory=PromptsTable, description="text that prompts have in common")
    options: OptionShares = Field(default_factory=OptionShares, description="options that requests use")
    faults: FaultShares = Field(default_factory=FaultShares, description="client faults of requests")
    classes: tuple[ClassTable, ...] = Field((), alias="class", description="classes of requests, merged into one load")

    @property
    def plain(self) -> bool:
        """Whether it sends plain requests alone, and no completions."""
        own = [self.requests if one.requests is None else one.requests for one in self.classes]
        return all(own) if own else bool(self.requests)


def _load_or_none(raw: Any) -> Any:
    """``kind = "none"`` is a table without any other key."""
    if not isinstance(raw, dict) or "kind" not in raw:
        return raw
    if raw["kind"] not in ("open", "none"):
        raise ValueError(f'`kind` must be "open" or "none", got {raw["kind"]!r}')
    if raw["kind"] == "open":
        return raw
    if more := [key for key in raw if key != "kind"]:
        raise ValueError(
            f'`kind = "none"` sends no requests, so the table has no other key; leave out {", ".join(more)}'
        )
    return None


Load = Annotated[LoadTable | None, BeforeValidator(_load_or_none)]
"""The load, or None if deployments are only sampled."""


def _one_or_more(raw: Any) -> Any:
    """A table alone is a list of one."""
    return (raw,) if isinstance(raw, dict) else raw


class AnalysisTable(Table):
    """How the sampled series are analyzed."""

    grid: Duration = Field(60.0, gt=0, description="bin width of the time grid; the median of each bin is analyzed")
    q: float = Field(0.10, gt=0, lt=1, description="false-discovery rate over all findings of the campaign")
    test: str = Field(
        "series_har", description="trend test that decides the verdict; the results of the others are reported as well"
    )
    horizon: Duration = Field(
        30 * 86_400.0,
        gt=0,
        description="how long the servers are to run without a restart, from the end of the load; the outlook says "
        "whether they reach their limits before that",
    )
    memory_limit: Size | None = Field(
        None, gt=0, description="memory that each deployment may use; default: that of the host or its control group"
    )


class WatchdogsTable(Table):
    """Limits at which the runner ends a deployment or the campaign, or records a problem."""

    disk_floor: Size = Field(
        100 * 2**20,
        ge=0,
        description="least free disk space for results; below it the campaign stops and can be resumed",
    )
    inode_floor: int = Field(
        1000,
        ge=0,
        description="least number of files that can still be created; below it the campaign stops and can be resumed",
    )
    memory_floor: Size = Field(
        256 * 2**20,
        ge=0,
        description="least available memory of the host, or of the runner's control group; below it the "
        'deployment that has grown most is ended, before the kernel kills a process. `"0B"` turns this off',
    )
    silent_after: Duration = Field(
        120.0,
        gt=0,
        description="a server with requests in flight that answers nothing for this long is recorded as a problem",
    )
    late_after: Duration = Field(
        5.0, gt=0, description="a load client that is this far behind its schedule is recorded as a problem"
    )


RejuvenationAction = Literal["trim", "reset-caches", "sleep", "restart", "replace", "external"]


class RejuvenationOptions(Table):
    """Keys common to all rejuvenation policies; each policy adds its own."""

    policy: str
    name: str | None = Field(
        None,
        max_length=64,
        pattern=r"^[a-z0-9][a-z0-9-]*$",
        description="name of the table, which a deployment's `rejuvenation` key can choose; by default its policy",
    )
    deployments: tuple[str, ...] = Field((), description="names of the deployments it applies to; all by default")
    action: RejuvenationAction = Field(
        "restart",
        description='`"restart"`: requests drain, the server is stopped and started again, the load continues when it '
        'is ready; `"replace"`: a successor starts beside it and takes the load; `"trim"`, `"reset-caches"` and '
        '`"sleep"`: what the runtime offers without a restart; `"external"`: `command` or `url`',
    )
    drain: Duration = Field(
        30.0, ge=0, description="longest wait for requests in flight before the server is stopped; then they are cut"
    )
    command: tuple[str, ...] = Field((), description='command line of `action = "external"`')
    url: str | None = Field(
        None, pattern=r"^https?://[^/\s]+", description='address that `action = "external"` posts to'
    )
    action_timeout: Duration = Field(
        600.0,
        gt=0,
        description='longest time of `"trim"`, `"reset-caches"`, `"sleep"` or `"external"`; then it has failed',
    )
    dry_run: Flag = Field(False, description="`true`: decisions are journaled and not carried out")
    at_most: int = Field(1, ge=1, le=1000, description="most deployments of this table that are rejuvenated at once")
    distance: Duration = Field(
        60.0, ge=0, description="shortest time between two rejuvenations of a deployment, unless its limit is reached"
    )
    budget: int = Field(24, ge=1, le=10_000, description="most rejuvenations of a deployment in 24 hours")
    longest_backoff: Duration = Field(
        6 * 3600.0, gt=0, description="longest pause after failures; the pause doubles with each failure in a row"
    )
    give_up_after: int = Field(
        3,
        ge=1,
        le=100,
        description="number of failed or useless rejuvenations in a row after which the policy of a deployment is "
        "disarmed",
    )

    @property
    def label(self) -> str:
        """Its name."""
        return self.name or self.policy

    @property
    def shortest_life(self) -> float | None:
        """The age in seconds at which the policy ends every generation; None if it has none."""
        return None

    @property
    def reads(self) -> Mapping[str, str]:
        """The indicators that the policy reads, each by the key that names it."""
        indicator = getattr(self, "indicator", None)
        return {"indicator": indicator} if isinstance(indicator, str) else {}

    @property
    def shares(self) -> Mapping[str, str]:
        """The indicators whose limit the policy must know, each by the key that holds a share of it."""
        return {}


class SubjectOptions(Table):
    """Keys common to all deployments; each kind adds its own."""

    owned: ClassVar[bool] = True
    """Whether the campaign starts it, and so may restart it."""

    name: str = Field(
        max_length=64,
        pattern=r"^[a-z0-9][a-z0-9-]*$",
        description="unique name of lower-case letters, digits and dashes",
    )
    kind: str = Field(description="runtime that serves it")
    slot: str | None = Field(
        None,
        description="deployments of one slot run one after the other, different slots side by side; a slot of "
        "its own by default",
    )
    baseline_of: str | None = Field(
        None,
        description="name of the deployment that this one is the baseline of: `aging check` judges the difference of "
        "both, and not this one",
    )
    rejuvenation: str | None = Field(
        None,
        description="name of the `[[rejuvenation]]` table that applies to it; by default the first that lists it, or "
        "lists no deployment",
    )
    rate: float | None = Field(
        None,
        gt=0,
        le=100_000,
        description="arrival rate of this deployment, in requests per second; by default that of the load",
    )
    ready_timeout: Duration = Field(
        120.0, gt=0, description="longest time from the start to the first completed request; then the start has failed"
    )
    log_size: Size = Field(
        16 * 2**20,
        ge=2**12,
        description="most output that is kept; beyond it everything but the newest half is deleted",
    )

    @property
    def longest_sequence(self) -> int | None:
        """Most tokens of prompt and answer together; None if the file does not contain it."""
        context: int | None = getattr(self, "context", None)
        return context

    @property
    def answers(self) -> bool:
        """Whether it has an address that load can be sent to."""
        return True


class DeploymentOptions(SubjectOptions):
    """Keys common to all deployments that the campaign starts."""

    port: int | None = Field(
        None,
        strict=True,
        ge=1024,
        le=65535,
        description="loopback port to listen on; by default a free port, chosen at the first start and kept on resume",
    )
    stop_timeout: Duration = Field(15.0, gt=0, description="time from SIGTERM to SIGKILL when it is stopped")
    env: dict[EnvironmentName, EnvironmentValue] = Field(
        default_factory=dict, description="environment variables added to those of the runner"
    )
    allocator_probe: Flag = Field(
        False,
        description="load a small library into the server that reports how much freed memory its allocator "
        "keeps (glibc only)",
    )


def _one_text_or_more(raw: Any) -> Any:
    """A text alone is a list of one."""
    return (raw,) if isinstance(raw, str) else raw


Packages = Annotated[tuple[str, ...], BeforeValidator(_one_text_or_more)]
"""Requirements such as ``vllm==0.31``."""


def requirements(packages: tuple[str, ...]) -> tuple[str, ...]:
    """The packages as given. Raises ValueError for one that is no requirement."""
    if packages:
        from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415 - 2 MB, where some are named

        for text in packages:
            try:
                Requirement(text)
            except InvalidRequirement:
                raise ValueError(f"{text!r} is not a requirement; write one like package==1.2") from None
    return packages


class PackagedOptions(DeploymentOptions):
    """Keys common to runtimes that `aging` installs into an environment of their own."""

    packages: Packages = Field(
        (),
        description="requirements in place of the pinned versions, like `vllm==0.31`, in an environment of their own; "
        "the pinned ones by default",
    )

    @field_validator("packages")
    @classmethod
    def _requirements(cls, packages: tuple[str, ...]) -> tuple[str, ...]:
        return requirements(packages)


class ValidityTable(Table):
    """Limits beyond which a run is `short` (its findings are marked) or `broken` (reported, never averaged)."""

    complete: float = Field(
        0.98, ge=0, le=1, description="least fraction of the planned window that was sampled; below it a run is `short`"
    )
    least: float = Field(
        0.25,
        ge=0,
        le=1,
        description="least fraction of the planned window that was sampled in a run that ended by itself; "
        "below it the run is `broken`",
    )
    failed: float = Field(
        0.1,
        ge=0,
        le=1,
        description="largest fraction of requests that failed or were dropped; above it a run is `broken`",
    )
    late: Duration = Field(
        1.0,
        gt=0,
        description="largest 99th percentile of the delay between scheduled and sent; above it a run is `broken`",
    )
    restarts: int = Field(0, ge=0, description="most unplanned restarts of the server; with more a run is `short`")
    suspended: Duration = Field(
        0.0, ge=0, description="longest time that the host was suspended during the run; above it the run is `short`"
    )
    clock_step: Duration = Field(
        60.0, ge=0, description="largest change of the wall clock during the run; above it the run is `short`"
    )


class DesignTable(Table):
    """Which combinations of the levels of [`[factors]`](#factors) are run; by default all of them."""

    kind: Literal["full", "fractional", "custom"] = Field(
        "full",
        description='`"full"`: every combination; `"fractional"`: a regular 2^(k−p) fraction of two-level factors; '
        '`"custom"`: those in `rows`',
    )
    resolution: int | None = Field(
        None,
        ge=3,
        le=11,
        description="least resolution of a fractional design; 3 separates main effects from each other; "
        "required by `fractional`",
    )
    generators: tuple[str, ...] = Field(
        (),
        description='generators of a fractional design, like `["D = ABC"]`, factors by position; by default '
        "those of a published table",
    )
    rows: tuple[tuple[Any, ...], ...] = Field(
        (), description="points of a custom design: one list per point, with a level of each factor"
    )
    centre_points: int = Field(
        0,
        ge=0,
        le=100,
        description="number of additional points halfway between the low and high level of every factor",
    )

    @model_validator(mode="after")
    def _consistent(self) -> DesignTable:
        if (self.resolution is None) == (self.kind == "fractional"):
            raise ValueError('`kind = "fractional"` requires `resolution`, like 4; the other kinds have none')
        if self.generators and self.kind != "fractional":
            raise ValueError('`generators` requires `kind = "fractional"`')
        if bool(self.rows) != (self.kind == "custom"):
            raise ValueError('`kind = "custom"` requires `rows`, a list of lists; the other kinds have none')
        return self


@dataclass(frozen=True, slots=True)
class Treatment:
    """One deployment at one ``point`` of a design, made from the deployment ``base``, with its load.

    ``levels`` are those of the factors that apply to the base, by key path.
    """

    base: str
    point: int
    centre: bool
    levels: Mapping[str, Any]
    load: LoadTable | None


class Campaign(Table):
    """A whole campaign file."""

    schema_version: Literal[1] = Field(1, alias="schema", description="version of the file format")
    name: str = Field(
        max_length=64,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$",
        description="name of the campaign and of its folder under `results/`",
    )
    description: str = Field("", description="one line of text for the report")
    seed: int = Field(
        ge=0, description="seed of every random choice; two campaigns with equal files send equal requests"
    )
    duration: Duration = Field(
        gt=0, le=_LONGEST_SECONDS, description="length of the load of each run, including the warm-up; at most 366 days"
    )
    warmup: WarmUp = Field(
        0.0, description='start of the load that the analysis leaves out; `"auto"` finds its end from the data'
    )
    replicas: int = Field(
        1,
        ge=1,
        le=1000,
        description="number of runs of every deployment, each with a different seed; 3 rather than 2, whose pooled "
        "interval is wide",
    )
    order: Literal["round-robin", "random"] = Field(
        "round-robin",
        description="order of the deployments of a slot within a replica: as in the file, or drawn from the seed; "
        "points of a designed experiment are always in random order",
    )
    cooldown: Duration = Field(0.0, ge=0, description="pause between two rounds of runs")
    orphan_grace: Duration = Field(
        300.0,
        ge=0,
        description="how long servers keep running after the runner was killed, so that `aging resume` can "
        "take them over; "
        'then they are stopped. `"0s"` stops them at once',
    )
    settle: Duration = Field(
        60.0,
        ge=0,
        description="longest wait after the cooldown until memory and ports are back to their state at the start",
    )
    sanity: Duration = Field(
        0.0,
        ge=0,
        description="length of a smoke run of every deployment before the start; the campaign starts only if "
        'all pass. `"0s"`: none',
    )
    retries: int = Field(0, ge=0, le=10, description="how many times a broken run is repeated")
    model: ModelTable | None = Field(None, description="the model that the deployments serve")
    scale: float = Field(
        1.0,
        gt=0,
        le=1000,
        description="factor on all rates of the load and on the concurrency of closed loops; lengths do not change",
    )
    load: Load = Field(description='the requests that every deployment receives, or `kind = "none"`')
    sampling: dict[str, Positive] = Field(default_factory=dict, description="sampling interval of each sampler")
    analysis: AnalysisTable = Field(default_factory=AnalysisTable, description="how the sampled series are analyzed")
    watchdogs: WatchdogsTable = Field(
        default_factory=WatchdogsTable, description="limits at which the runner intervenes or records a problem"
    )
    validity: ValidityTable = Field(
        default_factory=ValidityTable, description="limits beyond which a run is `short` or `broken`"
    )
    factors: dict[str, Annotated[tuple[Any, ...], Field(min_length=2)]] = Field(
        default_factory=dict,
        description="designed experiment: keys of deployments or of the load, and the levels to compare",
    )
    design: DesignTable = Field(default_factory=DesignTable, description="which combinations of the levels are run")
    rejuvenation: Annotated[tuple[Any, ...], BeforeValidator(_one_or_more)] = Field(
        (),
        description="when and how deployments are rejuvenated during the campaign: a table with `policy`, or several "
        "(`[[rejuvenation]]`)",
    )
    deployment: tuple[Any, ...] = Field(min_length=1, description="a deployment under test; at least one")

    _treatments: Mapping[str, Treatment] = PrivateAttr(default_factory=dict)

    @property
    def treatments(self) -> Mapping[str, Treatment]:
        """The points of a designed experiment, by deployment name; empty without factors."""
        return self._treatments

    def with_treatments(self, deployments: Sequence[SubjectOptions], treatments: Mapping[str, Treatment]) -> Campaign:
        """This campaign with the deployments and treatments that its design made."""
        made = self.model_copy(update={"deployment": tuple(deployments)})
        made._treatments = dict(treatments)
        return made
