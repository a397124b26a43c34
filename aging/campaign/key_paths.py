"""Key paths of a campaign file: ``load.arrivals.rate``, ``deployment[NAME].KEY``, and ``deployment.KEY`` for every
deployment whose kind has that key. A study reaches every other key as well: ``seed``, ``sampling.process``,
``load.class[NAME].KEY``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from aging.campaign.errors import suggestion
from aging.campaign.schema import Campaign
from aging.core.errors import Mistake, MistakeCode

Raw = Mapping[str, Any]

_PATH = re.compile(
    r"(?:deployment(?:\[(?P<name>[^\]]*)\])?|(?P<load>load))\.(?P<keys>[A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*)*)"
)
_IDENTITY = ("name", "kind", "port", "slot")
_STEP = re.compile(r"(?P<key>[A-Za-z_][\w-]*)(?:\[(?P<name>[^\[\]]+)\])?")
_IDENTIFIES = ("schema", "name")
_DESIGN = ("factors", "design")


@dataclass(frozen=True, slots=True)
class KeyPath:
    """A key path as in the file, and the indices of the deployments that it applies to.

    A path of neither the load nor a deployment has no ``places``, and ``keys`` from the top of the file.
    """

    path: str
    keys: Sequence[str]
    of_load: bool
    places: Sequence[int] = ()

    def put(self, raw: Any, level: Any) -> None:
        """Set the key of a campaign file's tables. Raises TypeError or AttributeError if a part is not a table."""
        for before in self._before():
            inner = raw
            for step in (*before, *self.keys[:-1]):
                inner = _inner(inner, step)
            inner[self.keys[-1]] = level

    def overlaps(self, other: KeyPath) -> bool:
        """Whether a level of one replaces that of the other, or a part of it."""
        return any(
            all(ours == others for ours, others in zip(mine, theirs, strict=False))
            for mine in self._steps()
            for theirs in other._steps()
        )

    def _steps(self) -> Sequence[Sequence[str | int]]:
        """The ways from the top of the file to the key; ``class[chat]`` is a step into the list and one to a table."""
        ways = [(*before, *self.keys) for before in self._before()]
        return [[part for step in way for part in _parts(step)] for way in ways]

    def _before(self) -> Sequence[tuple[str | int, ...]]:
        """The ways from the top of the file to the tables that ``keys`` begin in."""
        if self.of_load:
            return [("load",)]
        return [("deployment", place) for place in self.places] or [()]


def _parts(step: str | int) -> Sequence[str | int]:
    key, bracket, name = str(step).partition("[")
    return (key, bracket + name) if bracket else (step,)


def _inner(table: Any, step: str | int) -> Any:
    """The table at a step: a key, a place in a list of tables, or ``class[chat]``, the one of that name."""
    if isinstance(step, int):
        return table[step]
    match = _STEP.fullmatch(step)
    if match is None or match["name"] is None:
        return table.setdefault(step, {})
    named = next((one for one in table.get(match["key"], ()) if one.get("name") == match["name"]), None)
    if named is None:
        raise TypeError(f"no table {step}")
    return named


def key_path(raw: Raw, known: Mapping[str, type[BaseModel]], path: str, where: str) -> KeyPath | Mistake | None:
    """The key path in a campaign file, or the mistake in it, at ``where``; None where the file has no `[load]`.

    ``known`` are the option tables of deployments by kind.
    """
    match = _PATH.fullmatch(path)
    if match is None:
        what = 'is not a key path; write "load.arrivals.rate", "deployment.KEY" or "deployment[NAME].KEY", in quotes'
        return Mistake(where, what)
    keys = match["keys"].split(".")
    if match["load"] is not None:
        return _of_load(raw, path, keys, where)
    places, wrong = _deployment_indices(raw, known, keys, match["name"])
    return KeyPath(path, keys, False, places) if places else Mistake(where, wrong, MistakeCode.UNKNOWN_NAME)


def any_key_path(raw: Raw, known: Mapping[str, type[BaseModel]], path: str, where: str) -> KeyPath | Mistake | None:
    """As :func:`key_path`, and the path of any other key; ``class[chat]`` is the table of that name in a list."""
    steps = path.split(".")
    if any(_STEP.fullmatch(step) is None for step in steps):
        what = 'is not a key path; write "seed", "sampling.process", "load.class[NAME].KEY" or "deployment[NAME].KEY"'
        return Mistake(where, what)
    if wrong := _first_mistake(raw, steps, where):
        return wrong
    if _step(steps[0])[0] == "deployment" or (steps[0] == "load" and len(steps) > 1 and "[" not in path):
        return key_path(raw, known, path, where)
    return _unnamed(raw, steps, where) or KeyPath(path, steps, False)


def _first_mistake(raw: Raw, steps: Sequence[str], where: str) -> Mistake | None:
    """What is wrong with the beginning of a path: no key of a campaign file, or one that cannot be varied."""
    first, _ = _step(steps[0])
    keys = [field.alias or name for name, field in Campaign.model_fields.items()]
    if first not in keys:
        close = suggestion(first, [key for key in keys if key not in (*_IDENTIFIES, *_DESIGN)])
        return Mistake(where, f"the campaign file has no key {first!r}; {close}", MistakeCode.UNKNOWN_KEY)
    if first in _IDENTIFIES:
        return Mistake(where, "identifies the campaign and cannot be varied; vary another key", MistakeCode.CONFLICT)
    if first in _DESIGN:
        what = "varies keys itself and cannot be varied; list the levels of those keys here instead"
        return Mistake(where, what, MistakeCode.CONFLICT)
    if steps[0] == "deployment":
        names = [one.get("name") for one in deployment_tables(raw)]
        if len(steps) == 1:
            return Mistake(where, "cannot be varied as a whole; write deployment[NAME].KEY", MistakeCode.CONFLICT)
        if steps[1] in names:
            right = ".".join([f"deployment[{steps[1]}]", *(steps[2:] or ["KEY"])])
            what = f"{steps[1]!r} is the name of a deployment; write {right!r}"
            return Mistake(where, what, MistakeCode.UNKNOWN_NAME)
    return None


def _unnamed(raw: Any, steps: Sequence[str], where: str) -> Mistake | None:
    """The mistake of a path that names a table which its list does not have, or no key of it."""
    inner = raw
    for place, step in enumerate(steps, 1):
        key, name = _step(step)
        inner = inner.get(key) if isinstance(inner, dict) else None
        if name is None:
            continue
        tables = [one for one in inner if isinstance(one, dict)] if isinstance(inner, list) else []
        names = [str(one["name"]) for one in tables if "name" in one]
        if name not in names:
            of = ".".join([*steps[: place - 1], key])
            close = suggestion(name, names) if names else "none has a name"
            return Mistake(where, f"no [[{of}]] is named {name!r}; {close}", MistakeCode.UNKNOWN_NAME)
        inner = next(one for one in tables if one.get("name") == name)
    if steps[-1].endswith("]"):
        return Mistake(where, f"names a table and no key of it; write {'.'.join(steps)}.KEY", MistakeCode.CONFLICT)
    return None


def _step(step: str) -> tuple[str, str | None]:
    """The key and the name of ``class[chat]``; no name of a plain key."""
    key, _, name = step.partition("[")
    return key, name.removesuffix("]") or None


def deployment_tables(raw: Raw) -> Iterator[Raw]:
    """The tables of deployments of a file that may have mistakes."""
    listed = raw.get("deployment")
    return (table for table in (listed if isinstance(listed, list) else ()) if isinstance(table, dict))


def _of_load(raw: Raw, path: str, keys: Sequence[str], where: str) -> KeyPath | Mistake | None:
    rated = [str(table.get("name")) for table in deployment_tables(raw) if "rate" in table]
    if keys == ["arrivals", "rate"] and rated:
        what = (
            f"has no effect on {', '.join(rated)}, which have a `rate`; "
            "remove it there, or vary `deployment.rate` instead"
        )
        return Mistake(where, what, MistakeCode.CONFLICT)
    return KeyPath(path, keys, True) if isinstance(raw.get("load"), dict) else None


def _deployment_indices(
    raw: Raw, known: Mapping[str, type[BaseModel]], keys: Sequence[str], name: str | None
) -> tuple[Sequence[int], str]:
    """The indices of the deployments that a path applies to, and the message for a path without any."""
    tables = list(deployment_tables(raw))
    if keys[0] in _IDENTITY:
        return (), f"{keys[0]} identifies a deployment and cannot be a factor; vary another key"
    if name is None:
        places = [place for place, table in enumerate(tables) if keys[0] in _keys(table, known)]
        return places, f"no deployment's kind has a key {keys[0]!r}"
    places = [place for place, table in enumerate(tables) if table.get("name") == name]
    return places, f"no deployment is named {name!r}; there are: {', '.join(str(one.get('name')) for one in tables)}"


def _keys(table: Raw, known: Mapping[str, type[BaseModel]]) -> Sequence[str]:
    kind = known.get(str(table.get("kind")))
    return () if kind is None else list(kind.model_fields)
