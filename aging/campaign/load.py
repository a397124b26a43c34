"""Reads and validates a campaign file; all mistakes are reported together, each with its key."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aging.campaign.errors import Choice, suggestion, validate_by_kind, validate_table
from aging.campaign.factors import design_mistakes, expand_factors
from aging.campaign.load_tables import load_mistakes, typed_tables
from aging.campaign.rejuvenation import Candidate, Capability, Surroundings, rejuvenation_mistakes
from aging.campaign.schema import (
    ArrivalsOptions,
    Campaign,
    LengthsOptions,
    RejuvenationOptions,
    SubjectOptions,
)
from aging.core.errors import CampaignError, Mistake, MistakeCode
from aging.core.quantities import parse_duration
from aging.core.units import parse_warmup

__all__ = [
    "STUDY_KEYS",
    "CampaignText",
    "Kinds",
    "campaign_of",
    "check_kind",
    "load_campaign",
    "of_a_study",
    "parse_campaign",
    "read_campaign",
]

STUDY_KEYS = frozenset(
    (
        *("attempts", "campaign", "files", "hosts", "matrix", "patience", "replicates", "results"),
        *("accelerator", "alike", "apart", "count", "cpus", "devices", "driver", "exclusive", "gpus", "labels"),
        *("memory", "scratch"),
    )
)
"""The keys of a study file and of its `[hosts]` that no campaign file has (``aging.study.schema``)."""


@dataclass(frozen=True, slots=True)
class Kinds:
    """The plug-ins that a campaign file can name; those with keys of their own as option tables by kind."""

    deployments: Mapping[str, type[SubjectOptions]]
    arrivals: Mapping[str, type[ArrivalsOptions]]
    lengths: Mapping[str, type[LengthsOptions]]
    policies: Mapping[str, type[RejuvenationOptions]]
    samplers: Collection[str]
    tests: Collection[str]
    presets: frozenset[str]
    capability: Callable[[SubjectOptions], Capability] = lambda _: Capability()


@dataclass(frozen=True, slots=True)
class CampaignText:
    """The text of a campaign file, and its name in messages.

    ``judged_by`` are the conditions of an observation, stored with its results for what resumes it.
    """

    text: str
    source: str
    judged_by: Sequence[str] | None = None


def load_campaign(path: Path, kinds: Kinds, **overrides: Any) -> Campaign:
    """Read and validate a campaign file; ``overrides`` replace top-level keys, as written in TOML.

    Raises :class:`CampaignError` with every mistake.
    """
    return parse_campaign(read_campaign(path).text, kinds, source=str(path), **overrides)


def read_campaign(path: Path) -> CampaignText:
    """Read a campaign file, verbatim. Raises :class:`CampaignError` if it cannot be read."""
    try:
        return CampaignText(path.read_bytes().decode("utf-8"), str(path))
    except OSError as error:
        unreadable = Mistake("", f"cannot be read: {error.strerror}", MistakeCode.UNREADABLE_FILE)
        raise CampaignError(str(path), [unreadable]) from None
    except UnicodeDecodeError as error:
        unreadable = Mistake("", f"is not UTF-8 text: {error.reason}", MistakeCode.UNREADABLE_FILE)
        raise CampaignError(str(path), [unreadable]) from None


def parse_campaign(text: str, kinds: Kinds, source: str = "campaign", **overrides: Any) -> Campaign:
    """Validate the text of a campaign file. Raises :class:`CampaignError` with every mistake."""
    try:
        raw = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise CampaignError(source, [Mistake("", f"is not TOML: {error}", MistakeCode.NOT_TOML)]) from None
    check_kind(raw, source)
    return campaign_of(raw | {key: value for key, value in overrides.items() if value is not None}, kinds, source)


def of_a_study(raw: Mapping[str, Any]) -> bool:
    """Whether tables are those of a study file: with ``campaign``, or without a deployment and with a study's keys."""
    return "campaign" in raw or ("deployment" not in raw and not STUDY_KEYS.isdisjoint(raw))


def check_kind(raw: Mapping[str, Any], source: str) -> None:
    """Refuse an empty file, and a study file in place of a campaign file. Raises :class:`CampaignError`."""
    if not raw:
        needed = [name for name, field in Campaign.model_fields.items() if field.is_required()]
        keys = ", ".join(f"`{key}`" for key in needed)
        what = f"is empty; a campaign file needs {keys}; a study file needs `name` and `campaign`"
        raise CampaignError(source, [Mistake("", what, MistakeCode.MISSING_KEY)])
    if "deployment" in raw or not of_a_study(raw):
        return
    if "campaign" in raw:
        what = "is a study file; run it on a cluster (--cluster ADDRESS), or one of its cells here (--cell N)"
        raise CampaignError(source, [Mistake("", what, MistakeCode.CONFLICT)])
    has = ", ".join(f"`{key}`" for key in raw if key in STUDY_KEYS)
    what = f'is missing; a file with {has} is a study file, which names the campaign of its cells: campaign = "FILE"'
    raise CampaignError(source, [Mistake("campaign", what, MistakeCode.MISSING_KEY)])


def campaign_of(raw: Mapping[str, Any], kinds: Kinds, source: str = "campaign") -> Campaign:
    """Validate the tables of a campaign file. Raises :class:`CampaignError` with every mistake."""

    def validate(raw: Mapping[str, Any]) -> tuple[Campaign | None, list[Mistake]]:
        return _validate(dict(raw), kinds)

    campaign, mistakes = validate(raw)
    mistakes += design_mistakes(raw, kinds.deployments, validate, mistakes)
    if mistakes or campaign is None:
        raise CampaignError(source, mistakes)
    return expand_factors(campaign, raw, kinds.deployments, validate)


def _validate(raw: dict[str, Any], kinds: Kinds) -> tuple[Campaign | None, list[Mistake]]:
    """The campaign of a parsed file, its factors not yet expanded, and every mistake."""
    mistakes: list[Mistake] = []
    campaign: Campaign | None = validate_table(Campaign, raw, "", mistakes)
    parts = _Parts(raw, kinds, mistakes)
    deployments = tuple(parts.deployments())
    load = typed_tables(
        None if campaign is None else campaign.load, raw.get("load"), kinds.arrivals, kinds.lengths, mistakes
    )
    rejuvenation = tuple(parts.rejuvenation())
    mistakes.extend(_cross_checks(raw, kinds))
    if campaign is not None:
        mistakes.extend(load_mistakes(load, deployments))
    if rejuvenation or any(options.rejuvenation is not None for options in deployments):
        candidates = [Candidate(options, kinds.capability(options)) for options in deployments]
        mistakes.extend(rejuvenation_mistakes(rejuvenation, candidates, _surroundings(raw)))
    if mistakes or campaign is None:
        return None, mistakes
    updates = {"deployment": deployments, "load": load, "rejuvenation": rejuvenation}
    return campaign.model_copy(update=updates), mistakes


_FAULTY = RejuvenationOptions(policy="faulty")
"""In the place of a table with mistakes, which have been reported."""


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
            choice = Choice("kind", "deployment", self._kinds.deployments)
            options = validate_by_kind(table, where, choice, self._mistakes)
            if isinstance(options, SubjectOptions):
                yield options

    def rejuvenation(self) -> Iterator[RejuvenationOptions]:
        given = self._raw.get("rejuvenation", [])
        tables = given if isinstance(given, list) else [given]
        choice = Choice("policy", "rejuvenation policy", self._kinds.policies)
        for number, table in enumerate(tables):
            name = table.get("name") if isinstance(table, dict) else None
            which = name if isinstance(name, str) else number
            where = "rejuvenation" if len(tables) == 1 else f"rejuvenation[{which}]"
            inner, checked = table.get("inner") if isinstance(table, dict) else None, None
            if isinstance(inner, dict):  # its keys are named, and suggested, as those of any other table
                checked = validate_by_kind(inner, f"{where}.inner", choice, self._mistakes)
                table = {**table, "inner": checked or _FAULTY}  # noqa: PLW2901 - then its other keys
            options = validate_by_kind(table, where, choice, self._mistakes)
            if isinstance(options, RejuvenationOptions) and (checked is not None or not isinstance(inner, dict)):
                yield options


def _surroundings(raw: Mapping[str, Any]) -> Surroundings:
    """What `[rejuvenation]` tables depend on, read from a file that may have mistakes."""
    load, given = raw.get("load"), raw.get("rejuvenation", [])
    tables = [table for table in (given if isinstance(given, list) else [given]) if isinstance(table, dict)]
    labels = [label for table in tables if isinstance(label := table.get("name", table.get("policy")), str)]
    if not isinstance(load, dict):
        return Surroundings(labels, load=True, objectives=True)
    classes = load.get("class")
    parts = [load, *(part for part in (classes if isinstance(classes, list) else []) if isinstance(part, dict))]
    return Surroundings(labels, load.get("kind") != "none", any("objectives" in part for part in parts))


def _cross_checks(raw: dict[str, Any], kinds: Kinds) -> Iterator[Mistake]:
    """Mistakes that involve several tables, or names of plug-ins."""
    listed = raw.get("deployment")
    tables = [table for table in listed if isinstance(table, dict)] if isinstance(listed, list) else []
    for key in ("name", "port"):
        counts = Counter(table[key] for table in tables if isinstance(table.get(key), str | int))
        for value, count in counts.items():
            if count > 1:
                where = ", ".join(str(table.get("name", "?")) for table in tables if table.get(key) == value)
                what = f"{value!r} is used {count} times ({where}); choose a different {key} for each"
                yield Mistake(f"deployment.{key}", what, MistakeCode.DUPLICATE_NAME)
    for table in tables:
        engine = table.get("engine")
        if isinstance(engine, str) and engine not in kinds.deployments:
            what = f"unknown deployment kind {engine!r}; {suggestion(engine, kinds.deployments)}"
            yield Mistake(f"deployment[{table.get('name', '?')}].engine", what, MistakeCode.UNKNOWN_NAME)
    yield from _baseline_mistakes(tables)
    yield from _window_mistakes(raw)
    names = {table["name"] for table in tables if isinstance(table.get("name"), str)}
    given = raw.get("rejuvenation")
    for one in given if isinstance(given, list) else [given]:
        listed = one.get("deployments") if isinstance(one, dict) else None
        for name in listed if isinstance(listed, list) else ():
            if isinstance(name, str) and name not in names:
                what = f"no deployment is named {name!r}; {suggestion(name, names)}"
                yield Mistake("rejuvenation.deployments", what, MistakeCode.UNKNOWN_NAME)
    for sampler in raw["sampling"] if isinstance(raw.get("sampling"), dict) else ():
        if sampler not in kinds.samplers:
            what = f"unknown sampler; {suggestion(sampler, kinds.samplers)}"
            yield Mistake(f"sampling.{sampler}", what, MistakeCode.UNKNOWN_NAME)
    test = raw["analysis"].get("test") if isinstance(raw.get("analysis"), dict) else None
    if isinstance(test, str) and test not in kinds.tests:
        what = f"unknown trend test {test!r}; {suggestion(test, kinds.tests)}"
        yield Mistake("analysis.test", what, MistakeCode.UNKNOWN_NAME)
    preset = raw["model"].get("preset") if isinstance(raw.get("model"), dict) else None
    if isinstance(preset, str) and preset not in kinds.presets:
        what = f"unknown preset {preset!r}; {suggestion(preset, kinds.presets)}"
        yield Mistake("model.preset", what, MistakeCode.UNKNOWN_NAME)


def _baseline_mistakes(tables: Sequence[Mapping[str, Any]]) -> Iterator[Mistake]:
    """Mistakes of the keys `baseline_of`: each names another deployment, which is no baseline and has no other one."""
    baselines = {table.get("name", "?"): table["baseline_of"] for table in tables if "baseline_of" in table}
    judged = [table["name"] for table in tables if isinstance(table.get("name"), str) and "baseline_of" not in table]
    for name, of in baselines.items():
        where = f"deployment[{name}].baseline_of"
        if of not in judged:
            yield Mistake(
                where, f"no judged deployment is named {of!r}; {suggestion(of, judged)}", MistakeCode.CONFLICT
            )
        elif (others := [other for other, judges in baselines.items() if judges == of]) and others[0] != name:
            yield Mistake(where, f"{of!r} has a baseline already, {others[0]!r}; it has one", MistakeCode.CONFLICT)


def _window_mistakes(raw: dict[str, Any]) -> Iterator[Mistake]:
    try:
        warmup, duration = parse_warmup(raw.get("warmup", "0s")), parse_duration(raw["duration"])
    except (KeyError, ValueError):
        return  # validate_table has reported it
    if warmup is not None and warmup >= duration:
        what = f"{warmup:g} s is not shorter than the duration of {duration:g} s; shorten the warm-up"
        yield Mistake("warmup", what, MistakeCode.CONFLICT)
