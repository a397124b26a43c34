"""Which series of a metrics endpoint are judged, and how: gauges as they are, counters as rates, sums as means.

The names are the engine's own, those of vLLM, SGLang, Triton, llama.cpp and TGI as well as any other. What is not
judged has a reason: a count of work (requests, tokens) is the load, and more of it is no aging; a clock rises by
itself; a sum of shares is no share. Counts of work are used: they give the rates per request.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from aging.core.metrics import QUANTILES, base_name, engine_column, is_share, part_of
from aging.core.targets import ENGINE_METRICS

How = Literal["gauge", "rate", "mean"]

_NEARLY_ALL = 0.9
MOST = 256
"""Series of one endpoint that are judged; single label sets are left out first."""

_WORK = re.compile(
    r"(requests?|tokens?|quer(y|ies)|prompts?|generations?|completions?|infer(ence)?s?|steps?|iterations?|calls?"
    r"|messages?|batch(es)?|samples?|scrapes?|decodes?|drafts?|hits?|lookups?|exec|bytes|octets|connections?)"
    r"(_\w+)?(_total|_count|_sum)$"
)
_TROUBLE = re.compile(
    r"error|fail|reject|abort|timeout|timed_out|drop|evict|preempt|retr(y|ies)|exception|cancel|oom|miss|swap|leak"
    r"|truncat|restart|crash|reset|lost|denied|unavailable|overflow|waiting|gc_|garbage"
)
_WORK_IS_LOAD = "a count of work: the load, of which more is no aging"
_OF_THE_LOAD = re.compile(
    r"(prompt|generation|output|input|completion|iteration|cached|generated|computed)_tokens|request_params|(request|response)_size"
    r"|batch_size|input_length|max_new_tokens"
)
_CLOCK = re.compile(r"timestamp|start_time|uptime|last_\w*time|boot_time|_age_seconds|_expir|build|version|_info$")
_LABEL_OF_SCRAPES = re.compile(r'="[^"]*/(metrics|health|healthz|ready|readyz|livez|ping)/?"')

_RATIOS = {
    "nv_inference_request_duration_us_total": "nv_inference_request_success_total",
    "nv_inference_queue_duration_us_total": "nv_inference_request_success_total",
    "nv_inference_compute_input_duration_us_total": "nv_inference_request_success_total",
    "nv_inference_compute_infer_duration_us_total": "nv_inference_request_success_total",
    "nv_inference_compute_output_duration_us_total": "nv_inference_request_success_total",
    "llamacpp:prompt_seconds_total": "llamacpp:prompt_tokens_total",
    "llamacpp:tokens_predicted_seconds_total": "llamacpp:tokens_predicted_total",
}
"""Counters of time, each with the counter of what took it: together they are a mean."""

_MEANS = {engine_column(time): engine_column(done) for time, done in _RATIOS.items()}

REQUEST_COUNTERS = tuple(
    engine_column(name)
    for name in (
        "vllm:request_success_total",
        "vllm:e2e_request_latency_seconds_count",
        "sglang:num_requests_total",
        "sglang:e2e_request_latency_seconds_count",
        "nv_inference_request_success_total",
        "tgi_request_success_total",
        "tgi_request_count_total",
        "tgi_request_duration_count",
        "lmdeploy:request_success_total",
        "trtllm_request_success_total",
        "request_success_total",
        "requests_total",
        "http_requests_total",
        "http_server_requests_total",
        "http_server_requests_seconds_count",
        "http_server_request_duration_seconds_count",
        "http_server_duration_milliseconds_count",
        "http_request_duration_seconds_count",
        "flask_http_request_total",
        "starlette_requests_total",
        "fastapi_requests_total",
        "grpc_server_handled_total",
    )
)
"""Counters of requests, those of an engine before those of a web framework, which count scrapes as well."""

_REQUESTS = re.compile(r"(^|_)requests?(_(success|succeeded|served|completed|finished|processed|handled|received))?")
_TOKENS = ("engine_prompt_tokens_total", "engine_generation_tokens_total")


@dataclass(frozen=True, slots=True)
class EngineSeries:
    """How one indicator is made of columns: a gauge's or a counter's ``column``, or a mean of it ``per`` another."""

    indicator: str
    how: How
    column: str
    per: str = ""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A column that is not judged, with a code and the reason."""

    column: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Described:
    """What the rows say of their columns beside the names, over a whole run."""

    gauges: frozenset[str] = frozenset()
    common: frozenset[str] = frozenset()
    summed: Mapping[str, int] = field(default_factory=dict)
    buckets: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """Bounds of the buckets that a quantile was interpolated in, by its column without labels."""

    @classmethod
    def of(cls, texts: Iterable[str]) -> Described:
        """From the ``described`` values of the rows."""
        gauges: set[str] = set()
        common: set[str] = set()
        summed: dict[str, int] = {}
        buckets: dict[str, Sequence[float]] = {}
        for text in dict.fromkeys(texts):
            content = json.loads(text)
            gauges |= set(content.get("gauges", ()))
            common |= set(content.get("common", ()))
            summed |= content.get("summed", {})
            for column, bounds in content.get("buckets", {}).items():
                buckets |= {part_of(column, part): bounds for part in QUANTILES}
        return cls(frozenset(gauges), frozenset(common), summed, buckets)

    def is_counter(self, column: str) -> bool:
        """Whether it is cumulative; the parser of Prometheus text ends the name of every counter in ``_total``."""
        name = base_name(column)
        return name.endswith(("_total", "_sum", "_count")) and name not in self.gauges


def judged(
    columns: Sequence[str], described: Described, constants: Iterable[str] = ()
) -> tuple[list[EngineSeries], list[LeftOut]]:
    """The series of an endpoint's varying columns, and what is left out; the common names are judged elsewhere."""
    found: list[EngineSeries] = []
    left: list[LeftOut] = []
    present = {*columns, *constants}
    labelled = {base_name(column) for column in columns if "{" in column}
    for column in columns:
        if column in ENGINE_METRICS or column in described.common:
            continue
        one = _judged(column, described, present, several=column in labelled)
        if isinstance(one, LeftOut):
            left.append(one)
        else:
            found.append(one)
    if len(found) > MOST:
        found.sort(key=lambda one: "{" in one.column)
        left += [LeftOut(one.column, "too_many", f"only {MOST} series are judged") for one in found[MOST:]]
    return found[:MOST], left


def _judged(column: str, described: Described, present: set[str], *, several: bool) -> EngineSeries | LeftOut:
    name, labels = base_name(column), column[len(base_name(column)) :]
    stem = name.removesuffix("_sum")
    counter, done = described.is_counter(column), _MEANS.get(name, f"{stem}_count" if name != stem else None)
    is_mean = counter and done is not None and f"{done}{labels}" in present
    if (left := _left_out(column, name, counter=counter, is_mean=is_mean, several=several)) is not None:
        return left
    if not counter:
        return EngineSeries(column, "gauge", column)
    if is_mean:
        mean = part_of(stem.removesuffix("_total"), "mean") + labels
        return EngineSeries(mean, "mean", column, f"{done}{labels}")
    if f"{name.removesuffix('_count')}_sum{labels}" in present:
        return LeftOut(column, "work", _WORK_IS_LOAD)
    return EngineSeries((name if name.endswith("_total") else f"{name}_total") + labels, "rate", column)


def _left_out(column: str, name: str, *, counter: bool, is_mean: bool, several: bool) -> LeftOut | None:
    if _CLOCK.search(name):
        return LeftOut(column, "clock", "a clock, a version or a start")
    if _OF_THE_LOAD.search(name) and "seconds" not in name and (is_mean or not counter):
        return LeftOut(column, "work", "a size of requests or answers, which are the load")
    if not counter and several and "{" not in column and is_share(name):
        return LeftOut(column, "sum_of_shares", "a sum of shares; each label set is judged")
    whole = name if name.endswith(("_total", "_count", "_sum")) else f"{name}_total"
    if counter and not is_mean and _WORK.search(whole) and not _TROUBLE.search(name):
        return LeftOut(column, "work", _WORK_IS_LOAD)
    return None


def request_columns(columns: Sequence[str], described: Described) -> list[str]:
    """The counters that together count the requests; empty where none is known.

    A known name before any other counter of requests. Label sets of scrapes and health checks are left out.
    """
    present = set(columns)
    counters = [one for one in columns if "{" not in one and described.is_counter(one)]
    likely = (one for one in counters if _REQUESTS.search(_stem(one)) and _is_count(one))
    name = next((one for one in REQUEST_COUNTERS if one in present), None) or next(likely, None)
    if name is None:
        return []
    parts = [one for one in columns if one.startswith(f"{name}{{")]
    served = [one for one in parts if not _LABEL_OF_SCRAPES.search(one)]
    return served if served and len(served) < len(parts) else [name]


def _stem(column: str) -> str:
    return column.removesuffix("_total").removesuffix("_count")


def _is_count(column: str) -> bool:
    stem = _stem(column)
    end = _REQUESTS.search(stem)
    whole = end is not None and (stem.endswith(end[0]) or column.endswith(("_seconds_count", "_duration_count")))
    return whole and not column.endswith("_sum") and not _TROUBLE.search(column)


def token_columns(columns: Sequence[str]) -> list[str]:
    """The counters of prompt and answer tokens; empty unless both are there."""
    return list(_TOKENS) if set(_TOKENS) <= set(columns) else []


def constant(column: str, value: float) -> LeftOut:
    """A column that has one value alone."""
    return LeftOut(column, "constant", f"constant at {value:g}")


def one_bucket(column: str, values: NDArray[np.float64], described: Described) -> LeftOut | None:
    """Of a quantile that stays in one bucket of its histogram: how it moves in there is not known."""
    bounds = described.buckets.get(base_name(column))
    if not bounds:
        return None
    counts = np.bincount(np.searchsorted(bounds, values))
    place = int(np.argmax(counts))
    if counts[place] < _NEARLY_ALL * values.size:
        return None
    lower, upper = bounds[place - 1] if place else 0.0, bounds[min(place, len(bounds) - 1)]
    return LeftOut(column, "one_bucket", f"it stays in one bucket ({lower:g} to {upper:g}); the mean is judged")


def summed(described: Described) -> Iterator[LeftOut]:
    """Label sets without columns of their own."""
    for column, count in described.summed.items():
        yield LeftOut(column, "summed", f"{count} label sets beyond the first are summed as {{others}}")
