"""What a guard is asked to do: its options, from the command line and from `guard.toml`, and the policy's table."""

from __future__ import annotations

import contextlib
import re
import shlex
import shutil
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from aging.campaign.errors import Choice, suggestion, validate_by_kind, validate_table
from aging.campaign.schema import RejuvenationOptions, Table
from aging.core.errors import Mistake, MistakeCode, MistakesError
from aging.core.metric_table import METRICS
from aging.core.metrics import DEVICE_MEMORY
from aging.core.quantities import parse_size
from aging.core.units import Duration, Flag, Positive
from aging.core.web import Address
from aging.deployments.origins.attached import By, Whereabouts
from aging.rejuvenation.base import Policy
from aging.rejuvenation.kinds import policies

MEMORY = "process_anon_swap_bytes"
"""The indicator of a guard whose policy names none: anonymous memory and swap of the process tree."""

_WHERE: Mapping[str, By] = {"pid": "pid", "name": "process", "container": "container", "cgroup": "cgroup"}
LIMIT_KEYS = ("limit", "above")
"""Keys of a policy that mean the limit of its indicator: `--limit` fills in the one that it requires."""

_EXTERNAL = "external"
_SOURCES = ("process", "limits", "cgroup")


class GuardError(MistakesError):
    """Options of the guard that it cannot be started with."""


@dataclass(frozen=True, slots=True)
class Share:
    """A part of the limit that the kernel sets, from 0 to 1."""

    of_limit: float


Bound = float | Share
"""A limit: in bytes, or as a share of the kernel's."""


def bound(text: Any) -> Bound:
    """The limit of `8GiB` or `80%`. Raises ValueError with examples."""
    wrong = f'{text!r} is no limit; give a size like "8GiB", or a share of the limit that the kernel sets, like "80%"'
    if not isinstance(text, str):
        raise ValueError(wrong)
    number, percent, rest = text.strip().partition("%")
    if percent:
        try:
            share = float(number) / 100
        except ValueError:
            raise ValueError(wrong) from None
        if rest or not 0 < share <= 1:
            raise ValueError(wrong)
        return Share(share)
    try:
        size = parse_size(text)
    except ValueError:
        raise ValueError(wrong) from None
    if size <= 0:
        raise ValueError(wrong)
    return float(size)


class ProxyOptions(Table):
    """A HAProxy in front of the server, asked over its runtime API."""

    socket: str = Field(description="its runtime API: `unix:/run/haproxy/admin.sock` or `tcp:127.0.0.1:9999`")
    servers: tuple[str, ...] = Field(min_length=1, description="what the server is called there: `backend/server`")
    alone: Flag = Field(False, description="`true`: act also where no other server of the backend is up")

    @field_validator("socket")
    @classmethod
    def _address(cls, given: str) -> str:
        kind, colon, rest = given.partition(":")
        host, _, port = rest.rpartition(":")
        if not colon or not rest or kind not in ("unix", "tcp") or (kind == "tcp" and not (host and port.isdigit())):
            raise ValueError(f"{given!r} is no address; write unix:/run/haproxy/admin.sock or tcp:127.0.0.1:9999")
        return given

    @field_validator("servers")
    @classmethod
    def _named(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for one in given:
            backend, slash, server = one.partition("/")
            if not slash or not backend or not server or any(letter in one for letter in " \n;"):
                raise ValueError(f"{one!r} names no server; write backend/server, as in the configuration of HAProxy")
        return given


class GuardOptions(Table):
    """Keys of the table `[guard]`; each is an option of the command, too."""

    pid: int | None = Field(None, gt=0, description="a process and its descendants; the guard ends with it")
    name: str | None = Field(None, min_length=1, description="regular expression of its command line or name")
    container: str | None = Field(None, min_length=1, description="a docker or podman container")
    cgroup: str | None = Field(None, min_length=1, description="every process of a control group")
    metrics: str | None = Field(None, pattern="^https?://", description="Prometheus metrics of the server")
    limit: str | None = Field(None, description="largest permitted memory: a size, or a share of the kernel's limit")
    interval: Positive = Field(5.0, description="time between two samples of the process")
    listen: str | None = Field("127.0.0.1:9464", description='where its own metrics are served; "none": nowhere')
    state: str | None = Field(None, description="folder of what it remembers")
    once: Flag = Field(False, description="`true`: ends with the server instead of waiting for the next one")
    keeps_process: Flag = Field(False, description="`true`: the action frees memory without a new process")
    return_within: Positive = Field(600.0, description="longest time from the action to the new process, and to ready")
    settle: Duration = Field(30.0, ge=0, description="time after which the memory is compared with that before")
    ready_url: str | None = Field(None, pattern="^https?://", description="answers 200 once the server is ready")
    proxy: ProxyOptions | None = Field(None, description="HAProxy in front of the server")

    @field_validator("name")
    @classmethod
    def _pattern(cls, given: str | None) -> str | None:
        try:
            re.compile(given or "")
        except re.error as error:
            raise ValueError(f"{given!r} is not a regular expression: {error}") from None
        return given

    @field_validator("limit")
    @classmethod
    def _limit(cls, given: str | None) -> str | None:
        if given is not None:
            bound(given)
        return given

    @field_validator("listen")
    @classmethod
    def _listen(cls, given: str | None) -> str | None:
        if given in (None, "none"):
            return None
        try:
            Address.of(str(given))
        except ValueError:
            raise ValueError(
                f"{given!r} is no address to listen on; write HOST:PORT like 127.0.0.1:9464, or none"
            ) from None
        return given


@dataclass(frozen=True, slots=True)
class Guarding:
    """Checked options: where the server is, what decides, and what is then done.

    ``table`` is the policy's, None: it only observes. ``raw`` is the same as it was given, for the process that looks.
    """

    where: Whereabouts
    options: GuardOptions
    limit: Bound | None
    table: RejuvenationOptions | None
    raw: Mapping[str, Any]

    @property
    def asks(self) -> Mapping[str, Any]:
        """The table of the policy that asks, as it was given: of a window that of its inner one."""
        inner = self.raw.get("inner")
        return inner if isinstance(inner, Mapping) else self.raw

    @property
    def label(self) -> str:
        """What the guard calls its server."""
        return str(self.where)


def guarding(config: Path | None, given: Mapping[str, Any], rejuvenation: Mapping[str, Any]) -> Guarding:
    """The options of a file, overridden by those of the command line: ``given`` of `[guard]`, ``rejuvenation`` of that.

    Raises GuardError with every mistake.
    """
    source = "aging guard" if config is None else str(config)
    file = {} if config is None else _read(config)
    mistakes = [
        Mistake(key, f"unknown table; {suggestion(key, ('guard', 'rejuvenation'))}", MistakeCode.UNKNOWN_KEY)
        for key in file
        if key not in ("guard", "rejuvenation")
    ]
    raw = _merged(file.get("guard", {}), given, _WHERE)
    options: GuardOptions | None = validate_table(GuardOptions, raw, "guard", mistakes)
    table = dict(file.get("rejuvenation", {})) | dict(rejuvenation)
    mistakes += list(_where_mistakes(raw))
    policy, complete = _policy(table, raw, mistakes)
    if options is not None:
        mistakes += list(_conflicts(options, policy))
    if mistakes or options is None:
        raise GuardError(source, mistakes)
    where = next(Whereabouts(by, str(raw[key])) for key, by in _WHERE.items() if raw.get(key) is not None)
    guarding = Guarding(where, options, None if options.limit is None else bound(options.limit), policy, complete)
    return guarding if guarding.limit is not None else replace(guarding, limit=_own_limit(guarding.asks))


def setting(text: str) -> tuple[str, Any]:
    """Key and value of `--set key=value`: a TOML value, else the text itself. Raises ValueError."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ValueError(f"{text!r} is no setting; write key=value, like every=24h")
    try:
        return key.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key.strip(), value.strip()


def _read(config: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(config.read_text(encoding="utf-8"))
    except OSError as error:
        wrong = Mistake("", f"cannot be read: {error.strerror}", MistakeCode.UNREADABLE_FILE)
    except (ValueError, RecursionError) as error:
        wrong = Mistake("", f"is not TOML: {error}", MistakeCode.NOT_TOML)
    raise GuardError(str(config), [wrong]) from None


def _merged(file: Any, given: Mapping[str, Any], exclusive: Mapping[str, Any]) -> dict[str, Any]:
    """``given`` over ``file``; a server that is given replaces that of the file, by whatever key."""
    merged = dict(file) if isinstance(file, dict) else {"guard": file}
    if any(given.get(key) is not None for key in exclusive):
        merged = {key: value for key, value in merged.items() if key not in exclusive}
    for key, value in given.items():
        if isinstance(value, Mapping):
            inner = merged.get(key)
            merged[key] = {**(inner if isinstance(inner, dict) else {}), **value}
        elif value is not None:
            merged[key] = value
    return merged


def _where_mistakes(raw: Mapping[str, Any]) -> Sequence[Mistake]:
    named = [key for key in _WHERE if raw.get(key) is not None]
    if not named:
        what = "names no server; give one of pid, name, container, cgroup"
        return [Mistake("guard", what, MistakeCode.MISSING_KEY)]
    if len(named) > 1:
        return [Mistake("guard", f"{', '.join(named)} are given; give only one", MistakeCode.CONFLICT)]
    return []


def _policy(
    table: dict[str, Any], raw: Mapping[str, Any], mistakes: list[Mistake]
) -> tuple[RejuvenationOptions | None, Mapping[str, Any]]:
    """The policy's table and what it was made of; mistakes are appended."""
    if "policy" not in table:
        if table:
            what = f"is missing, beside {', '.join(table)}; known: {', '.join(policies())}"
            mistakes.append(Mistake("rejuvenation.policy", what, MistakeCode.MISSING_KEY))
        return None, {}
    if table.get("action", _EXTERNAL) != _EXTERNAL:
        what = f"the guard runs a command or posts to a URL; leave `action` out, not {table['action']!r}"
        mistakes.append(Mistake("rejuvenation.action", what, MistakeCode.CONFLICT))
    kinds = policies()
    complete = table | {"action": _EXTERNAL} | _defaults(table, raw, kinds)
    if isinstance(inner := table.get("inner"), dict):
        complete["inner"] = inner | _defaults(inner, raw, kinds)
    tables = {kind: kinds[kind].options_table for kind in kinds}
    found = validate_by_kind(complete, "rejuvenation", Choice("policy", "rejuvenation policy", tables), mistakes)
    return (found if isinstance(found, RejuvenationOptions) else None), complete


def _defaults(
    table: Mapping[str, Any], raw: Mapping[str, Any], kinds: Mapping[str, type[Policy[Any]]]
) -> dict[str, Any]:
    """What a policy requires and the guard knows: its indicator is memory, its limit is that of the guard."""
    kind, limit = table.get("policy"), raw.get("limit")
    if not isinstance(kind, str) or kind not in kinds:
        return {}
    keys = kinds[kind].options_table.model_fields
    required = {key for key, field in keys.items() if field.is_required() and key not in table}
    known: dict[str, Any] = {"indicator": MEMORY} if "indicator" in required else {}
    if not isinstance(limit, str):
        return known
    try:
        wanted = keys.keys() - table.keys() if isinstance(bound(limit), Share) else required
    except ValueError:  # reported as a mistake of `limit`
        return known
    return known | {key: limit for key in LIMIT_KEYS if key in wanted}


def check_command(guarding: Guarding) -> None:
    """Raise GuardError if the action names a program that cannot be run: else that would show in weeks."""
    command = () if guarding.table is None else guarding.table.command
    if command and shutil.which(command[0]) is None:
        what = f"{command[0]!r} is no program that can be run; give its path, and allow its execution"
        raise GuardError("aging guard", [Mistake("rejuvenation.command", what, MistakeCode.UNKNOWN_NAME)])


def _own_limit(asks: Mapping[str, Any]) -> Bound | None:
    """The limit of memory that a policy's own table names."""
    if asks.get("indicator", MEMORY) != MEMORY:
        return None
    for text in (asks[key] for key in LIMIT_KEYS if isinstance(asks.get(key), str)):
        with contextlib.suppress(ValueError):  # a level of another kind
            return bound(text)
    return None


def _unread(options: GuardOptions, policy: RejuvenationOptions) -> Iterator[Mistake]:
    """Indicators of the policy that the guard does not read: it would never decide."""
    known = {metric.name for metric in METRICS if metric.source in _SOURCES} | {DEVICE_MEMORY}
    for key, name in policy.reads.items():
        if name in known or (name.startswith("engine_") and options.metrics is not None):
            continue
        if name.startswith("engine_"):
            what = f"{name} is among the metrics of the server; give their address with --metrics"
            yield Mistake(f"rejuvenation.{key}", what, MistakeCode.CONFLICT)
        else:
            what = f"the guard does not read {name!r}; {suggestion(name, known)}"
            yield Mistake(f"rejuvenation.{key}", what, MistakeCode.UNKNOWN_NAME)


def _conflicts(options: GuardOptions, policy: RejuvenationOptions | None) -> Sequence[Mistake]:
    mistakes = [] if policy is None else list(_unread(options, policy))
    if policy is not None and policy.command and policy.url:
        mistakes.append(Mistake("rejuvenation", "command and url are given; give only one", MistakeCode.CONFLICT))
    if policy is not None and not (policy.command or policy.url or policy.dry_run):
        what = "no action; give --action 'systemctl restart x', --url http://…, or --dry-run"
        mistakes.append(Mistake("rejuvenation.command", what, MistakeCode.MISSING_KEY))
    if policy is not None and options.pid is not None and not options.keeps_process and not policy.dry_run:
        what = (
            f"process {options.pid} ends with its restart, and the next one has another pid; "
            "give name, container or cgroup instead, or --keeps-process"
        )
        mistakes.append(Mistake("guard.pid", what, MistakeCode.CONFLICT))
    return mistakes


def command_of(text: str) -> tuple[str, ...]:
    """The words of `--action`. Raises ValueError for a quote that is not closed."""
    try:
        words = tuple(shlex.split(text))
    except ValueError:
        raise ValueError(f"--action {text}: a quote is not closed; write it like 'systemctl restart x'") from None
    if not words:
        raise ValueError("--action is empty; give a command line like 'systemctl restart x'")
    return words
