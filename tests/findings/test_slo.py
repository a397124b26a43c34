"""Attainment and goodput, against hand-made requests whose answer is known."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aging.core.records import RequestRecord
from aging.findings.latencies import SINCE, Base, latencies, lateness, time_to_first_token
from aging.findings.slo import attainments, classes, judged
from aging.report.format import objectives_text
from aging.store.manifest import Load

ANSWERED = RequestRecord(
    index=0,
    generation=1,
    scheduled=100.0,
    sent=100.0,
    first_token=100.5,
    last_token=102.5,
    finished=102.5,
    streaming=True,
    prompt_tokens=10,
    output_tokens_asked=21,
    output_tokens=21,
    http_status=200,
    status="ok",
    error=None,
    held=False,
)
BOUNDS = {"ttft": 1.0, "tpot": 0.2, "e2e": 5.0}


def frame(*records: RequestRecord) -> pd.DataFrame:
    return pd.DataFrame([asdict(record) for record in records])


def verdicts(*records: RequestRecord, bounds: Any = BOUNDS) -> dict[int, bool]:
    met = judged(frame(*(replace(one, index=index) for index, one in enumerate(records))), bounds)
    return {int(index): bool(value) for index, value in met.items()}  # type: ignore[call-overload]


def test_latencies_follow_their_definitions() -> None:
    requests = frame(ANSWERED)
    seen = latencies(requests, "sent").iloc[0]
    assert seen["ttft"] == pytest.approx(0.5)
    assert seen["tpot"] == pytest.approx(2.0 / 20)
    assert seen["e2e"] == pytest.approx(2.5)


HELD = replace(ANSWERED, scheduled=98.0, sent=99.5, held=True)
QUEUED = replace(ANSWERED, scheduled=98.0, sent=99.5)


@pytest.mark.parametrize(
    ("record", "base", "ttft"),
    [
        (QUEUED, "sent", 1.0),
        (QUEUED, "scheduled", 2.5),
        (QUEUED, "waited", 1.0),
        (HELD, "sent", 1.0),
        (HELD, "waited", 2.5),
    ],
)
def test_a_latency_counts_from_what_its_base_says(record: RequestRecord, base: Base, ttft: float) -> None:
    seen = latencies(frame(record), base).iloc[0]
    assert seen["ttft"] == pytest.approx(ttft)
    assert seen["e2e"] == pytest.approx(ttft + 2.0)
    assert seen["tpot"] == pytest.approx(0.1)
    assert base in SINCE


def test_a_single_record_has_the_same_time_to_first_token() -> None:
    kinds = (
        QUEUED,
        replace(QUEUED, streaming=False),
        replace(QUEUED, status="error"),
        replace(QUEUED, first_token=None),
    )
    for base in ("sent", "scheduled"):
        whole = latencies(frame(*kinds), base)["ttft"]
        single = [time_to_first_token(asdict(record), base) for record in kinds]
        assert [None if np.isnan(value) else value for value in whole] == single


def test_lateness_is_of_prompt_requests() -> None:
    late = [replace(ANSWERED, scheduled=100.0 - delay) for delay in (0.0, 0.1, 0.2)]
    assert lateness(frame(*late)) == pytest.approx(0.198)
    assert lateness(frame(*late, HELD, replace(ANSWERED, scheduled=0.0, sent=None))) == pytest.approx(0.198)
    assert lateness(frame(HELD)) == lateness(frame()) == 0.0


@pytest.mark.parametrize(("tokens", "each"), [(42, 2.0 / 20), (21, 2.0 / 20)])
def test_tokens_of_all_choices_are_not_one_answers(tokens: int, each: float) -> None:
    # vLLM's usage counts the tokens of both choices, llama.cpp's those of one.
    requests = frame(replace(ANSWERED, options="chat+n", output_tokens=tokens))
    assert latencies(requests, "sent")["tpot"].iloc[0] == pytest.approx(each)


@pytest.mark.parametrize("bounds", [{"ttft": 0.4}, {"tpot": 0.09}, {"e2e": 2.4}, BOUNDS | {"e2e": 2.4}])
def test_one_missed_objective_misses_all(bounds: dict[str, float]) -> None:
    assert verdicts(ANSWERED, bounds=bounds) == {0: False}


def test_errors_and_drops_are_missed_and_impolite_requests_left_out() -> None:
    failed = replace(ANSWERED, status="error", error="HTTP 500")
    dropped = replace(ANSWERED, status="dropped", sent=None, first_token=None, last_token=None)
    aborted = replace(ANSWERED, status="aborted", fault="abort")
    refused = replace(ANSWERED, status="refused", fault="malformed")
    unrefused = replace(ANSWERED, status="error", fault="not-found")
    assert verdicts(ANSWERED, failed, dropped, aborted, refused, unrefused) == {0: True, 1: False, 2: False}


def test_what_a_request_does_not_tell_is_not_held_against_it() -> None:
    whole = replace(ANSWERED, streaming=False, first_token=None)
    one_token = replace(ANSWERED, output_tokens=1, last_token=100.5)
    assert verdicts(whole, one_token) == {0: True, 1: True}
    assert verdicts(whole, bounds={"ttft": 1.0, "tpot": 0.2}) == {}, "nothing of it can be judged"
    slow = replace(whole, last_token=106.0)
    assert verdicts(slow) == {0: False}


def test_a_request_that_a_rejuvenation_held_back_waited_since_it_was_due() -> None:
    held = replace(ANSWERED, scheduled=90.0, held=True)
    late = replace(ANSWERED, scheduled=90.0)
    assert verdicts(held, late) == {0: False, 1: True}


def test_attainment_and_goodput_of_the_whole_and_of_its_ends() -> None:
    # One a second for 100 s; those that end in the second half miss.
    records = [
        replace(
            ANSWERED,
            sent=float(at),
            scheduled=float(at),
            first_token=at + (0.5 if at < 50 else 3.0),
            last_token=at + 4.0,
            finished=float(at),
        )
        for at in range(100)
    ]
    (found,) = attainments("server", [(frame(*records), 0.0, 100.0)], {"": {"ttft": 1.0}})
    assert (found.judged, found.met, found.edge_seconds) == (100, 50, 50.0)
    assert found.attainment == pytest.approx(0.5)
    assert found.goodput == pytest.approx(0.5)
    assert found.first_attainment == pytest.approx(50 / 51)  # the one at 50 s belongs to both
    assert found.last_attainment == 0.0
    assert found.last_goodput == 0.0


def test_classes_are_judged_by_their_own_objectives() -> None:
    batch = replace(ANSWERED, load_class="batch", last_token=130.0, finished=103.0)
    chat = replace(ANSWERED, load_class="chat", finished=103.0)
    requests = frame(*[batch] * 3, *[chat] * 2, replace(chat, first_token=105.0))
    told = {"batch": {"e2e": 60.0}, "chat": {"ttft": 1.0}}
    found = {one.load_class: one for one in attainments("server", [(requests, 100.0, 110.0)], told)}
    assert found["batch"].attainment == 1.0
    assert found["chat"].attainment == pytest.approx(2 / 3)
    assert found["chat"].goodput == pytest.approx(0.2)


def test_the_manifests_objectives_are_read_with_their_units() -> None:
    assert classes(Load(objectives={"ttft": "0.5s", "tpot": "0.05s", "e2e": None})) == {"": {"ttft": 0.5, "tpot": 0.05}}
    assert classes(Load(objectives=None)) == classes(None) == {}
    assert objectives_text({"ttft": 0.5, "e2e": 90.0}) == "TTFT ≤ 500ms, E2E ≤ 1m 30s"


def test_records_of_earlier_releases_can_be_judged() -> None:
    older = frame(ANSWERED).drop(columns=["load_class", "options", "fault", "stall"])
    assert judged(older, BOUNDS).tolist() == [True]
    assert np.isnan(latencies(older, "sent")["stall"].iloc[0])
