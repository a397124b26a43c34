"""Closed loops: as many at a time as they have places, beside the open load, and behind it where they yield."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from itertools import count, pairwise

import pytest

from aging.core.records import RequestRecord
from aging.load.client import Client
from aging.load.schedule.planned_request import ClosedLoop, PlannedRequest
from tests.load.clients import LIMITS, requests
from tests.load.virtual import LOAD_START, Served, drive


def endless(tokens: int = 4) -> Iterator[PlannedRequest]:
    return (PlannedRequest(1000 + k, 0.0, 5, tokens, True, load_class="batch") for k in count())


def most_at_a_time(records: list[RequestRecord]) -> int:
    sent = [(record.sent or 0.0, 1) for record in records] + [(record.finished, -1) for record in records]
    running = most = 0
    for _, change in sorted(sent):
        running += change
        most = max(most, running)
    return most


def test_a_closed_loop_keeps_its_places_busy_until_its_end() -> None:
    records = drive(Served(ttft=0.05), (), LIMITS, closed=[ClosedLoop(endless(), 3)], duration=1.02)
    assert {record.status for record in records} == {"ok"}
    assert most_at_a_time(records) == 3
    assert len(records) == 63, "three at a time, a twentieth of a second each"
    assert all(record.sent is not None and record.sent < LOAD_START + 1.02 for record in records)
    assert {record.load_class for record in records} == {"batch"}
    assert [record.index for record in records] == list(range(1000, 1000 + len(records)))
    assert all(record.sent is not None and record.sent - record.scheduled < 0.001 for record in records)


def test_it_thinks_between_an_answer_and_the_next_request() -> None:
    records = drive(Served(), (), LIMITS, closed=[ClosedLoop(endless(), 1, think=0.2)], duration=1.1)
    assert len(records) == 6
    for before, after in pairwise(records):
        assert (after.sent or 0.0) - before.finished == pytest.approx(0.2)


def test_a_finite_loop_ends_the_load_by_itself() -> None:
    few = iter([PlannedRequest(k, 0.1 * k, 5, 4, True) for k in range(4)])
    records = drive(Served(), (), LIMITS, closed=[ClosedLoop(few, 2)], duration=60.0)
    assert len(records) == 4
    assert max(record.finished for record in records) < LOAD_START + 1.0
    assert all(record.scheduled >= LOAD_START + 0.1 * record.index for record in records)


def test_it_yields_while_the_open_load_is_busy() -> None:
    """Open requests take 0.8 s and come at 0 s: until they are done, a loop that yields above 2 sends nothing."""
    planned = [request._replace(at=0.0) for request in requests(3, 0.0)]
    loop = ClosedLoop(endless(), 4, yields_above=2)
    records = drive(Served(ttft=0.8), planned, LIMITS, closed=[loop], duration=1.5)
    online = [record for record in records if not record.load_class]
    offline = [record for record in records if record.load_class]
    assert [record.status for record in online] == ["ok"] * 3
    assert offline
    began = sorted(record.sent - LOAD_START for record in offline if record.sent is not None)
    assert all(sent < 0.01 or sent >= 0.79 for sent in began)  # before the first arrival, or after two have gone
    assert sum(sent >= 0.79 for sent in began) >= 4
    assert all(record.sent is not None and record.sent - record.scheduled < 0.01 for record in online)


@pytest.mark.parametrize("think", [0.0, 30.0])
def test_it_stops_when_the_load_is_stopped(think: float) -> None:
    async def stop(client: Client) -> None:
        await asyncio.sleep(1.4)
        client.stop()

    loop = ClosedLoop(endless(), 2, think=think)
    records = drive(Served(ttft=0.1), (), LIMITS, script=stop, closed=[loop], duration=60.0)
    assert records
    assert max(record.finished for record in records) < LOAD_START + 0.6


def test_it_sends_nothing_while_held() -> None:
    silent: list[float] = []

    async def restart(client: Client) -> None:
        await asyncio.sleep(1.3)
        client.hold()
        await client.drained()
        silent.append(time.monotonic())
        await asyncio.sleep(0.3)
        silent.append(time.monotonic())
        client.release(2)

    loop = ClosedLoop(endless(), 2)
    records = drive(Served(ttft=0.02), (), LIMITS, script=restart, closed=[loop], duration=1.0)
    sent = [record.sent or 0.0 for record in records]
    assert not any(silent[0] <= at < silent[1] for at in sent)
    assert any(at >= silent[1] for at in sent)
    assert {record.generation for record in records} == {1, 2}
