"""The bounded queries of a scan: PromQL for the series of one metric, in batches of subjects."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from aging.core.errors import AgingError
from aging.findings.fleet.catalogue import Entry

Labels = Mapping[str, str]

MOST_VALUES = 400_000
"""Samples that one query asks for: 99 series of 14 days every 5 minutes, about 12 MB of JSON."""

_SELECTOR = re.compile(r"\s*([a-zA-Z_:][a-zA-Z0-9_:]*)?\s*(?:\{(.*)\})?\s*", re.DOTALL)
_REGEX_CHARACTER = re.compile(r"([\\.+*?()|\[\]{}^$])")
_SAMPLES_IN_RATE = 4


@dataclass(frozen=True, slots=True)
class Selector:
    """A series selector of PromQL: a metric's name (or none) and label matchers (or none)."""

    name: str = ""
    matchers: str = ""

    @classmethod
    def of(cls, text: str) -> Selector:
        """Take it apart. Raises :class:`AgingError` for anything but ``name``, ``{matchers}`` or both."""
        found = _SELECTOR.fullmatch(text)
        if found is None or not (found[1] or (found[2] or "").strip()):
            raise AgingError(f"""--match {text!r}: is no selector; write it as in '{{namespace="llm"}}'""")
        return cls(found[1] or "", (found[2] or "").strip().rstrip(","))

    def __str__(self) -> str:
        return f"{self.name}{{{self.matchers}}}" if self.matchers or not self.name else self.name


EVERYTHING = Selector()


@dataclass(frozen=True, slots=True)
class Part:
    """Some series of a metric: matchers beside those of the entry; ``values`` are the batch, by which it is split."""

    matchers: tuple[str, ...] = ()
    label: str = ""
    values: tuple[str, ...] = ()
    series: int = 0

    def halves(self) -> tuple[Part, ...]:
        """The same series in two parts; no part where it cannot be split."""
        if len(self.values) < 2:
            return ()
        middle = len(self.values) // 2
        size = round(self.series * (len(self.values) - middle) / len(self.values))
        return (
            Part(self.matchers, self.label, self.values[:middle], self.series - size),
            Part(self.matchers, self.label, self.values[middle:], size),
        )

    def selector(self, metric: str) -> str:
        """PromQL that selects its series of a metric."""
        batch = [] if not self.values else [f'{self.label}=~"{_quoted("|".join(map(_literal, self.values)))}"']
        matchers = ",".join([*(one for one in self.matchers if one), *batch])
        return f"{metric}{{{matchers}}}" if matchers else metric


def parts(matchers: tuple[str, ...], labels: Sequence[Labels], points: int) -> list[Part]:
    """The series of these ``labels`` in parts of at most 400,000 values of ``points`` each, split by one label."""
    most = max(MOST_VALUES // points, 1)
    names = {name for one in labels for name in one} - {"__name__"}
    distinct = {name: Counter(one.get(name, "") for one in labels) for name in names}
    name = max(sorted(distinct), key=lambda one: len(distinct[one]), default="")
    if not labels:
        return []
    if not name or len(distinct[name]) < 2:
        return [Part(matchers, series=len(labels))]
    found: list[Part] = []
    batch: list[str] = []
    size = 0
    for value, count in sorted(distinct[name].items()):
        if batch and size + count > most:
            found.append(Part(matchers, name, tuple(batch), size))
            batch, size = [], 0
        batch.append(value)
        size += count
    return [*found, Part(matchers, name, tuple(batch), size)]


def promql(entry: Entry, part: Part, step: float, scraped_every: float | None) -> str:
    """The query whose values are judged: a gauge itself, a counter's rate, a mean, or a quantile."""
    window = f"{max(step, _SAMPLES_IN_RATE * (scraped_every or 60.0)):.0f}s"

    def rate(metric: str, *kept: str) -> str:
        each = f"rate({part.selector(metric)}[{window}])"
        left = [name for name in entry.without if name not in kept]
        return f"sum without ({', '.join(left)}) ({each})" if left else each

    match entry.kind:
        case "gauge":
            return part.selector(entry.metric)
        case "counter":
            return rate(entry.metric)
        case "mean":
            return f"{rate(entry.sums)} / {rate(entry.counts)}"
        case "quantile":
            return f"histogram_quantile({entry.q:g}, {rate(f'{entry.metric}_bucket', 'le')})"


def any_of(selectors: Iterable[Selector], entry: Entry) -> list[tuple[str, ...]]:
    """The matchers of every way in which a series of the entry can be asked for: each selector, each alternative."""
    fitting = [one for one in selectors if one.name in ("", entry.stored, entry.metric)]
    return [(one.matchers, where) for one in fitting for where in entry.where]


def _literal(value: str) -> str:
    """A regular expression of RE2 that matches just this value."""
    return _REGEX_CHARACTER.sub(r"\\\1", value)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
