"""What the engines say about themselves on their Prometheus endpoints."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

import httpx
from prometheus_client.parser import text_string_to_metric_families

from aging.model import Reading
from aging.samplers import Sampler, Target

_TIMEOUT_SECONDS = 3.0
_NOT_A_NAME = re.compile(r"[^A-Za-z0-9_]")


class EngineSampler(Sampler):
    """One scrape a deployment that has a metrics endpoint."""

    kind = "engine"
    default_interval = 10.0

    def read(self) -> Iterable[Reading]:
        return [_scrape(target, target.metrics_url) for target in self.targets() if target.metrics_url]


def _scrape(target: Target, url: str) -> Reading:
    try:
        answer = httpx.get(url, timeout=_TIMEOUT_SECONDS, trust_env=False).raise_for_status()
        values = parse_metrics(answer.text)
    except (httpx.HTTPError, ValueError) as error:
        reason = f"{type(error).__name__}: {error}"[:200]
        return Reading(target.owner, "engine", target.generation, {}, {"engine": reason})
    return Reading(target.owner, "engine", target.generation, values)


def parse_metrics(text: str) -> dict[str, float]:
    """Prometheus text to ``engine_<name>`` values, label sets summed; histogram buckets and quantiles left out.

    Raises ValueError for text that is not in the Prometheus format.
    """
    values: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if "le" in sample.labels or "quantile" in sample.labels or sample.name.endswith("_created"):
                continue
            if math.isfinite(sample.value):
                name = f"engine_{_NOT_A_NAME.sub('_', sample.name)}"
                values[name] = values.get(name, 0.0) + sample.value
    return values
