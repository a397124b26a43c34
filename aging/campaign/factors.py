"""From factors to deployments: a designed experiment spelt out, each of its mistakes told with its key.

A factor is a key path of the campaign file, whose levels are put in its place: ``load.arrivals.rate``,
``deployment[NAME].KEY``, or ``deployment.KEY`` for every deployment whose kind has such a key. Each level is checked
by itself, as if it stood in the file, then each point as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from math import prod
from typing import Any

from pydantic import BaseModel

from aging.campaign.design.fractions import given_fraction, smallest_fraction
from aging.campaign.design.points import Point, chosen_points, fractional_factorial, full_factorial, with_centre
from aging.campaign.factor_levels import centre
from aging.campaign.schema import Campaign, DesignTable, SubjectOptions, Treatment
from aging.core.errors import Mistake, needed

Raw = Mapping[str, Any]
Checked = tuple[Campaign | None, Sequence[Mistake]]

_PATH = re.compile(
    r"(?:deployment(?:\[(?P<name>[^\]]*)\])?|(?P<load>load))\.(?P<keys>[A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*)*)"
)
_IDENTITY = ("name", "kind", "port", "slot")
_MOST_POINTS = 512


@dataclass(frozen=True, slots=True)
class _Factor:
    """One factor: the path as it is written, its levels, and the places of the deployments that it concerns."""

    path: str
    levels: Sequence[Any]
    keys: Sequence[str]
    of_load: bool
    places: Sequence[int]

    def put(self, raw: dict[str, Any], level: Any) -> None:
        """Put a level where the path says. Raises TypeError where something else than a table is on the way."""
        for table in [raw["load"]] if self.of_load else [raw["deployment"][place] for place in self.places]:
            inner = table
            for key in self.keys[:-1]:
                inner = inner.setdefault(key, {})
            inner[self.keys[-1]] = level


def design_mistakes(
    raw: Raw, known: Mapping[str, type[BaseModel]], check: Callable[[Raw], Checked], before: Sequence[Mistake]
) -> list[Mistake]:
    """What is wrong with the factors and the design of a file that has the mistakes ``before`` anyway.

    ``known`` are the kinds of deployments with their keys; ``check`` checks a file without factors.
    """
    mistakes: list[Mistake] = []
    factors = list(_factors(raw, known, mistakes))
    if not raw.get("factors") and "design" in raw:
        mistakes.append(Mistake("design", "there is nothing to design; name what varies in [factors]"))
    if factors and isinstance(load := raw.get("load"), dict) and load.get("require_calibration") is True:
        many = "a calibration is of one load, and [factors] make many of it; leave this out"
        mistakes.append(Mistake("load.require_calibration", many))
    design = _design(raw)
    if mistakes or before or design is None or not factors:
        return [*mistakes, *_of_levels(raw, factors, check, before)]
    try:
        points = points_of(design, _levels(factors))
    except ValueError as error:
        return [*_of_levels(raw, factors, check, before), Mistake("design", str(error))]
    names = {table["name"] for table in raw["deployment"]}
    for base in names:
        if clash := names & {_name(base, point, len(points)) for point in points}:
            mistakes.append(
                Mistake("deployment.name", f"{', '.join(clash)} is the name of a point of {base}; rename it")
            )
    wrong = list(_of_points(raw, factors, points, check))
    # A level that is wrong by itself may be right beside those of other factors, and then nothing is wrong.
    return [*mistakes, *((_of_levels(raw, factors, check, before) or wrong) if wrong else ())]


def expanded(
    campaign: Campaign, raw: Raw, known: Mapping[str, type[BaseModel]], check: Callable[[Raw], Checked]
) -> Campaign:
    """The campaign with a deployment for every point of its design; a file without mistakes is expected."""
    factors = list(_factors(raw, known, []))
    if not factors:
        return campaign
    points = points_of(campaign.design, _levels(factors))
    made: dict[str, SubjectOptions] = {}
    treatments: dict[str, Treatment] = {}
    at = {point.number: check(_at(raw, factors, point))[0] for point in points}
    for place, base in enumerate(campaign.deployment):
        mine = [factor.path for factor in factors if factor.of_load or place in factor.places]
        if not mine:
            made[base.name] = base
        for point in _distinct(points, mine) if mine else ():
            varied = needed(at[point.number], f"the campaign of design point {point.number}")
            name = _name(base.name, point, len(points))
            # Points of one deployment share its port, so they take turns.
            made[name] = varied.deployment[place].model_copy(update={"name": name, "slot": base.slot or base.name})
            levels = {path: point.levels[path] for path in mine}
            treatments[name] = Treatment(base.name, point.number, point.centre, levels, varied.load)
    return _renamed(campaign, treatments).treated(list(made.values()), treatments)


def points_of(design: DesignTable, factors: Mapping[str, Sequence[Any]]) -> tuple[Point, ...]:
    """The points of a design over these factors. Raises ValueError saying why there are none and what would be."""
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
    resolution = needed(design.resolution, "the resolution of a fractional design")
    for path, levels in factors.items():
        if len(levels) != 2:
            raise ValueError(f"a fraction is of factors of two levels; {path} has {len(levels)}")
    if not design.generators:
        return fractional_factorial(factors, smallest_fraction(len(factors), resolution))
    fraction = given_fraction(len(factors), design.generators)
    if fraction.resolution < resolution:
        raise ValueError(
            f"the generators make a design of resolution {fraction.resolution}, not the {resolution} asked for; "
            "leave them out to get one that has it"
        )
    return fractional_factorial(factors, fraction)


def _custom(rows: Sequence[Sequence[Any]], factors: Mapping[str, Sequence[Any]]) -> tuple[Point, ...]:
    for number, row in enumerate(rows, start=1):
        if len(row) != len(factors):
            raise ValueError(
                f"row {number} has {len(row)} levels; there are {len(factors)} factors: {', '.join(factors)}"
            )
        for level, (path, levels) in zip(row, factors.items(), strict=True):
            if level not in levels:
                raise ValueError(
                    f"row {number}: {level!r} is no level of {path}; they are {', '.join(map(repr, levels))}"
                )
    return chosen_points([dict(zip(factors, row, strict=True)) for row in rows])


def _factors(raw: Raw, known: Mapping[str, type[BaseModel]], mistakes: list[Mistake]) -> Iterator[_Factor]:
    written = raw.get("factors")
    for path, levels in written.items() if isinstance(written, dict) else ():
        where = f'factors."{path}"'
        match = _PATH.fullmatch(path)
        if match is None:
            what = (
                'is not a key path; write "load.arrivals.rate", "deployment.KEY" or "deployment[NAME].KEY", in quotes'
            )
            mistakes.append(Mistake(where, what))
            continue
        if not isinstance(levels, list) or len(levels) < 2:
            continue  # the table's own check has said so
        if len({repr(level) for level in levels}) < len(levels):
            mistakes.append(Mistake(where, f"has a level twice: {', '.join(map(repr, levels))}"))
            continue
        factor = _Factor(path, levels, match["keys"].split("."), of_load=match["load"] is not None, places=())
        if factor.of_load:
            yield from _of_load(raw, where, factor, mistakes)
            continue
        places, wrong = _of_deployments(raw, known, factor, match["name"])
        if places:
            yield replace(factor, places=places)
        else:
            mistakes.append(Mistake(where, wrong))


def _of_load(raw: Raw, where: str, factor: _Factor, mistakes: list[Mistake]) -> Iterator[_Factor]:
    rated = [str(table.get("name")) for table in _deployments(raw) if "rate" in table]
    if factor.keys == ["arrivals", "rate"] and rated:
        what = (
            f"would change nothing for {', '.join(rated)}, with a rate of their own; leave that out or vary it instead"
        )
        mistakes.append(Mistake(where, what))
    elif isinstance(raw.get("load"), dict):
        yield factor


def _of_deployments(
    raw: Raw, known: Mapping[str, type[BaseModel]], factor: _Factor, name: str | None
) -> tuple[Sequence[int], str]:
    """The places of the deployments that a factor concerns, and what is wrong where there are none."""
    tables = list(_deployments(raw))
    if factor.keys[0] in _IDENTITY:
        return (), f"{factor.keys[0]} tells deployments apart; it cannot be a factor"
    if name is None:
        places = [place for place, table in enumerate(tables) if factor.keys[0] in _keys(table, known)]
        return places, f"no deployment's kind has a key {factor.keys[0]!r}"
    places = [place for place, table in enumerate(tables) if table.get("name") == name]
    return places, f"no deployment is named {name!r}; there are: {', '.join(str(one.get('name')) for one in tables)}"


def _of_points(
    raw: Raw, factors: Sequence[_Factor], points: Sequence[Point], check: Callable[[Raw], Checked]
) -> Iterator[Mistake]:
    for point in points:
        where = f"design point {point.number}"
        try:
            varied = _at(raw, factors, point)
        except (TypeError, AttributeError):
            yield Mistake(where, "a key path leads through something that is no table")
            continue
        for mistake in check(varied)[1]:
            yield Mistake(where, f"{_told(point)}: {mistake}")


def _of_levels(
    raw: Raw, factors: Sequence[_Factor], check: Callable[[Raw], Checked], before: Sequence[Mistake]
) -> list[Mistake]:
    """What each level would be told if it stood in the file by itself; what all of a factor would be told, once."""
    return [mistake for factor in factors for mistake in _of_factor(raw, factor, check, before)]


def _of_factor(
    raw: Raw, factor: _Factor, check: Callable[[Raw], Checked], before: Sequence[Mistake]
) -> Iterator[Mistake]:
    told: dict[str, list[Any]] = {}
    for level in factor.levels:
        varied = _without_design(raw)
        try:
            factor.put(varied, level)
        except (TypeError, AttributeError):
            told.setdefault(f"there is no table {'.'.join(factor.keys[:-1])}", []).append(level)
            continue
        for mistake in check(varied)[1]:
            if mistake not in before:
                told.setdefault(mistake.what, []).append(level)
    for what, levels in told.items():
        distinct = list(dict.fromkeys(map(repr, levels)))
        which = "" if len(distinct) == len(factor.levels) else f"level {', '.join(distinct)}: "
        yield Mistake(f'factors."{factor.path}"', which + what)


def _at(raw: Raw, factors: Sequence[_Factor], point: Point) -> dict[str, Any]:
    varied = _without_design(raw)
    for factor in factors:
        factor.put(varied, point.levels[factor.path])
    return varied


def _without_design(raw: Raw) -> dict[str, Any]:
    return deepcopy({key: value for key, value in raw.items() if key not in ("factors", "design")})


def _distinct(points: Sequence[Point], paths: Sequence[str]) -> Iterator[Point]:
    """The points that differ in these factors; a centre point is one however often it comes."""
    seen = set()
    for point in points:
        key = tuple(repr(point.levels[path]) for path in paths)
        if key not in seen or point.centre:
            seen.add(key)
            yield point


def _renamed(campaign: Campaign, treatments: Mapping[str, Treatment]) -> Campaign:
    """What names deployments means all points of each."""
    rejuvenation = campaign.rejuvenation
    if rejuvenation is None or not rejuvenation.deployments:
        return campaign
    made = [name for name, treatment in treatments.items() if treatment.base in rejuvenation.deployments]
    kept = [name for name in rejuvenation.deployments if name not in {one.base for one in treatments.values()}]
    return campaign.model_copy(update={"rejuvenation": rejuvenation.model_copy(update={"deployments": (*kept, *made)})})


def _design(raw: Raw) -> DesignTable | None:
    table = raw.get("design", {})
    try:
        return DesignTable.model_validate(table)
    except ValueError:
        return None  # the campaign's own check has said why


def _levels(factors: Sequence[_Factor]) -> dict[str, Sequence[Any]]:
    return {factor.path: factor.levels for factor in factors}


def _deployments(raw: Raw) -> Iterator[Raw]:
    listed = raw.get("deployment")
    return (table for table in (listed if isinstance(listed, list) else ()) if isinstance(table, dict))


def _keys(table: Raw, known: Mapping[str, type[BaseModel]]) -> Sequence[str]:
    kind = known.get(str(table.get("kind")))
    return () if kind is None else list(kind.model_fields)


def _name(base: str, point: Point, points: int) -> str:
    return f"{base}-p{point.number:0{max(len(str(points)), 2)}d}"


def _told(point: Point) -> str:
    return ", ".join(f"{path} = {level!r}" for path, level in point.levels.items())
