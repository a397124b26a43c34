"""The campaign file: read, checked as a whole, every mistake reported at once with its key."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aging.campaign.errors import Choice, by_kind, checked, suggestion
from aging.campaign.factors import design_mistakes, expanded
from aging.campaign.load_tables import of_load, with_kinds
from aging.campaign.schema import (
    ArrivalsOptions,
    Campaign,
    LengthsOptions,
    RejuvenationOptions,
    SubjectOptions,
)
from aging.core.errors import CampaignError, Mistake
from aging.core.quantities import parse_duration
from aging.core.units import parse_warmup

__all__ = ["CampaignText", "Kinds", "load_campaign", "parse_campaign", "read_campaign"]


@dataclass(frozen=True, slots=True)
class Kinds:
    """The plug-ins a campaign file may name, as the tables their keys are checked against."""

    deployments: Mapping[str, type[SubjectOptions]]
    arrivals: Mapping[str, type[ArrivalsOptions]]
    lengths: Mapping[str, type[LengthsOptions]]
    policies: Mapping[str, type[RejuvenationOptions]]
    samplers: frozenset[str]
    tests: Collection[str]
    presets: frozenset[str]


@dataclass(frozen=True, slots=True)
class CampaignText:
    """The text of a campaign file, and what it is called in messages."""

    text: str
    source: str


def load_campaign(path: Path, kinds: Kinds, **overrides: Any) -> Campaign:
    """Read and check a campaign file; ``overrides`` replace top-level keys, as written in TOML.

    Raises :class:`CampaignError` with every mistake found.
    """
    return parse_campaign(read_campaign(path).text, kinds, source=str(path), **overrides)


def read_campaign(path: Path) -> CampaignText:
    """A campaign file, verbatim. Raises :class:`CampaignError` where it cannot be read."""
    try:
        return CampaignText(path.read_bytes().decode("utf-8"), str(path))
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
    campaign: Campaign | None = checked(Campaign, raw, "", mistakes)
    parts = _Parts(raw, kinds, mistakes)
    deployments = tuple(parts.deployments())
    load = with_kinds(
        None if campaign is None else campaign.load, raw.get("load"), kinds.arrivals, kinds.lengths, mistakes
    )
    rejuvenation = parts.rejuvenation()
    mistakes.extend(_cross_checks(raw, kinds))
    if campaign is not None:
        mistakes.extend(of_load(load, deployments))
    mistakes.extend(_of_rejuvenation(rejuvenation, deployments))
    if mistakes or campaign is None:
        return None, mistakes
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
            options = by_kind(table, where, Choice("kind", "deployment", self._kinds.deployments), self._mistakes)
            if isinstance(options, SubjectOptions):
                yield options

    def rejuvenation(self) -> RejuvenationOptions | None:
        if "rejuvenation" not in self._raw:
            return None
        table, policies = self._raw["rejuvenation"], self._kinds.policies
        options = by_kind(table, "rejuvenation", Choice("policy", "rejuvenation policy", policies), self._mistakes)
        return options if isinstance(options, RejuvenationOptions) else None


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
            what = f"unknown deployment kind {engine!r}; {suggestion(engine, kinds.deployments)}"
            yield Mistake(f"deployment[{table.get('name', '?')}].engine", what)
    yield from _window(raw)
    names = {table["name"] for table in tables if isinstance(table.get("name"), str)}
    rejuvenation = raw.get("rejuvenation")
    if isinstance(rejuvenation, dict) and isinstance(rejuvenation.get("deployments"), list):
        for name in rejuvenation["deployments"]:
            if isinstance(name, str) and name not in names:
                yield Mistake("rejuvenation.deployments", f"no deployment is named {name!r}; {suggestion(name, names)}")
    for sampler in raw["sampling"] if isinstance(raw.get("sampling"), dict) else ():
        if sampler not in kinds.samplers:
            yield Mistake(f"sampling.{sampler}", f"unknown sampler; {suggestion(sampler, kinds.samplers)}")
    test = raw["analysis"].get("test") if isinstance(raw.get("analysis"), dict) else None
    if isinstance(test, str) and test not in kinds.tests:
        yield Mistake("analysis.test", f"unknown trend test {test!r}; {suggestion(test, kinds.tests)}")
    preset = raw["model"].get("preset") if isinstance(raw.get("model"), dict) else None
    if isinstance(preset, str) and preset not in kinds.presets:
        yield Mistake("model.preset", f"unknown preset {preset!r}; {suggestion(preset, kinds.presets)}")


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
