"""Key paths of a campaign file: ``load.arrivals.rate``, ``deployment[NAME].KEY``, and ``deployment.KEY`` for every
deployment whose kind has that key."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from aging.core.errors import Mistake, MistakeCode

Raw = Mapping[str, Any]

_PATH = re.compile(
    r"(?:deployment(?:\[(?P<name>[^\]]*)\])?|(?P<load>load))\.(?P<keys>[A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*)*)"
)
_IDENTITY = ("name", "kind", "port", "slot")


@dataclass(frozen=True, slots=True)
class KeyPath:
    """A key path as in the file, and the indices of the deployments that it applies to."""

    path: str
    keys: Sequence[str]
    of_load: bool
    places: Sequence[int] = ()

    def put(self, raw: Any, level: Any) -> None:
        """Set the key of a campaign file's tables. Raises TypeError or AttributeError if a part is not a table."""
        for table in [raw["load"]] if self.of_load else [raw["deployment"][place] for place in self.places]:
            inner = table
            for key in self.keys[:-1]:
                inner = inner.setdefault(key, {})
            inner[self.keys[-1]] = level


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
