"""The load that was asked for in words, and that was sent in numbers."""

from __future__ import annotations

import pandas as pd
import pytest

from aging.report.load_facts import asked, sent
from aging.store.manifest import Load


def words(**table: object) -> dict[str, str]:
    return dict(asked(Load.model_validate(table)))


def test_asked() -> None:
    found = words(
        arrivals={"kind": "gamma", "rate": 2.5, "cv": 3},
        timeout="30s",
        prompt_tokens={"median": 48.0, "p95": 96.0},
        streaming_share=0.7,
        concurrency_cap=64,
        prompts={"shared_tokens": 0, "kind": None},
        objectives=None,
    )
    assert found == {
        "Arrivals": "gamma, 2.5 requests/s, cv 3",
        "Prompt tokens": "median 48, p95 96",
        "Streamed": "70 %",
        "At most in flight": "64",
        "Timeout of a request": "30s",
    }
    assert next(iter(found)) == "Arrivals"


def test_plain_requests_and_classes() -> None:
    assert words(request=[{"path": "/a"}, {"method": "POST", "path": "/b"}])["Requests"] == "GET /a, POST /b"
    found = words(**{"class": [{"name": "chat", "arrivals": {"kind": "poisson", "rate": 1}, "streaming_share": 1.0}]})
    assert found == {"Class chat": "arrivals poisson, 1 request/s; streamed 100 %"}


def frame(rows: list[tuple[float | None, float, str]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["sent", "finished", "status"])


def test_sent() -> None:
    found = sent("a", 1, frame([(0.0, 4.0, "ok"), (1.0, 2.0, "error"), (3.0, 10.0, "ok"), (None, 5.0, "dropped")]))
    assert found is not None
    assert (found.requests, found.outcomes, found.unanswered) == (4, {"ok": 2, "error": 1, "dropped": 1}, 2)
    assert (found.seconds, found.in_flight_most) == (10.0, 2)
    assert found.rate == pytest.approx(0.4)
    assert found.in_flight_mean == pytest.approx((4 + 1 + 7) / 10)
    assert found.prompt_tokens is None


@pytest.mark.parametrize("rows", [[], [(None, float("nan"), "dropped")], [(1.0, 1.0, "ok")]])
def test_sent_of_almost_nothing(rows: list[tuple[float | None, float, str]]) -> None:
    found = sent("a", 1, frame(rows))
    assert found is None or (found.rate is None and found.in_flight_mean is None)
