"""The columns of a Prometheus endpoint's series: each label set by itself, histograms as quantiles of what came since.

A row has, beside the sum over the label sets of a metric (``engine_NAME``):

- each label set, where there are several: ``engine_NAME{engine="0"}``; at most 64 of a metric, those beyond it summed
  as ``engine_NAME{others}``, and at most 1,024 in all;
- of a histogram the median and the 95th percentile of the observations since the last ones written, by linear
  interpolation in its buckets as Prometheus does it (``engine_latency_p95_seconds``), once there are 20 of them;
- of a summary the quantiles that it exposes (``engine_latency_p99_seconds``).

Buckets themselves are not stored: they are most of an endpoint's text, and days of them would not fit into memory.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from aging.core.metrics import QUANTILES, engine_column, part_of

MOST_LABEL_SETS = 64
"""Label sets of one metric that have columns of their own."""

MOST_COLUMNS = 1024
"""Columns of single label sets of one endpoint."""

FEWEST_OBSERVATIONS = 20
"""Fewer do not have a 95th percentile."""

_DESCRIBED_SECONDS = 600.0
_LONGEST_VALUE = 60
_OTHERS = "{others}"
_CUMULATIVE = ("_total", "_sum", "_count")

Labels = tuple[tuple[str, str], ...]
_Buckets = Mapping[float, float]
"""Cumulative counts by upper bound."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of a scrape."""

    name: str
    labels: Labels
    value: float


@dataclass(frozen=True, slots=True)
class Exposition:
    """One scrape, in its order.

    ``samples`` are all values but buckets and quantiles; ``buckets`` and ``quantiles`` are by metric and label set.
    ``types`` are the declared types by sample name.
    """

    samples: Sequence[Sample]
    buckets: Mapping[str, Mapping[Labels, _Buckets]]
    quantiles: Mapping[str, Mapping[Labels, Mapping[float, float]]]
    types: Mapping[str, str]

    @property
    def values(self) -> dict[str, list[float]]:
        """Values by raw name, one a label set."""
        found: dict[str, list[float]] = {}
        for one in self.samples:
            found.setdefault(one.name, []).append(one.value)
        return found


def exposition(text: str) -> Exposition:
    """The finite values of Prometheus text. Raises ValueError for text that is not in this format."""
    samples: list[Sample] = []
    buckets: dict[str, dict[Labels, dict[float, float]]] = {}
    quantiles: dict[str, dict[Labels, dict[float, float]]] = {}
    types: dict[str, str] = {}
    for family in text_string_to_metric_families(text):
        for name, given, value in _finite(family):
            labels = tuple(sorted((key, text) for key, text in given.items() if key not in ("le", "quantile")))
            if "le" in given:
                buckets.setdefault(name.removesuffix("_bucket"), {}).setdefault(labels, {})[float(given["le"])] = value
            elif "quantile" in given:
                quantiles.setdefault(name, {}).setdefault(labels, {})[float(given["quantile"])] = value
            else:
                types[name] = family.type
                samples.append(Sample(name, labels, value))
    return Exposition(samples, buckets, quantiles, types)


def _finite(family: Metric) -> Iterator[tuple[str, Mapping[str, str], float]]:
    for sample in family.samples:
        if not sample.name.endswith("_created") and math.isfinite(sample.value):
            yield sample.name, sample.labels, sample.value


@dataclass(slots=True)
class Columns:
    """The columns of one endpoint from scrape to scrape: which label sets have their own, where quantiles go on from.

    ``common`` are the raw names that are stored under a common name as well.
    """

    common: Mapping[str, str] = field(default_factory=dict)
    _own: dict[str, dict[Labels, str]] = field(default_factory=dict)
    _several: set[str] = field(default_factory=set)
    _bases: dict[str, _Buckets] = field(default_factory=dict)
    _written: tuple[str, float] | None = None

    def of(self, scraped: Exposition) -> dict[str, float]:
        """The values by column, without the sums over label sets."""
        values: dict[str, float] = {}
        for one in scraped.samples:
            self._own.setdefault(one.name, {}).setdefault(one.labels, "")
        self._admit()
        for one in scraped.samples:
            if one.name in self._several:
                self._add(values, engine_column(one.name), one.name, one.labels, one.value)
        for name, by_labels in scraped.quantiles.items():
            for labels, of_it in by_labels.items():
                suffix = "" if len(by_labels) == 1 else _label_text(labels)
                for q, value in of_it.items():
                    values[part_of(engine_column(name), f"p{f'{q * 100:g}'.replace('.', '')}") + suffix] = value
        for name, histogram in scraped.buckets.items():
            values |= self._quantiles(name, histogram)
        return values

    def described(self, scraped: Exposition, now: float) -> str | None:
        """What the columns' names do not show, as JSON, where it is new or was last written ten minutes ago.

        ``gauges``: columns that are named like counters; ``common``: columns that are stored under a common name as
        well; ``buckets``: the bounds of each histogram; ``summed``: the number of label sets without columns of their
        own.
        """
        gauges = [name for name, kind in scraped.types.items() if kind == "gauge" and name.endswith(_CUMULATIVE)]
        summed = {name: sum(text == _OTHERS for text in own.values()) for name, own in self._own.items()}
        content = {
            "gauges": [engine_column(name) for name in gauges],
            "common": {engine_column(raw): common for raw, common in self.common.items()},
            "buckets": {engine_column(name): _bounds(histogram) for name, histogram in scraped.buckets.items()},
            "summed": {engine_column(name): count for name, count in summed.items() if count},
        }
        text = json.dumps({key: value for key, value in content.items() if value})
        if self._written is None and text == "{}":
            return None
        if self._written is not None and self._written[0] == text and now - self._written[1] < _DESCRIBED_SECONDS:
            return None
        self._written = text, now
        return text

    def _admit(self) -> None:
        """Give new label sets columns, as long as there are any left."""
        left = MOST_COLUMNS - sum(text not in ("", _OTHERS) for own in self._own.values() for text in own.values())
        for name, own in self._own.items():
            new = [labels for labels, text in own.items() if not text]
            if len(own) < 2 or not new:
                continue
            kept = max(min(MOST_LABEL_SETS - (len(own) - len(new)), left), 0)
            if kept < len(new) and name not in self._several and len(own) > left:
                continue  # it has no columns at all
            self._several.add(name)
            for place, labels in enumerate(new):
                own[labels] = _label_text(labels) if place < kept else _OTHERS
            left -= min(kept, len(new))

    def _add(self, values: dict[str, float], column: str, name: str, labels: Labels, value: float) -> None:
        text = self._own[name].get(labels) or _OTHERS
        values[column + text] = values.get(column + text, 0.0) + value

    def _quantiles(self, name: str, histogram: Mapping[Labels, _Buckets]) -> Iterator[tuple[str, float]]:
        column = engine_column(name)
        parts: dict[str, list[_Buckets]] = {"": list(histogram.values())}
        own = self._own.get(f"{name}_count", {})
        if f"{name}_count" in self._several:
            for labels, buckets in histogram.items():
                parts.setdefault(own.get(labels) or _OTHERS, []).append(buckets)
        for text, together in parts.items():
            total = _summed(together)
            before = self._bases.get(column + text)
            since = None if before is None or before.keys() != total.keys() else _since(before, total)
            if since is None:  # the first scrape, other buckets, or a reset
                self._bases[column + text] = total
            elif max(since.values(), default=0.0) >= FEWEST_OBSERVATIONS:
                self._bases[column + text] = total
                for part, q in QUANTILES.items():
                    value = bucket_quantile(since, q)
                    if value is not None:
                        yield part_of(column, part) + text, value


def _bounds(histogram: Mapping[Labels, _Buckets]) -> list[float]:
    """The finite bounds that all label sets have, in order."""
    return [bound for bound in _summed(list(histogram.values())) if math.isfinite(bound)]


def _summed(together: Sequence[_Buckets]) -> _Buckets:
    bounds = set(together[0]).intersection(*together[1:])
    return {bound: sum(one[bound] for one in together) for bound in sorted(bounds)}


def _since(before: _Buckets, now: _Buckets) -> _Buckets | None:
    """What was observed since; None after a reset."""
    since = {bound: count - before[bound] for bound, count in now.items()}
    return None if any(count < 0 for count in since.values()) else since


def bucket_quantile(buckets: _Buckets, q: float) -> float | None:
    """The quantile of cumulative counts by upper bound, linear within a bucket, as Prometheus' histogram_quantile.

    In the last, endless bucket it is that bucket's lower bound; None without observations or without a bound.
    """
    bounds, counts = list(buckets), list(buckets.values())
    if not counts or counts[-1] <= 0:
        return None
    rank = q * counts[-1]
    place = next(place for place, count in enumerate(counts) if count >= rank)
    lower = bounds[place - 1] if place else min(0.0, bounds[0])
    below = counts[place - 1] if place else 0.0
    if math.isinf(bounds[place]):
        return lower if place else None
    return lower + (bounds[place] - lower) * (rank - below) / max(counts[place] - below, 1e-300)


def _label_text(labels: Iterable[tuple[str, str]]) -> str:
    shown = (f'{key}="{value[:_LONGEST_VALUE].replace(chr(34), chr(39))}"' for key, value in labels)
    return re.sub(r"\s", " ", f"{{{','.join(shown)}}}")
