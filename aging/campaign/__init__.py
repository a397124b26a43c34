"""The campaign file: read, checked as a whole, every mistake reported at once with its key."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from aging.campaign.expansion import design_mistakes, expanded
from aging.campaign.schema import (
    ArrivalsOptions,
    Campaign,
    LoadTable,
    RejuvenationOptions,
    SubjectOptions,
)
from aging.campaign.units import parse_duration, parse_warmup
from aging.errors import CampaignError, Mistake

__all__ = ["Kinds", "Written", "load_campaign", "parse_campaign", "read_campaign"]


@dataclass(frozen=True, slots=True)
class Kinds:
    """The plug-ins a campaign file may name, as the tables their keys are checked against."""

    deployments: Mapping[str, type[SubjectOptions]]
    arrivals: Mapping[str, type[ArrivalsOptions]]
    policies: Mapping[str, type[RejuvenationOptions]]
    samplers: frozenset[str]
    tests: frozenset[str]
    presets: frozenset[str]


@dataclass(frozen=True, slots=True)
class Written:
    """The text of a campaign file, and what it is called in messages."""

    text: str
    source: str


def load_campaign(path: Path, kinds: Kinds, **overrides: Any) -> Campaign:
    """Read and check a campaign file; ``overrides`` replace top-level keys, as written in TOML.

    Raises :class:`CampaignError` with every mistake found.
    """
    return parse_campaign(read_campaign(path).text, kinds, source=str(path), **overrides)


def read_campaign(path: Path) -> Written:
    """A campaign file, verbatim. Raises :class:`CampaignError` where it cannot be read."""
    try:
        return Written(path.read_bytes().decode("utf-8"), str(path))
    except OSError as error:
        raise CampaignError(str(path), [Mistake("", f"cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError as error:
        raise CampaignError(str(path), [Mistake("", f"is not UTF-8 text: {error.reason}")]) from None


def parse_campaign(text: str, kinds: Kinds, source: str = "campaign", **overrides: Any) -> Campaign:
    """Check the text of a campaign file. Raises :class:`CampaignError` with every mistake found."""
    try:
        raw = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise CampaignError(source, [Mistake("", f"is not TOML: {error}")]) from None
    raw |= {key: value for key, value in overrides.items() if value is not None}

    def checked(raw: Mapping[str, Any]) -> tuple[Campaign | None, list[Mistake]]:
        return _checked(dict(raw), kinds)

    campaign, mistakes = checked(raw)
    mistakes += design_mistakes(raw, kinds.deployments, checked, mistakes)
    if mistakes or campaign is None:
        raise CampaignError(source, mistakes)
    return expanded(campaign, raw, kinds.deployments, checked)


def _checked(raw: dict[str, Any], kinds: Kinds) -> tuple[Campaign | None, list[Mistake]]:
    """The campaign of a parsed file, its factors not yet spelt out, and every mistake found."""
    mistakes: list[Mistake] = []
    campaign: Campaign | None = _check(Campaign, raw, "", mistakes)
    parts = _Parts(raw, kinds, mistakes)
    deployments = tuple(parts.deployments())
    arrivals = parts.arrivals()
    rejuvenation = parts.rejuvenation()
    mistakes.extend(_cross_checks(raw, kinds))
    if campaign is not None:
        mistakes.extend(_of_load(campaign.load, deployments))
    mistakes.extend(_of_rejuvenation(rejuvenation, deployments))
    if mistakes or campaign is None:
        return None, mistakes
    load = campaign.load and campaign.load.model_copy(update={"arrivals": arrivals})
    updates = {"deployment": deployments, "load": load, "rejuvenation": rejuvenation}
    return campaign.model_copy(update=updates), mistakes


class _Parts:
    """The tables whose keys depend on the plug-in they name."""

    def __init__(self, raw: dict[str, Any], kinds: Kinds, mistakes: list[Mistake]) -> None:
        self._raw, self._kinds, self._mistakes = raw, kinds, mistakes

    def deployments(self) -> Iterator[SubjectOptions]:
        tables = self._raw.get("deployment")
        if not isinstance(tables, list):
            return
        for number, table in enumerate(tables):
            name = table.get("name") if isinstance(table, dict) else None
            where = f"deployment[{name if isinstance(name, str) else number}]"
            options = self._by_kind(table, where, "kind", "deployment", self._kinds.deployments)
            if isinstance(options, SubjectOptions):
                yield options

    def arrivals(self) -> ArrivalsOptions | None:
        load = self._raw.get("load")
        if not isinstance(load, dict) or "arrivals" not in load:
            return None  # the load table's own check has said so
        options = self._by_kind(load["arrivals"], "load.arrivals", "kind", "arrival process", self._kinds.arrivals)
        return options if isinstance(options, ArrivalsOptions) else None

    def rejuvenation(self) -> RejuvenationOptions | None:
        if "rejuvenation" not in self._raw:
            return None
        options = self._by_kind(
            self._raw["rejuvenation"], "rejuvenation", "policy", "rejuvenation policy", self._kinds.policies
        )
        return options if isinstance(options, RejuvenationOptions) else None

    def _by_kind(
        self, table: Any, where: str, key: str, noun: str, known: Mapping[str, type[BaseModel]]
    ) -> BaseModel | None:
        if not isinstance(table, dict):
            self._mistakes.append(Mistake(where, f"must be a table with `{key}`, got {table!r}"))
            return None
        kind = table.get(key)
        if not isinstance(kind, str) or kind not in known:
            what = f"`{key}` is missing" if kind is None else f"unknown {noun} {kind!r}"
            self._mistakes.append(Mistake(f"{where}.{key}", f"{what}; {_suggest(kind, known)}"))
            return None
        checked: BaseModel | None = _check(known[kind], table, where, self._mistakes)
        return checked


def _cross_checks(raw: dict[str, Any], kinds: Kinds) -> Iterator[Mistake]:
    """What no single table can know."""
    listed = raw.get("deployment")
    tables = [table for table in listed if isinstance(table, dict)] if isinstance(listed, list) else []
    for key in ("name", "port"):
        counts = Counter(table[key] for table in tables if isinstance(table.get(key), str | int))
        for value, count in counts.items():
            if count > 1:
                where = ", ".join(str(table.get("name", "?")) for table in tables if table.get(key) == value)
                yield Mistake(f"deployment.{key}", f"{value!r} is used {count} times ({where}); each needs its own")
    for table in tables:
        engine = table.get("engine")
        if isinstance(engine, str) and engine not in kinds.deployments:
            what = f"unknown deployment kind {engine!r}; {_suggest(engine, kinds.deployments)}"
            yield Mistake(f"deployment[{table.get('name', '?')}].engine", what)
    yield from _window(raw)
    names = {table["name"] for table in tables if isinstance(table.get("name"), str)}
    rejuvenation = raw.get("rejuvenation")
    if isinstance(rejuvenation, dict) and isinstance(rejuvenation.get("deployments"), list):
        for name in rejuvenation["deployments"]:
            if isinstance(name, str) and name not in names:
                yield Mistake("rejuvenation.deployments", f"no deployment is named {name!r}; {_suggest(name, names)}")
    for sampler in raw["sampling"] if isinstance(raw.get("sampling"), dict) else ():
        if sampler not in kinds.samplers:
            yield Mistake(f"sampling.{sampler}", f"unknown sampler; {_suggest(sampler, kinds.samplers)}")
    test = raw["analysis"].get("test") if isinstance(raw.get("analysis"), dict) else None
    if isinstance(test, str) and test not in kinds.tests:
        yield Mistake("analysis.test", f"unknown trend test {test!r}; {_suggest(test, kinds.tests)}")
    preset = raw["model"].get("preset") if isinstance(raw.get("model"), dict) else None
    if isinstance(preset, str) and preset not in kinds.presets:
        yield Mistake("model.preset", f"unknown preset {preset!r}; {_suggest(preset, kinds.presets)}")


def _of_load(load: LoadTable | None, deployments: Sequence[SubjectOptions]) -> Iterator[Mistake]:
    """What deployments say of a load that is not driven, and what they do not say of one that is."""
    for options in deployments:
        where = f"deployment[{options.name}]"
        if load is None and options.rate is not None:
            yield Mistake(f"{where}.rate", "there is no load to scale; leave it out, or describe a load in [load]")
        if load is not None and not options.answers:
            yield Mistake(
                f"{where}.url", 'is missing: the load needs an address; give it, or write `kind = "none"` under [load]'
            )


def _of_rejuvenation(
    rejuvenation: RejuvenationOptions | None, deployments: Sequence[SubjectOptions]
) -> Iterator[Mistake]:
    if rejuvenation is None:
        return
    for options in deployments:
        if not options.ours and (not rejuvenation.deployments or options.name in rejuvenation.deployments):
            yield Mistake(
                "rejuvenation.deployments",
                f"{options.name} was not started by the campaign, so it is never restarted; name the others only",
            )


def _window(raw: dict[str, Any]) -> Iterator[Mistake]:
    try:
        warmup, duration = parse_warmup(raw.get("warmup", "0s")), parse_duration(raw["duration"])
    except (KeyError, ValueError):
        return  # the table's own check has said so
    if warmup is not None and warmup >= duration:
        yield Mistake(
            "warmup",
            f"{warmup:g} s is not shorter than the duration of {duration:g} s: nothing would be left to analyse",
        )


def _check(table: type[BaseModel], raw: Any, where: str, mistakes: list[Mistake]) -> Any:
    try:
        return table.model_validate(raw)
    except ValidationError as error:
        mistakes.extend(_mistake(table, details, where) for details in error.errors())
        return None


def _mistake(table: type[BaseModel], details: Any, where: str) -> Mistake:
    path = _path(where, details["loc"])
    if details["type"] == "extra_forbidden":
        return Mistake(path, f"unknown key; {_suggest(details['loc'][-1], _keys(table, details['loc'][:-1]))}")
    return Mistake(path.removesuffix(".[key]"), _in_words(details))


def _in_words(details: Any) -> str:  # noqa: PLR0911 - a table of words
    """What was wrong and what would be right, as the writer of a TOML file calls it."""
    given, context = details["input"], details.get("ctx", {})
    match details["type"]:
        case "missing":
            return "is missing"
        case "value_error":
            return str(context["error"])
        case "tuple_type" | "list_type":
            return f'must be a list, like ["a", "b"], got {given!r}'
        case "dict_type":
            return f"must be a table, got {given!r}"
        case "too_short":
            return f"needs at least {context['min_length']}, got {context['actual_length']}"
        case "string_pattern_mismatch":
            what = "the name" if details["loc"][-1] == "[key]" else "the text"
            return f"{what} {given!r} does not match {context['pattern']}"
        case _:
            return f"{details['msg'][0].lower()}{details['msg'][1:]}, got {given!r}"


def _keys(table: type[BaseModel], path: tuple[Any, ...]) -> list[str]:
    """The keys of the (nested) table at ``path``."""
    for key in path:
        field = table.model_fields.get(key) if isinstance(key, str) else None
        inner = (
            [
                candidate
                for candidate in (field.annotation, *getattr(field.annotation, "__args__", ()))
                if isinstance(candidate, type) and issubclass(candidate, BaseModel)
            ]
            if field
            else []
        )
        if not inner:
            return []
        table = inner[0]
    return [field.alias or name for name, field in table.model_fields.items()]


def _path(where: str, loc: tuple[Any, ...]) -> str:
    path = where
    for key in loc:
        path += f"[{key}]" if isinstance(key, int) else f".{key}" if path else str(key)
    return path


def _suggest(word: Any, known: Any) -> str:
    options = sorted(option for option in known if isinstance(option, str))
    close = get_close_matches(str(word), options, n=1)
    return f"did you mean {close[0]!r}?" if close else "known: " + ", ".join(options)
