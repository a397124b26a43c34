"""A range of a Prometheus server's data as a table."""

from __future__ import annotations

import time

import numpy as np

from aging.core import http
from aging.core.errors import AgingError
from aging.tables.table import Column

_TIMEOUT_SECONDS = 60.0


def query_range(url: str, query: str, seconds: float, step: float) -> dict[str, Column]:
    """The last ``seconds`` of ``query`` every ``step`` seconds, in long form: time, series, value.

    Raises :class:`AgingError` for a server that does not answer, refuses the query, or has no data.
    """
    end = time.time()
    asked = {"query": query, "start": f"{end - seconds:.3f}", "end": f"{end:.3f}", "step": f"{step:g}"}
    try:
        answer = http.get(f"{url.rstrip('/')}/api/v1/query_range", params=asked, timeout=_TIMEOUT_SECONDS)
        content = answer.json()
    except (http.HTTPError, http.InvalidURL, ValueError) as error:
        raise AgingError(f"{url}: no answer from a Prometheus server: {error}") from None
    if content.get("status") != "success":
        raise AgingError(f"{url}: refused the query {query!r}: {content.get('error', answer.status_code)}")
    rows = [
        (float(at), _name(found["metric"]), float(value))
        for found in content["data"]["result"]
        for at, value in found.get("values", ())
    ]
    if not rows:
        raise AgingError(f"{url}: the query {query!r} has no data in the last {seconds:g} s")
    return {
        name: np.array(values)
        for name, values in zip(("time", "series", "value"), zip(*rows, strict=True), strict=True)
    }


def _name(metric: dict[str, str]) -> str:
    labels = ",".join(f'{key}="{value}"' for key, value in sorted(metric.items()) if key != "__name__")
    return f"{metric.get('__name__', '')}{{{labels}}}"
