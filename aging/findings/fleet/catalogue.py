"""The metrics that are known to show aging: ``catalogue.toml`` beside this file, and files of the same form."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any, Literal, get_args

from aging.core.errors import AgingError, Mistake, MistakeCode, MistakesError
from aging.core.measure import PLAIN, Base, Measure
from aging.findings.direction import Worse

Kind = Literal["gauge", "counter", "mean", "quantile"]

PROCESS_START = "process_start_time_seconds"

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_KEYS: Mapping[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("metric", "resource", "kind", "unit", "worse", "start", "instead_of", "sum", "count"), str),
    **dict.fromkeys(("where", "without", "subject", "limits"), list),
    **dict.fromkeys(("factor", "q"), (int, float)),
}
_LIMIT_KEYS: Mapping[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("metric", "where"), str),
    **dict.fromkeys(("sum", "on"), list),
    **dict.fromkeys(("factor", "value"), (int, float)),
}


@dataclass(frozen=True, slots=True)
class Limit:
    """Where a series ends: the sum of these ``metrics`` times ``factor``, or a plain ``value``.

    ``on`` are the labels in which metric and series agree; empty: in all that the metric has.
    """

    metrics: tuple[str, ...] = ()
    where: str = ""
    on: tuple[str, ...] = ()
    factor: float = 1.0
    value: float | None = None

    @property
    def name(self) -> str:
        """How a report names it."""
        return " + ".join(self.metrics) if self.metrics else f"{self.value:g}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One metric; ``catalogue.toml`` describes the fields. ``sums`` and ``counts`` are the metrics of a mean."""

    metric: str
    resource: str
    kind: Kind = "gauge"
    measure: Measure = PLAIN
    factor: float = 1.0
    worse: Worse = "up"
    where: tuple[str, ...] = ("",)
    without: tuple[str, ...] = ()
    subject: tuple[str, ...] = ()
    start: str = PROCESS_START
    instead_of: str = ""
    limits: tuple[Limit, ...] = ()
    q: float = 0.95
    sums: str = ""
    counts: str = ""

    @property
    def stored(self) -> str:
        """The name of the series that the server has to have."""
        return {"mean": self.sums, "quantile": f"{self.metric}_bucket"}.get(self.kind, self.metric)

    @property
    def shown(self) -> str:
        """The name in a report."""
        return f"p{100 * self.q:g} of {self.metric}" if self.kind == "quantile" else self.metric

    def escaped(self) -> Entry:
        """The entry with underscores for the colons of its names."""
        names = ("metric", "sums", "counts", "instead_of")
        return replace(self, **{name: getattr(self, name).replace(":", "_") for name in names})


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every known metric. Where two entries have one metric the later one counts."""

    entries: tuple[Entry, ...]

    def of(self, names: Sequence[str]) -> tuple[Entry, ...]:
        """The entries of which a server with metrics of these ``names`` has series, with the names as they are there.

        A client that escapes names for the scrape writes ``vllm_num_requests_waiting`` for a name with a colon.
        """
        there = frozenset(names)
        spelled = (entry for one in self.entries for entry in dict.fromkeys((one, one.escaped())))
        return tuple(one for one in spelled if one.stored in there and one.instead_of not in there)


def catalogue(added: Path | None = None) -> Catalogue:
    """The catalogue with the entries of a user's file. Raises :class:`MistakesError` with every mistake of the file."""
    built_in = resources.files("aging.findings.fleet").joinpath("catalogue.toml").read_text("utf-8")
    entries = {(one.metric, one.kind): one for one in _entries(built_in, "catalogue.toml")}
    if added is not None:
        try:
            text = added.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise AgingError(f"{added}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
        entries |= {(one.metric, one.kind): one for one in _entries(text, str(added))}
    return Catalogue(tuple(entries.values()))


def _entries(text: str, source: str) -> list[Entry]:
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise MistakesError(source, [Mistake("", f"is not TOML: {error}", MistakeCode.NOT_TOML)]) from None
    tables = content.get("metric", [])
    mistakes = [
        Mistake(key, "no such table; write [[metric]]", MistakeCode.UNKNOWN_KEY) for key in content if key != "metric"
    ]
    if not isinstance(tables, list) or not tables:
        raise MistakesError(source, [*mistakes, Mistake("", "has no [[metric]]", MistakeCode.MISSING_KEY)])
    for place, table in enumerate(tables, 1):
        mistakes += _mistakes(table, f"metric {place}")
    if mistakes:
        raise MistakesError(source, mistakes)
    return [_entry(table) for table in tables]


def _mistakes(table: Mapping[str, Any], where: str) -> Iterator[Mistake]:
    where = f"{where} ({table['metric']})" if isinstance(table.get("metric"), str) else where
    for key in ("metric", "resource"):
        if key not in table:
            yield Mistake(f"{where}.{key}", "is missing", MistakeCode.MISSING_KEY)
    yield from _of_types(table, _KEYS, where)
    for key, known in (("kind", get_args(Kind)), ("worse", get_args(Worse)), ("unit", get_args(Base))):
        if key in table and table[key] not in known:
            what = f"must be one of {', '.join(map(repr, known))}, not {table[key]!r}"
            yield Mistake(f"{where}.{key}", what, MistakeCode.UNKNOWN_NAME)
    for key in ("metric", "sum", "count", "start", "instead_of"):
        if isinstance(table.get(key), str) and table[key] and not _NAME.fullmatch(table[key]):
            yield Mistake(f"{where}.{key}", f"{table[key]!r} is no name of a metric")
    for limit in table["limits"] if isinstance(table.get("limits"), list) else ():
        if not isinstance(limit, dict) or len({"metric", "sum", "value"} & set(limit)) != 1:
            yield Mistake(f"{where}.limits", "each has one of metric, sum and value", MistakeCode.WRONG_TYPE)
        else:
            yield from _of_types(limit, _LIMIT_KEYS, f"{where}.limits")


def _of_types(table: Mapping[str, Any], known: Mapping[str, type | tuple[type, ...]], where: str) -> Iterator[Mistake]:
    for key, value in table.items():
        if key not in known:
            yield Mistake(f"{where}.{key}", f"no such key; known: {', '.join(known)}", MistakeCode.UNKNOWN_KEY)
        elif not isinstance(value, known[key]) or isinstance(value, bool):
            yield Mistake(f"{where}.{key}", f"{value!r} has the wrong type", MistakeCode.WRONG_TYPE)


def _entry(table: Mapping[str, Any]) -> Entry:
    metric = table["metric"]
    return Entry(
        metric=metric,
        resource=table["resource"],
        kind=table.get("kind", "gauge"),
        measure=Measure(table.get("unit", ""), rate=table.get("kind") == "counter"),
        factor=float(table.get("factor", 1.0)),
        worse=table.get("worse", "up"),
        where=tuple(table.get("where", ("",))),
        without=tuple(table.get("without", ())),
        subject=tuple(table.get("subject", ())),
        start=table.get("start", PROCESS_START),
        instead_of=table.get("instead_of", ""),
        limits=tuple(_limit(one) for one in table.get("limits", ())),
        q=float(table.get("q", 0.95)),
        sums=table.get("sum", f"{metric}_sum"),
        counts=table.get("count", f"{metric}_count"),
    )


def _limit(table: Mapping[str, Any]) -> Limit:
    metrics = tuple(table.get("sum", ())) or ((table["metric"],) if "metric" in table else ())
    value = None if "value" not in table else float(table["value"])
    return Limit(metrics, table.get("where", ""), tuple(table.get("on", ())), float(table.get("factor", 1.0)), value)
