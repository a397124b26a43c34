"""The live figures of a load: what they count, and that objectives are counted as the findings count them."""

from __future__ import annotations

import random
from dataclasses import asdict, replace

import pandas as pd
import pytest

from aging.campaign.schema import Objectives
from aging.core.records import RequestRecord, Status
from aging.findings.slo import objectives_met
from aging.load.heartbeat import Beat, Pulse, attained

DONE = RequestRecord(0, 1, 10.0, 10.5, 11.0, 12.0, 12.0, True, 8, 5, 5, 200, "ok", None, False)


def test_figures_since_the_pulse_before() -> None:
    now = 12.0
    pulse = Pulse(0.0, lambda: now, {"": Objectives.model_validate({"ttft": "1s"})})
    for done in (
        DONE,
        replace(DONE, first_token=12.0),
        replace(DONE, held=True, first_token=11.5),
        replace(DONE, status="error", first_token=None),
        replace(DONE, status="dropped", sent=None, first_token=None),
        replace(DONE, status="aborted", fault="abort"),
        replace(DONE, load_class="other"),
    ):
        pulse.recorded(done)
    assert pulse.now(0) == Beat(0, 0.0, 0.0, answered=4, failed=2, judged=5, attained=1, ttft_p99=1.5)
    assert pulse.now(0) == Beat(0, 0.0, 0.0, ttft_p99=1.5)
    now = 73.0
    assert pulse.now(0) == Beat(0, 0.0, 0.0), "times to first token are those of the last minute"


def test_pulse_as_an_event() -> None:
    beat = Beat(3, 0.5, 0.0, 7, 1, 8, 6, 0.25)
    assert Beat.of(asdict(beat)) == beat
    assert Beat.of({"waiting": 3, "quiet": 0.5, "late": 0}) == Beat(3, 0.5, 0)
    assert Beat.of(asdict(beat) | {"failed": "many"}) is None
    assert Beat.of(asdict(beat) | {"ttft_p99": "late"}) is None
    assert Beat.of({"waiting": 3, "quiet": 0.5}) is None


EACH = {"ttft": 0.6, "tpot": 0.2, "e2e": 1.6}


@pytest.mark.parametrize("objectives", [*({name: seconds} for name, seconds in EACH.items()), EACH])
def test_objectives_as_the_findings_count_them(objectives: dict[str, float]) -> None:
    rng = random.Random(5)
    records = []
    for index in range(400):
        streaming, held = rng.random() < 0.7, rng.random() < 0.3
        status: Status = rng.choice(("ok", "ok", "ok", "error", "dropped", "aborted"))
        first = 10.5 + rng.random() if streaming and status == "ok" else None
        last = 11.5 + rng.random() if status == "ok" else None
        tokens = rng.choice((1, 5, 20)) if status == "ok" else None
        sent = None if status == "dropped" else 10.4
        fault = "abort" if status == "aborted" else ""
        records.append(
            replace(
                DONE,
                index=index,
                streaming=streaming,
                held=held,
                status=status,
                first_token=first,
                last_token=last,
                output_tokens=tokens,
                sent=sent,
                fault=fault,
            )
        )
    expected = objectives_met(pd.DataFrame([asdict(one) for one in records]), objectives)
    limits = Objectives.model_validate({name: f"{seconds}s" for name, seconds in objectives.items()})
    judged = {one.index: met for one in records if (met := attained(one, limits)) is not None}
    assert judged == expected.to_dict()
    assert 0 < sum(judged.values()) < len(judged)
