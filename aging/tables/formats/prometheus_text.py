"""Scrapes of a ``/metrics`` page, one after the other: of dcgm-exporter, vLLM, SGLang, node_exporter and others."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from aging.core.measure import Measure
from aging.stats.note import Note
from aging.tables.base import Format
from aging.tables.label_sets import LabeledName, shortened
from aging.tables.names import measure_of_name
from aging.tables.printout import Knowledge, Rows, lines, stamped, stamped_head
from aging.tables.shares import is_fraction_by_help
from aging.tables.table import Table

_COMMENT = re.compile(r"^# (HELP|TYPE|UNIT) ([a-zA-Z_:][\w:]*) ")
_SAMPLE = re.compile(
    r"^([a-zA-Z_:][\w:]*)(\{.*\})?\s+([+-]?(?:[\d.]+(?:[eE][+-]?\d+)?|Inf|NaN))(\s+-?[\d.]+)?(\s+#\s.*)?$"
)
_UNIT = re.compile(r"\(in ([^()]+)\)")
_CUMULATIVE = frozenset(("counter", "histogram", "summary"))
_IDENTIFIERS = ("_created", "_info", "_start_time_seconds")


class PrometheusText(Format):
    kind: ClassVar[str] = "prometheus-text"
    title: ClassVar[str] = "scrapes of /metrics (dcgm-exporter, vLLM, SGLang)"
    made_by: ClassVar[str] = "while sleep 60; do date; curl -s localhost:9400/metrics; done"

    @classmethod
    def recognizes(cls, head: Sequence[str]) -> bool:
        texts = stamped_head(head)
        if any(map(_COMMENT.match, texts)):
            return True
        return bool(texts) and all(map(_SAMPLE.match, texts[:5])) and any("{" in text for text in texts[:5])

    @classmethod
    def read(cls, path: Path) -> Table:
        scrapes = [_read(scrape) for scrape in _scrapes(path)]
        found = dict.fromkeys(key for scrape in scrapes for key in scrape.values)
        names = dict(zip(found, shortened([LabeledName(name, dict(labels)) for name, labels in found]), strict=True))
        kinds = {name: kind for scrape in scrapes for name, kind in scrape.kinds.items()}
        units = {name: unit for scrape in scrapes for name, unit in scrape.units.items()}
        fractions = frozenset(name for scrape in scrapes for name in scrape.fractions)
        rows = Rows()
        for scrape in scrapes:
            rows.add(scrape.time, {names[key]: value for key, value in scrape.values.items()})
        known = Knowledge(
            measures={names[key]: units[key[0]] for key in found if key[0] in units},
            counters=frozenset(names[key] for key in found if kinds.get(key[0]) in _CUMULATIVE),
            fractions=frozenset(names[key] for key in found if key[0] in fractions),
            identifiers=frozenset(names[key] for key in found if key[0].endswith(_IDENTIFIERS)),
        )
        buckets = {name for scrape in scrapes for name in scrape.left_out}
        notes = []
        if buckets:
            shown = ", ".join(sorted(buckets)[:3])
            message = f"Buckets of {len(buckets)} histograms are left out ({shown}); their sums and counts are read."
            notes.append(Note("buckets_left_out", message))
        return rows.table(known, notes=notes)


_Key = tuple[str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True, slots=True)
class _Scrape:
    time: str | None
    values: Mapping[_Key, float]
    kinds: Mapping[str, str]
    units: Mapping[str, Measure]
    left_out: frozenset[str]
    fractions: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Page:
    number: int
    time: str | None
    texts: Sequence[str]


def _scrapes(path: Path) -> Iterator[_Page]:
    """The pages: a new one begins with another time, or where a comment or series comes again."""
    texts: list[str] = []
    seen: set[str] = set()
    number, time = 1, None
    for line in stamped(lines(path)):
        comment, sample = _COMMENT.match(line.text), _SAMPLE.match(line.text)
        if comment is None and sample is None:
            continue
        key = comment[0] if comment else f"{sample[1]}{sample[2] or ''}" if sample else ""
        if texts and (line.time != time or key in seen):
            yield _Page(number, time, texts)
            texts, seen, number = [], set(), line.number
        time = line.time
        seen.add(key)
        texts.append(line.text[: sample.start(5)] if sample and sample[5] else line.text)  # without an exemplar
    if texts:
        yield _Page(number, time, texts)


def _read(page: _Page) -> _Scrape:
    """Raises ValueError for a page that is not in Prometheus' text format."""
    from prometheus_client.parser import text_string_to_metric_families  # noqa: PLC0415 - 20 ms to import

    values: dict[_Key, float] = {}
    kinds: dict[str, str] = {}
    units: dict[str, Measure] = {}
    left_out: set[str] = set()
    fractions: set[str] = set()
    moment: Any = None
    written = {match[1] for match in map(_SAMPLE.match, page.texts) if match}
    try:
        for family in text_string_to_metric_families("\n".join(page.texts) + "\n"):
            unit = _UNIT.search(family.documentation)
            measure = measure_of_name(f"({unit[1]})") if unit else None
            for sample in family.samples:
                if sample.name.endswith("_bucket") and (family.type in _CUMULATIVE or "le" in sample.labels):
                    left_out.add(family.name.removesuffix("_bucket"))
                    continue
                name = sample.name if sample.name in written else sample.name.removesuffix("_total")  # the parser's
                values[name, tuple(sample.labels.items())] = sample.value
                if family.type != "summary" or name.endswith(("_sum", "_count")):
                    kinds[name] = family.type
                if measure is None and is_fraction_by_help(family.documentation):
                    fractions.add(name)
                if measure is not None:
                    units[name] = measure
                moment = moment or sample.timestamp
    except (ValueError, KeyError, IndexError):
        message = f"the scrape that begins in line {page.number} is not in Prometheus' text format"
        raise ValueError(message) from None
    time = page.time or (None if moment is None else str(moment))
    return _Scrape(time, values, kinds, units, frozenset(left_out), frozenset(fractions))
