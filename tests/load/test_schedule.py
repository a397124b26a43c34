"""The schedule is the same for equal seeds, and is merged from classes that leave each other alone."""

from __future__ import annotations

import tracemalloc
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import pytest

from aging.core.endpoint import Endpoint
from aging.load.job import Job, load_table
from aging.load.schedule.classes import classes_of
from aging.load.schedule.planned_request import CLASS_STRIDE, PlannedRequest
from aging.load.schedule.schedule import ScheduleHash, closed_loops, merged, schedule_hash
from tests.load.workloads import BASE, planned


def hashed(seed: int = 1, duration: float = 200.0, **tables: Any) -> str:
    return schedule_hash(classes_of(load_table(BASE | tables)), seed, duration)


def test_equal_seeds_give_equal_schedules_and_other_seeds_others() -> None:
    assert planned() == planned()
    assert hashed() == hashed()
    assert hashed() != hashed(seed=2)


@pytest.mark.parametrize(
    ("arrivals", "expected"),
    [
        ({"kind": "poisson", "rate": 50.0}, "0f12d67bb501211ed5ec8caed670a49f413d6ce896e9c3f039c21167418f8283"),
        (
            {"kind": "gamma", "rate": 50.0, "cv": 2.5},
            "0fd400c5dabb90e95f20f9fb0d074a202fd2f20fb9c21c2171feb201e9dbd66a",
        ),
        (
            {"kind": "diurnal", "rate": 50.0, "amplitude": 0.7, "period": "60s"},
            "5e5691fd62ae0102919f8c3ca017e796288d01518ae8505c92b896ea80d370f1",
        ),
    ],
)
def test_the_schedule_is_the_same_on_every_machine(arrivals: dict[str, Any], expected: str) -> None:
    # Recorded once; a change here means that published campaigns would no longer be repeated.
    assert hashed(duration=10.0, arrivals=arrivals) == expected


def test_a_longer_campaign_begins_with_the_shorter_one() -> None:
    short, long = planned(duration=20.0), planned(duration=200.0)
    assert long[: len(short)] == short
    assert long[len(short)].at >= 20.0


def test_changing_one_aspect_leaves_the_others_as_they_were() -> None:
    before = planned()
    after = planned(streaming_share=0.1, options={"n": 0.5}, faults={"abort": 0.5})
    assert [request[:4] for request in before] == [request[:4] for request in after]
    assert [request.streaming for request in before] != [request.streaming for request in after]


def test_the_streaming_share_is_kept() -> None:
    streamed = [request.streaming for request in planned()]
    assert sum(streamed) / len(streamed) == pytest.approx(0.7, abs=0.02)


def test_options_are_drawn_independently_in_their_shares() -> None:
    requests = planned(options={"chat": 0.5, "n": 0.2, "stop": 1.0})
    chat, several = (["chat" in r.options for r in requests], ["n" in r.options for r in requests])
    assert sum(chat) / len(requests) == pytest.approx(0.5, abs=0.02)
    assert sum(several) / len(requests) == pytest.approx(0.2, abs=0.02)
    both = sum(a and b for a, b in zip(chat, several, strict=True)) / len(requests)
    assert both == pytest.approx(0.1, abs=0.015)
    assert all("stop" in request.options for request in requests)


def test_a_long_prompt_is_the_longest_that_there_is() -> None:
    requests = planned(options={"long": 0.1})
    assert all((request.prompt_tokens == 1000) == ("long" in request.options) for request in requests[:200])


def test_a_request_is_impolite_in_one_way_at_most() -> None:
    requests = planned(faults={"abort": 0.1, "not-found": 0.05})
    counts = {fault: sum(request.fault == fault for request in requests) for fault in ("abort", "not-found", "")}
    assert sum(counts.values()) == len(requests)
    assert counts["abort"] / len(requests) == pytest.approx(0.1, abs=0.015)
    assert counts["not-found"] / len(requests) == pytest.approx(0.05, abs=0.01)


CLASSES: list[dict[str, Any]] = [
    {"name": "chat", "priority": -1},
    {"name": "batch", "arrivals": {"kind": "constant", "rate": 5}, "output_tokens": {"kind": "fixed", "tokens": 7}},
]


def classed(classes: list[dict[str, Any]], rate: float | None = None) -> list[PlannedRequest]:
    tables: dict[str, Any] = {"class": classes}
    return planned(rate=rate, **tables)


def of_class(requests: list[PlannedRequest], name: str) -> list[PlannedRequest]:
    return [request for request in requests if request.load_class == name]


def test_classes_are_merged_in_order_of_time_with_numbers_of_their_own() -> None:
    requests = classed(CLASSES)
    assert all(earlier.at <= later.at for earlier, later in pairwise(requests))
    assert len({request.number for request in requests}) == len(requests)
    batch = of_class(requests, "batch")
    assert [request.number for request in batch] == [CLASS_STRIDE + k for k in range(len(batch))]
    assert {(request.output_tokens, request.priority) for request in batch} == {(7, 0)}
    assert {request.priority for request in of_class(requests, "chat")} == {-1}


def test_changing_one_class_leaves_the_others_as_they_were() -> None:
    before = classed(CLASSES)
    faster = [CLASSES[0], CLASSES[1] | {"arrivals": {"kind": "poisson", "rate": 20}}]
    after = classed(faster)
    assert of_class(before, "chat") == of_class(after, "chat")
    assert len(of_class(after, "batch")) > 3 * len(of_class(before, "batch"))


def test_a_deployments_rate_is_shared_by_its_classes_as_their_own_rates_are() -> None:
    requests = classed(CLASSES, rate=11.0)
    assert len(of_class(requests, "batch")) == pytest.approx(1.0 * 200, abs=1)
    assert len(of_class(requests, "chat")) == pytest.approx(10.0 * 200, rel=0.1)


CLOSED: dict[str, Any] = {
    "name": "offline",
    "arrivals": {"kind": "closed", "concurrency": 4, "think": "1s", "yields_above": 2},
}


def test_a_closed_loop_has_endless_requests_outside_the_open_stream() -> None:
    load = load_table(BASE | {"class": [CLASSES[0], CLOSED]})
    (loop,) = closed_loops(classes_of(load), 1)
    assert (loop.concurrency, loop.think, loop.yields_above) == (4, 1.0, 2)
    some = list(islice(loop.requests, 1000))
    assert [request.number for request in some] == [CLASS_STRIDE + k for k in range(1000)]
    assert {request.at for request in some} == {0.0}
    assert of_class(classed([CLASSES[0], CLOSED]), "offline") == []
    assert next(iter(closed_loops(classes_of(load, rate=3.0), 1))).concurrency == 4


def test_the_hash_covers_closed_loops() -> None:
    with_loop: dict[str, Any] = {"class": [CLASSES[0], CLOSED]}
    other: dict[str, Any] = {"class": [CLASSES[0], CLOSED | {"prompt_tokens": {"kind": "fixed", "tokens": 9}}]}
    assert hashed(**with_loop) == hashed(**with_loop)
    assert hashed(**with_loop) != hashed(**other)


def test_the_hash_covers_every_field_of_a_request() -> None:
    plain = PlannedRequest(0, 0.0, 5, 5, True)
    values: dict[str, Any] = {
        "at": 1e-9,
        "load_class": "a",
        "options": ("n",),
        "fault": "abort",
        "prefix": (3,),
        "session": 4,
        "turn": 1,
        "priority": -2,
        "shared": 9,
        "history": (1, 2),
    }
    others = [plain._replace(**{name: value}) for name, value in values.items()]
    digests = set()
    for request in (plain, *others):
        digest = ScheduleHash()
        digest.add(request)
        digests.add(str(digest))
    assert len(digests) == len(others) + 1


def test_the_phases_of_a_job_are_those_of_its_arrivals() -> None:
    bursts = {"name": "bursts", "arrivals": {"kind": "on-off", "on_rate": 50, "on": "9s", "off": "9s"}}
    job = Job(
        Endpoint("http://127.0.0.1:1", "m"), load_table(BASE | {"class": [CLASSES[1], bursts]}), None, 3, 200, 0, Path()
    )
    at = [request.at for request in of_class(list(job.requests()), "bursts")]
    phases = job.phases()
    assert {phase.rate for phase in phases} == {0.0, 50.0}
    for phase in phases:
        assert any(phase.start <= each < phase.end for each in at) == (phase.rate > 0)


def test_a_job_holds_all_of_a_load() -> None:
    traced = {"kind": "trace", "file": "a.csv", "window": "1h", "native_rate": 0.1234567890123}
    load = load_table(
        BASE
        | {
            "timeout": "1234567s",
            "faults": {"not-found": 0.25},
            "prompts": {"sessions": {"share": 0.5, "turns": 3, "think": "250ms"}},
            "class": [*CLASSES, CLOSED, {"name": "traced", "arrivals": traced}],
        }
    )
    job = Job(Endpoint("http://127.0.0.1:1", "m"), load, 3.0, 1, 10.0, 5.0, Path("folder"))
    assert Job.from_json(job.to_json()) == job
    assert "\n" not in job.to_json()


@pytest.mark.parametrize(
    "tables",
    [
        {},
        {
            "prompts": {
                "sessions": {"share": 0.8, "turns": 5, "think": "3s"},
                "shared_prefix": {"share": 1, "tokens": 9},
            }
        },
        {"class": CLASSES},
    ],
    ids=["plain", "conversations", "classes"],
)
def test_a_schedule_is_drawn_in_constant_memory(tables: dict[str, Any]) -> None:
    requests = merged(classes_of(load_table(BASE | tables)), 1, 1e6)
    for _ in islice(requests, 2_000):
        pass
    tracemalloc.start()
    try:
        for _ in islice(requests, 4_000):
            pass
        early = tracemalloc.get_traced_memory()[0]
        for _ in islice(requests, 16_000):
            pass
        assert tracemalloc.get_traced_memory()[0] - early < 300_000  # a chunk more or less
    finally:
        tracemalloc.stop()
