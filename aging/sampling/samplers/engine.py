"""The metrics of the engines' Prometheus endpoints, under common names and under the engines' names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import CancelledError, Future, wait
from pathlib import Path
from threading import Thread

from aging.core.clock import Stamp
from aging.core.http import Client, HTTPError, Limits, TimeoutException
from aging.core.metrics import engine_column
from aging.core.records import Reading
from aging.core.targets import EngineMetric, Target, Targets
from aging.sampling.base import Sampler
from aging.sampling.exposition import Columns, exposition

_TIMEOUT_SECONDS = 3.0

Scrape = Mapping[str, Sequence[float]]
"""Values by raw name, one a label set."""

_Answer = tuple[Stamp, str]
_Asked = tuple[str, int, str]
"""Owner, generation and URL: an answer of an earlier generation is not used for the next one."""


class EngineSampler(Sampler):
    """Scrapes all metrics endpoints at once, one a deployment, each with its own deadline and time stamp.

    An endpoint that does not answer costs only its own readings; it is not scraped again before it has answered.
    """

    kind = "engine"
    default_interval = 10.0

    def __init__(self, targets: Targets, results: Path = Path()) -> None:
        super().__init__(targets, results)
        self._http = client()
        self._answers: Mapping[_Asked, Future[_Answer]] = {}
        self._columns: dict[_Asked, Columns] = {}

    def read(self) -> Iterable[Reading]:
        patience = _TIMEOUT_SECONDS if self.interval is None else min(_TIMEOUT_SECONDS, self.interval)
        targets = [(target, target.metrics_url) for target in self.targets() if target.metrics_url]
        before = self._answers
        self._answers = {
            (target.owner, target.generation, url): self._ask(url, before.get((target.owner, target.generation, url)))
            for target, url in targets
        }
        wait(self._answers.values(), timeout=patience)
        self._columns = {asked: self._columns.get(asked) or Columns(common={}) for asked in self._answers}
        return [
            _reading(target, self._answers[key], patience, self._columns[key])
            for target, url in targets
            for key in [(target.owner, target.generation, url)]
        ]

    def _ask(self, url: str, before: Future[_Answer] | None) -> Future[_Answer]:
        if before is not None and not before.done():
            return before
        answer: Future[_Answer] = Future()
        # A daemon thread, not a pool's: an answer that never comes must not keep the process from ending.
        Thread(target=_answer, args=(self._http, url, answer), name="scrape", daemon=True).start()
        return answer


def _answer(http: Client, url: str, answer: Future[_Answer]) -> None:
    try:
        text = _text(http, url)
        answer.set_result((Stamp.now(), text))
    except (HTTPError, ValueError) as error:
        answer.set_exception(error)
    finally:
        answer.cancel()  # without effect when it has a result


def _reading(target: Target, answer: Future[_Answer], patience: float, columns: Columns) -> Reading:
    try:
        stamp, text = answer.result(timeout=0)
        scraped = exposition(text)
    except (TimeoutError, TimeoutException):
        reason = f"no complete answer within {patience:g} s"
    except (HTTPError, CancelledError, ValueError) as error:
        reason = f"{type(error).__name__}: {error}"[:200]
    else:
        summed = scraped.values
        common, missing = common_values(summed, target.engine_metrics)
        values = raw_values(summed) | columns.of(scraped) | common
        columns.common = {
            _raw(summed, metric): name for name, metric in target.engine_metrics.items() if name in common
        }
        described = columns.described(scraped, stamp.mono)
        return Reading(target.owner, "engine", target.generation, values, missing, stamp=stamp, described=described)
    return Reading(target.owner, "engine", target.generation, {}, {"engine": reason})


def client() -> Client:
    """The client of the scrapes; it keeps no connection open. To make one costs more than ten scrapes.

    An asynchronous one costs 1.6 ms of CPU a scrape instead of 0.6 (threads, four at a time), and leaves a
    connection open for each scrape that is cancelled while it connects (httpcore 1.0).
    """
    return Client(timeout=_TIMEOUT_SECONDS, trust_env=False, limits=Limits(max_keepalive_connections=0))


def scrape(http: Client, url: str) -> Scrape:
    """The current values of a Prometheus endpoint. Raises HTTPError, ValueError."""
    return parse_metrics(_text(http, url))


def _text(http: Client, url: str) -> str:
    return http.get(url).raise_for_status().text


def recognised(scraped: Scrape, known: Mapping[str, Mapping[str, EngineMetric]]) -> str | None:
    """The ``known`` kind with the most metrics in the scrape; None where that is less than half of its metrics."""
    found = {
        kind: sum(any(raw in scraped for raw in one.raw) for one in metrics.values()) for kind, metrics in known.items()
    }
    likely = {kind: count for kind, count in found.items() if count and 2 * count >= len(known[kind])}
    return max(likely, key=lambda kind: likely[kind], default=None)


def parse_metrics(text: str) -> Scrape:
    """Prometheus text to finite values by raw name; histogram buckets, quantiles and creation times left out.

    Raises ValueError for text that is not in the Prometheus format.
    """
    return exposition(text).values


def raw_values(scraped: Scrape) -> dict[str, float]:
    """Every metric as ``engine_<raw name>``, its label sets summed."""
    return {engine_column(name): sum(values) for name, values in scraped.items()}


def common_values(scraped: Scrape, metrics: Mapping[str, EngineMetric]) -> tuple[dict[str, float], dict[str, str]]:
    """The values of the common names, and the reason for each that is not in the scrape.

    The reasons show a metric that a new release has renamed.
    """
    values, missing = {}, {}
    for name, metric in metrics.items():
        raw = _raw(scraped, metric)
        if not raw:
            missing[name] = f"the engine has no metric {' or '.join(metric.raw)}"
        else:
            count = len(scraped[raw]) if metric.combine == "mean" else 1
            values[name] = sum(scraped[raw]) / count * metric.scale
    return values, missing


def _raw(scraped: Scrape, metric: EngineMetric) -> str:
    """The name under which a scrape has a metric; empty where it has none."""
    return next((raw for raw in metric.raw if raw in scraped), "")
