"""Expands the factors of a designed experiment into deployments, and reports each mistake with its key.

A factor is a key path of the campaign file whose value is replaced by its levels: ``load.arrivals.rate``,
``deployment[NAME].KEY``, or ``deployment.KEY`` for every deployment whose kind has that key. Each level is validated
alone, as if it were in the file, then each point as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from math import prod
from typing import Any

from pydantic import BaseModel

from aging.campaign.design.fractions import given_fraction, smallest_fraction
from aging.campaign.design.points import Point, chosen_points, fractional_factorial, full_factorial, with_centre
from aging.campaign.factor_levels import centre
from aging.campaign.key_paths import KeyPath, Raw, key_path
from aging.campaign.schema import Campaign, DesignTable, RejuvenationOptions, SubjectOptions, Treatment
from aging.core.errors import Mistake, MistakeCode, require

Checked = tuple[Campaign | None, Sequence[Mistake]]

_MOST_POINTS = 512


@dataclass(frozen=True, slots=True)
class _Factor:
    """A key path of the file and its levels."""

    at: KeyPath
    levels: Sequence[Any]

    @property
    def path(self) -> str:
        return self.at.path


def design_mistakes(
    raw: Raw, known: Mapping[str, type[BaseModel]], check: Callable[[Raw], Checked], before: Sequence[Mistake]
) -> list[Mistake]:
    """The mistakes in the factors and the design of a file; ``before`` are its mistakes without them.

    ``known`` are the option tables of deployments by kind; ``check`` validates a file without factors.
    """
    mistakes: list[Mistake] = []
    factors = list(_factors(raw, known, mistakes))
    if not raw.get("factors") and "design" in raw:
        what = "there are no factors; list keys and their levels in [factors]"
        mistakes.append(Mistake("design", what, MistakeCode.CONFLICT))
    if factors and isinstance(load := raw.get("load"), dict) and load.get("require_calibration") is True:
        what = "a calibration is valid for one load, and [factors] make several; leave this out"
        mistakes.append(Mistake("load.require_calibration", what, MistakeCode.CONFLICT))
    design = _design(raw)
    if mistakes or before or design is None or not factors:
        return [*mistakes, *_level_mistakes(raw, factors, check, before)]
    try:
        points = points_of(design, _levels(factors))
    except ValueError as error:
        return [*_level_mistakes(raw, factors, check, before), Mistake("design", str(error))]
    names = {table["name"] for table in raw["deployment"]}
    for base in names:
        if clash := names & {_name(base, point, len(points)) for point in points}:
            what = f"{', '.join(clash)} is the name of a point of {base}; rename it"
            mistakes.append(Mistake("deployment.name", what, MistakeCode.DUPLICATE_NAME))
    wrong = list(_point_mistakes(raw, factors, points, check))
    # A level that is invalid alone can be valid together with levels of other factors: then nothing is reported.
    return [*mistakes, *((_level_mistakes(raw, factors, check, before) or wrong) if wrong else ())]


def expand_factors(
    campaign: Campaign, raw: Raw, known: Mapping[str, type[BaseModel]], check: Callable[[Raw], Checked]
) -> Campaign:
    """The campaign with one deployment per point of its design. ``raw`` must be free of mistakes."""
    factors = list(_factors(raw, known, []))
    if not factors:
        return campaign
    points = points_of(campaign.design, _levels(factors))
    made: dict[str, SubjectOptions] = {}
    treatments: dict[str, Treatment] = {}
    at = {point.number: check(_at(raw, factors, point))[0] for point in points}
    for place, base in enumerate(campaign.deployment):
        mine = [factor.path for factor in factors if factor.at.of_load or place in factor.at.places]
        if not mine:
            made[base.name] = base
        for point in _distinct(points, mine) if mine else ():
            varied = require(at[point.number], f"the campaign of design point {point.number}")
            name = _name(base.name, point, len(points))
            # Points of one deployment share its port, so they take turns.
            made[name] = varied.deployment[place].model_copy(update={"name": name, "slot": base.slot or base.name})
            levels = {path: point.levels[path] for path in mine}
            treatments[name] = Treatment(base.name, point.number, point.centre, levels, varied.load)
    return _renamed(campaign, treatments).with_treatments(list(made.values()), treatments)


def points_of(design: DesignTable, factors: Mapping[str, Sequence[Any]]) -> tuple[Point, ...]:
    """The points of a design over these factors. Raises ValueError with the reason and the remedy."""
    match design.kind:
        case "full":
            count = prod(len(levels) for levels in factors.values())
            if count > _MOST_POINTS:
                raise ValueError(f'a full design has {count} points, over {_MOST_POINTS}; use `kind = "fractional"`')
            points = full_factorial(factors)
        case "fractional":
            points = _fraction(design, factors)
        case "custom":
            points = _custom(design.rows, factors)
    if not design.centre_points:
        return points
    return with_centre(points, {path: centre(levels) for path, levels in factors.items()}, design.centre_points)


def _fraction(design: DesignTable, factors: Mapping[str, Sequence[Any]]) -> tuple[Point, ...]:
    resolution = require(design.resolution, "the resolution of a fractional design")
    for path, levels in factors.items():
        if len(levels) != 2:
            raise ValueError(f"a fractional design requires two levels per factor; {path} has {len(levels)}")
    if not design.generators:
        return fractional_factorial(factors, smallest_fraction(len(factors), resolution))
    fraction = given_fraction(len(factors), design.generators)
    if fraction.resolution < resolution:
        raise ValueError(
            f"the generators give a design of resolution {fraction.resolution}, not the requested {resolution}; "
            "leave them out to use those of a published table"
        )
    return fractional_factorial(factors, fraction)


def _custom(rows: Sequence[Sequence[Any]], factors: Mapping[str, Sequence[Any]]) -> tuple[Point, ...]:
    for number, row in enumerate(rows, start=1):
        if len(row) != len(factors):
            raise ValueError(
                f"row {number} has {len(row)} levels, but there are {len(factors)} factors: {', '.join(factors)}"
            )
        for level, (path, levels) in zip(row, factors.items(), strict=True):
            if level not in levels:
                raise ValueError(
                    f"row {number}: {level!r} is not a level of {path}; known: {', '.join(map(repr, levels))}"
                )
    return chosen_points([dict(zip(factors, row, strict=True)) for row in rows])


def _factors(raw: Raw, known: Mapping[str, type[BaseModel]], mistakes: list[Mistake]) -> Iterator[_Factor]:
    written = raw.get("factors")
    for path, levels in written.items() if isinstance(written, dict) else ():
        where = f'factors."{path}"'
        at = key_path(raw, known, path, where)
        if isinstance(at, Mistake) and at.code is MistakeCode.INVALID_VALUE:
            mistakes.append(at)
            continue
        if not isinstance(levels, list) or len(levels) < 2:
            continue  # validate_table has reported it
        if len({repr(level) for level in levels}) < len(levels):
            what = f"has a level twice: {', '.join(map(repr, levels))}"
            mistakes.append(Mistake(where, what, MistakeCode.DUPLICATE_NAME))
        elif isinstance(at, Mistake):
            mistakes.append(at)
        elif at is not None:
            yield _Factor(at, levels)


def _point_mistakes(
    raw: Raw, factors: Sequence[_Factor], points: Sequence[Point], check: Callable[[Raw], Checked]
) -> Iterator[Mistake]:
    for point in points:
        where = f"design point {point.number}"
        try:
            varied = _at(raw, factors, point)
        except (TypeError, AttributeError):
            yield Mistake(where, "a part of a key path is not a table", MistakeCode.WRONG_TYPE)
            continue
        for mistake in check(varied)[1]:
            yield Mistake(where, f"{_levels_text(point)}: {mistake}", mistake.code)


def _level_mistakes(
    raw: Raw, factors: Sequence[_Factor], check: Callable[[Raw], Checked], before: Sequence[Mistake]
) -> list[Mistake]:
    """The mistakes of each level alone in the file; a mistake of all levels of a factor is reported once."""
    return [mistake for factor in factors for mistake in _factor_mistakes(raw, factor, check, before)]


def _factor_mistakes(
    raw: Raw, factor: _Factor, check: Callable[[Raw], Checked], before: Sequence[Mistake]
) -> Iterator[Mistake]:
    found: dict[tuple[str, MistakeCode], list[Any]] = {}
    for level in factor.levels:
        varied = _without_design(raw)
        try:
            factor.at.put(varied, level)
        except (TypeError, AttributeError):
            what = f"there is no table {'.'.join(factor.at.keys[:-1])}"
            found.setdefault((what, MistakeCode.UNKNOWN_KEY), []).append(level)
            continue
        for mistake in check(varied)[1]:
            if mistake not in before:
                found.setdefault((mistake.what, mistake.code), []).append(level)
    for (what, code), levels in found.items():
        distinct = list(dict.fromkeys(map(repr, levels)))
        which = "" if len(distinct) == len(factor.levels) else f"level {', '.join(distinct)}: "
        yield Mistake(f'factors."{factor.path}"', which + what, code)


def _at(raw: Raw, factors: Sequence[_Factor], point: Point) -> dict[str, Any]:
    varied = _without_design(raw)
    for factor in factors:
        factor.at.put(varied, point.levels[factor.path])
    return varied


def _without_design(raw: Raw) -> dict[str, Any]:
    return deepcopy({key: value for key, value in raw.items() if key not in ("factors", "design")})


def _distinct(points: Sequence[Point], paths: Sequence[str]) -> Iterator[Point]:
    """The points that differ in these factors; repeats of a centre point are kept."""
    seen = set()
    for point in points:
        key = tuple(repr(point.levels[path]) for path in paths)
        if key not in seen or point.centre:
            seen.add(key)
            yield point


def _renamed(campaign: Campaign, treatments: Mapping[str, Treatment]) -> Campaign:
    """The campaign with every deployment named in [rejuvenation] replaced by its points."""
    bases = {one.base for one in treatments.values()}

    def renamed(table: RejuvenationOptions) -> RejuvenationOptions:
        made = [name for name, treatment in treatments.items() if treatment.base in table.deployments]
        kept = [name for name in table.deployments if name not in bases]
        return table.model_copy(update={"deployments": (*kept, *made)})

    return campaign.model_copy(update={"rejuvenation": tuple(renamed(table) for table in campaign.rejuvenation)})


def _design(raw: Raw) -> DesignTable | None:
    table = raw.get("design", {})
    try:
        return DesignTable.model_validate(table)
    except ValueError:
        return None  # validate_table has reported it


def _levels(factors: Sequence[_Factor]) -> dict[str, Sequence[Any]]:
    return {factor.path: factor.levels for factor in factors}


def _name(base: str, point: Point, points: int) -> str:
    return f"{base}-p{point.number:0{max(len(str(points)), 2)}d}"


def _levels_text(point: Point) -> str:
    return ", ".join(f"{path} = {level!r}" for path, level in point.levels.items())
