"""A client of Prometheus' HTTP API, for what speaks it (Prometheus, Thanos, Mimir, VictoriaMetrics): read-only."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from aging.core import http
from aging.core.errors import AgingError
from aging.tables.prometheus_access import Access

Floats = NDArray[np.float64]
Labels = Mapping[str, str]

MOST_POINTS = 10_000
"""Points of a series that one query asks for; the server's own limit is 11,000."""

_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400)
_TIMEOUT_SECONDS = 120
_LONGEST_GET = 1500
_TRIES = 3
_PAUSE_SECONDS = 0.5
_SHORTEST_PAGE = 120
"""Points below which a page that the server found too large is not halved again."""


class Refusal(StrEnum):
    """Why a server gave no answer."""

    UNREACHABLE = "unreachable"
    TLS = "tls"
    UNAUTHORIZED = "unauthorized"
    BAD_QUERY = "bad-query"
    TOO_MANY_SAMPLES = "too-many-samples"
    TIMEOUT = "timeout"
    NO_API = "no-api"
    FAILED = "failed"


class PrometheusError(AgingError):
    """A Prometheus server that does not answer, or refuses a query; the message says why and what to do."""

    def __init__(self, message: str, refusal: Refusal = Refusal.FAILED) -> None:
        super().__init__(message)
        self.refusal = refusal

    @property
    def final(self) -> bool:
        """Whether no other query can succeed."""
        return self.refusal in (Refusal.UNREACHABLE, Refusal.TLS, Refusal.UNAUTHORIZED, Refusal.NO_API)


@dataclass(frozen=True, slots=True)
class Window:
    """The times that are asked for: every ``step`` seconds from ``start`` to ``end``, both epoch seconds."""

    start: float
    end: float
    step: float

    @classmethod
    def last(cls, seconds: float, step: float, now: float | None = None) -> Window:
        """The last ``seconds`` until ``now``, with times that are multiples of the step, which servers cache."""
        end = math.floor((time.time() if now is None else now) / step) * step
        return cls(end - math.floor(seconds / step) * step, end, step)

    @property
    def points(self) -> int:
        return round((self.end - self.start) / self.step) + 1

    @property
    def times(self) -> Floats:
        """Epoch seconds, shape (points,)."""
        times: Floats = self.start + self.step * np.arange(self.points, dtype=np.float64)
        return times

    @property
    def until_now(self) -> Window:
        """The same until after ``now``, for questions of which series there are."""
        return Window(self.start, self.end + self.step, self.step)

    def pages(self, most: int = MOST_POINTS) -> Sequence[Window]:
        """Windows of at most ``most`` points that are this one together."""
        firsts = range(0, self.points, most)
        return [
            Window(self.start + self.step * at, self.start + self.step * (min(at + most, self.points) - 1), self.step)
            for at in firsts
        ]


def usual_step(seconds: float, scraped_every: float | None) -> float:
    """A round step of at most 10,000 points in ``seconds``, no finer than the samples are.

    Where the interval of the samples is not known it is taken for a minute, in a short range for less.
    """
    every = min(60.0, seconds / 240) if scraped_every is None else scraped_every
    least = max(seconds / MOST_POINTS, 0.95 * every)
    return float(next((step for step in _STEPS if step >= least), _STEPS[-1] * math.ceil(least / _STEPS[-1])))


@dataclass(frozen=True, slots=True)
class RangeSeries:
    """One answer of a range query: its labels (``__name__`` among them) and, at the window's times, its values.

    A time without a sample is NaN.
    """

    labels: Labels
    values: Floats


@dataclass(frozen=True, slots=True)
class InstantValue:
    """One answer of an instant query."""

    labels: Labels
    value: float


class Prometheus:
    """A server at ``url``. Every method raises :class:`PrometheusError`. Safe for use by several threads."""

    def __init__(self, url: str, access: Access | None = None, timeout: float = _TIMEOUT_SECONDS) -> None:
        given = access or Access()
        try:
            self._base = http.URL(url.rstrip("/"))
        except http.InvalidURL:
            raise PrometheusError(f"{url!r} is not a URL; write it as in http://127.0.0.1:9090") from None
        self.shown = str(self._base.copy_with(userinfo=b""))
        self._timeout = timeout
        self._extensions = {} if given.server_name is None else {"sni_hostname": given.server_name}
        self._client = http.Client(
            headers=dict(given.headers),
            auth=None if given.user is None else (given.user, given.password),
            verify=given.context(),
            proxy=given.proxy,
            timeout=timeout + 10,
            follow_redirects=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def range(self, query: str, window: Window) -> list[RangeSeries]:
        """Every series of a query, in pages; a page that loads too many samples is asked for in halves."""
        found: dict[tuple[tuple[str, str], ...], RangeSeries] = {}
        for page in window.pages():
            self._page(query, page, window, found)
        return list(found.values())

    def _page(
        self, query: str, page: Window, whole: Window, found: dict[tuple[tuple[str, str], ...], RangeSeries]
    ) -> None:
        asked = {"query": query, "start": f"{page.start:.3f}", "end": f"{page.end:.3f}", "step": f"{page.step:g}"}
        try:
            data = self._ask("query_range", asked)
        except PrometheusError as error:
            if error.refusal is not Refusal.TOO_MANY_SAMPLES or page.points < 2 * _SHORTEST_PAGE:
                raise
            for half in page.pages(-(-page.points // 2)):
                self._page(query, half, whole, found)
            return
        for one in data.get("result", ()):
            labels = one["metric"]
            key = tuple(sorted(labels.items()))
            series = found.setdefault(key, RangeSeries(labels, np.full(whole.points, np.nan)))
            points = one.get("values", ())
            at = np.rint((np.array([point[0] for point in points], dtype=float) - whole.start) / whole.step)
            series.values[at.astype(np.intp)] = np.array([point[1] for point in points]).astype(float)

    def instant(self, query: str, at: float) -> list[InstantValue]:
        """Every value of a query at epoch second ``at``."""
        data = self._ask("query", {"query": query, "time": f"{at:.3f}"})
        if data.get("resultType") == "scalar":
            return [InstantValue({}, float(data["result"][1]))]
        return [InstantValue(one["metric"], float(one["value"][1])) for one in data.get("result", ()) if "value" in one]

    def names(self, selectors: Iterable[str], window: Window) -> list[str]:
        """The names of all metrics of these selectors (none: of all series) with a sample in the window."""
        asked = {"match[]": list(selectors), "start": f"{window.start:.0f}", "end": f"{window.end:.0f}"}
        return list(self._ask("label/__name__/values", asked, always_get=True))

    def series(self, selector: str, window: Window) -> list[Labels]:
        """The labels of every series of a selector with a sample in the window."""
        asked = {"match[]": selector, "start": f"{window.start:.0f}", "end": f"{window.end:.0f}"}
        return list(self._ask("series", asked))

    def types(self, metric: str | None = None) -> dict[str, str]:
        """The type (``counter``, ``gauge``, …) of a metric, or of all; empty where the server does not know."""
        try:
            data = self._ask("metadata", {} if metric is None else {"metric": metric}, always_get=True)
        except PrometheusError as error:
            if error.final and error.refusal is not Refusal.NO_API:
                raise
            return {}
        return {name: kinds[0].get("type", "unknown") for name, kinds in data.items() if kinds}

    def scraped_every(self, selector: str, at: float) -> float | None:
        """Seconds between the samples of a plain selector, from its last minutes; None where it has none there."""
        for minutes in (1, 10):
            try:
                counts = self.instant(f"max(count_over_time({selector}[{minutes}m]))", at)
            except PrometheusError as error:
                if error.final:
                    raise
                return None
            if counts and counts[0].value >= 3:
                return 60.0 * minutes / counts[0].value
        return None

    def _ask(self, path: str, asked: Mapping[str, Any], always_get: bool = False) -> Any:
        url = f"{self._base}/api/v1/{path}"
        long = sum(len(str(value)) for value in asked.values()) > _LONGEST_GET and not always_get
        limits = {"timeout": f"{self._timeout:g}s"} if path.startswith("query") else {}
        for attempt in range(_TRIES):
            last = attempt == _TRIES - 1
            try:
                answer = (
                    self._client.post(url, data={**asked, **limits}, extensions=self._extensions)
                    if long
                    else self._client.get(url, params={**asked, **limits}, extensions=self._extensions)
                )
            except http.TimeoutException:
                raise self._error(Refusal.TIMEOUT, asked, f"no answer within {self._timeout:g} s") from None
            except http.HTTPError as error:
                if isinstance(error, http.ReadError | http.RemoteProtocolError) and not last:
                    time.sleep(_PAUSE_SECONDS)
                    continue
                raise self._unreachable(error) from None
            if answer.status_code in (429, 502, 503, 504) and not last and not _timed_out(answer):
                time.sleep(_PAUSE_SECONDS * 2**attempt)
                continue
            break
        return self._data(answer, asked)

    def _data(self, answer: http.Response, asked: Mapping[str, Any]) -> Any:
        code = answer.status_code
        if code in (401, 403):
            raise PrometheusError(
                f"{self.shown}: refused the access ({code}); give a user or a token with --http-config FILE",
                Refusal.UNAUTHORIZED,
            )
        try:
            content = answer.json()
        except ValueError:
            content = None
        if not isinstance(content, dict) or "status" not in content:
            if code >= 500:
                raise self._error(Refusal.FAILED, asked, f"status {code}")
            raise PrometheusError(
                f"{self.shown}: no Prometheus API there (status {code} for {answer.url.path}); "
                "give the URL before /api/v1, like http://127.0.0.1:9090",
                Refusal.NO_API,
            )
        if content["status"] != "success":
            said = str(content.get("error", f"status {code}"))
            raise self._error(_refusal(str(content.get("errorType", "")), said), asked, said)
        return content.get("data")

    def _error(self, refusal: Refusal, asked: Mapping[str, Any], said: str) -> PrometheusError:
        query = asked.get("query") or asked.get("match[]") or ""
        shown = f" the query {str(query)[:200]!r}" if query else " a request"
        todo = {
            Refusal.TOO_MANY_SAMPLES: "; ask for fewer series, a shorter --range or a longer --step",
            Refusal.TIMEOUT: "; ask for fewer series or a shorter --range",
        }.get(refusal, "")
        return PrometheusError(f"{self.shown}: refused{shown}: {said}{todo}", refusal)

    def _unreachable(self, error: http.HTTPError) -> PrometheusError:
        said = str(error)
        if "SSL" in said or "certificate" in said.lower() or "TLS" in said:
            what = "does not trust the server's certificate" if "verify failed" in said else "TLS fails"
            todo = "give its authority as tls_config: ca_file in --http-config FILE"
            return PrometheusError(f"{self.shown}: {what} ({said}); {todo}", Refusal.TLS)
        return PrometheusError(f"{self.shown}: does not answer: {said}", Refusal.UNREACHABLE)


def _timed_out(answer: http.Response) -> bool:
    return b'"timeout"' in answer.content[:300]


def _refusal(kind: str, said: str) -> Refusal:
    lower = said.lower()
    if "too many samples" in lower or "maximum resolution" in lower or ("limit" in lower and "exceed" in lower):
        return Refusal.TOO_MANY_SAMPLES
    if kind in ("timeout", "canceled"):
        return Refusal.TIMEOUT
    return Refusal.BAD_QUERY if kind == "bad_data" else Refusal.FAILED
