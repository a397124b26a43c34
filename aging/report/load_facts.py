"""What load was asked for, in words, and what load was sent, in numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from aging.core import format
from aging.store.manifest import Load

_OUTCOMES = ("ok", "error", "dropped", "aborted", "refused")
_COLUMNS = ("sent", "finished", "status", "prompt_tokens", "output_tokens")
_LEFT_OUT = frozenset(("kind", "arrivals", "class", "classes", "request", "requests"))
_TERMS: Mapping[str, str] = {
    "prompt_tokens": "Prompt tokens",
    "output_tokens": "Answer tokens",
    "streaming_share": "Streamed",
    "concurrency_cap": "At most in flight",
    "timeout": "Timeout of a request",
    "drain": "Wait at the end",
    "require_calibration": "Calibration required",
}
_UNITS = {"rate": "requests/s", "concurrency": "at a time"}
_MOST = 160


def asked(load: Load) -> Iterator[tuple[str, str]]:
    """A load table as terms and texts; a load of several classes has one term each."""
    table = load.as_json()
    yield from _own(table)
    for one in table.get("class") or table.get("classes") or ():
        if isinstance(one, Mapping):
            parts = [f"{term.lower()} {text}" for term, text in _own(one) if term != "Name"]
            yield f"Class {one.get('name', '')}", "; ".join(parts)


def _own(table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if table.get("arrivals") is not None:
        yield "Arrivals", _written("arrivals", table["arrivals"])
    requests = table.get("request") or table.get("requests") or ()
    if requests:
        lines = [f"{one.get('method', 'GET')} {one.get('path', '')}" for one in requests if isinstance(one, Mapping)]
        yield "Requests", ", ".join(lines)
    for key in sorted(table, key=_place):
        value = table[key]
        if key not in _LEFT_OUT and value not in (None, {}, [], ()):
            text = _written(key, value)
            if text:
                yield _TERMS.get(key, key.replace("_", " ").capitalize()), text


def _place(key: str) -> int:
    return list(_TERMS).index(key) if key in _TERMS else len(_TERMS)


def _written(key: str, value: Any) -> str:
    """A value in words; of a table its kind, then its keys."""
    if isinstance(value, Mapping):
        kind = value.get("kind")
        parts = [_pair(name, one) for name, one in value.items() if name != "kind" and one not in (None, {}, [], 0)]
        inner = ", ".join(part for part in parts if part)
        return f"{kind}, {inner}" if kind and inner else str(kind or inner)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(_written(key, one) for one in value)[:_MOST]
    if key.endswith("_share") and isinstance(value, int | float):
        return format.share(float(value))
    return format.setting(key, value)


def _pair(name: str, value: Any) -> str:
    text = _written(name, value)
    if name == "rate" and text == "1":
        return "1 request/s"
    return f"{text} {_UNITS[name]}" if name in _UNITS else f"{name.replace('_', ' ')} {text}"


@dataclass(frozen=True, slots=True)
class Sent:
    """What the load process of one run sent; times in seconds, token counts as means of the answered requests."""

    deployment: str
    replica: int
    seconds: float
    requests: int
    outcomes: Mapping[str, int]
    in_flight_mean: float | None
    in_flight_most: int
    prompt_tokens: float | None
    output_tokens: float | None

    @property
    def rate(self) -> float | None:
        """Requests per second over the time of the load."""
        return self.requests / self.seconds if self.seconds > 0 else None

    @property
    def unanswered(self) -> int:
        """Requests that failed or were dropped."""
        return self.outcomes.get("error", 0) + self.outcomes.get("dropped", 0)


def sent(deployment: str, replica: int, requests: pd.DataFrame) -> Sent | None:
    """The counts of a run's request records; None where there are none."""
    if requests.empty or not {"sent", "finished", "status"} <= set(requests):
        return None
    began = np.sort(requests["sent"].dropna().to_numpy(dtype=np.float64))
    both = requests[["sent", "finished"]].dropna()
    ended = np.sort(both["finished"].to_numpy(dtype=np.float64))
    starts = np.sort(both["sent"].to_numpy(dtype=np.float64))
    first = float(began[0]) if began.size else 0.0
    last = max(float(began[-1]) if began.size else 0.0, float(ended[-1]) if ended.size else 0.0)
    seconds = last - first
    at_once = np.arange(1, starts.size + 1) - np.searchsorted(ended, starts, side="right")
    counts = requests["status"].value_counts()
    answered = requests[requests["status"] == "ok"]
    return Sent(
        deployment=deployment,
        replica=replica,
        seconds=seconds,
        requests=len(requests),
        outcomes={name: int(counts.get(name, 0)) for name in _OUTCOMES if counts.get(name, 0)},
        in_flight_mean=float((ended.sum() - starts.sum()) / seconds) if seconds > 0 and starts.size else None,
        in_flight_most=int(at_once.max()) if at_once.size else 0,
        prompt_tokens=_mean(answered, "prompt_tokens"),
        output_tokens=_mean(answered, "output_tokens"),
    )


def columns() -> Sequence[str]:
    """The columns of the request records that :func:`sent` reads."""
    return _COLUMNS


def _mean(rows: pd.DataFrame, column: str) -> float | None:
    values = rows[column].dropna() if column in rows else pd.Series(dtype=np.float64)
    return float(values.mean()) if len(values) else None
