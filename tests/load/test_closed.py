"""Closed loops: as many at a time as they have places, beside the open load, and behind it where they are told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from itertools import count, pairwise
from typing import Any

import pytest

from aging.core.endpoint import Endpoint
from aging.core.records import RequestRecord
from aging.load.client import Client
from aging.load.schedule.planned_request import ClosedLoop, PlannedRequest
from tests.load.clients import LIMITS, requests


def endless(tokens: int = 4) -> Iterator[PlannedRequest]:
    return (PlannedRequest(1000 + k, 0.0, 5, tokens, True, load_class="batch") for k in count())


def drive(
    url: str,
    planned: Sequence[PlannedRequest],
    closed: ClosedLoop,
    duration: float,
    script: Callable[[Client], Coroutine[Any, Any, None]] | None = None,
) -> tuple[list[RequestRecord], float]:
    records: list[RequestRecord] = []

    async def run() -> float:
        start = time.monotonic() + 0.05
        client = Client(Endpoint(url, "m"), LIMITS, 1, start, records.append)
        steering = asyncio.create_task(script(client)) if script else None
        await client.run(planned, (closed,), duration)
        if steering is not None:
            await steering
        return start

    return records, asyncio.run(run())


def most_at_a_time(records: list[RequestRecord]) -> int:
    sent = [(record.sent or 0.0, 1) for record in records] + [(record.finished, -1) for record in records]
    running = most = 0
    for _, change in sorted(sent):
        running += change
        most = max(most, running)
    return most


def test_a_closed_loop_keeps_its_places_busy_until_its_end(reference: Callable[..., str]) -> None:
    records, start = drive(reference("--ttft-seconds", "0.05"), (), ClosedLoop(endless(), 3), duration=1.0)
    assert {record.status for record in records} == {"ok"}
    assert most_at_a_time(records) == 3
    assert 8 <= len(records) <= 60
    assert all(record.sent is not None and record.sent < start + 1.0 for record in records)
    assert {record.load_class for record in records} == {"batch"}
    assert sorted(record.index for record in records) == list(range(1000, 1000 + len(records)))
    assert all(record.sent is not None and record.sent - record.scheduled < 0.1 for record in records)


def test_it_thinks_between_an_answer_and_the_next_request(reference: Callable[..., str]) -> None:
    records, _ = drive(reference(), (), ClosedLoop(endless(), 1, think=0.2), duration=1.0)
    assert 2 <= len(records) <= 6
    for before, after in pairwise(records):
        assert (after.sent or 0.0) - before.finished >= 0.2


def test_a_finite_loop_ends_the_load_by_itself(reference: Callable[..., str]) -> None:
    few = iter([PlannedRequest(k, 0.1 * k, 5, 4, True) for k in range(4)])
    began = time.monotonic()
    records, start = drive(reference(), (), ClosedLoop(few, 2), duration=60.0)
    assert len(records) == 4
    assert time.monotonic() - began < 5.0
    assert all(record.scheduled >= start + 0.1 * record.index for record in records)


def test_it_yields_while_the_open_load_is_busy(reference: Callable[..., str]) -> None:
    """Open requests take 0.8 s and come at 0 s: until they are done, a loop that yields above 2 sends nothing."""
    url = reference("--ttft-seconds", "0.8")
    planned = [request._replace(at=0.0) for request in requests(3, 0.0)]
    records, start = drive(url, planned, ClosedLoop(endless(), 4, yields_above=2), duration=1.5)
    online = [record for record in records if not record.load_class]
    offline = [record for record in records if record.load_class]
    assert [record.status for record in online] == ["ok"] * 3
    assert offline
    began = sorted(record.sent - start for record in offline if record.sent is not None)
    assert all(sent < 0.05 or sent >= 0.75 for sent in began)  # before the first arrival, or after two have gone
    assert sum(sent >= 0.75 for sent in began) >= 4
    assert all(record.sent is not None and record.sent - record.scheduled < 0.1 for record in online)


@pytest.mark.parametrize("think", [0.0, 30.0])
def test_it_stops_when_the_load_is_stopped(reference: Callable[..., str], think: float) -> None:
    async def stop(client: Client) -> None:
        await asyncio.sleep(0.4)
        client.stop()

    began = time.monotonic()
    records, _ = drive(reference(), (), ClosedLoop(endless(), 2, think=think), duration=60.0, script=stop)
    assert records
    assert time.monotonic() - began < 5.0


def test_it_sends_nothing_while_held(reference: Callable[..., str]) -> None:
    silent: list[float] = []

    async def restart(client: Client) -> None:
        await asyncio.sleep(0.3)
        await client.hold()
        silent.append(time.monotonic())
        await asyncio.sleep(0.3)
        silent.append(time.monotonic())
        client.release(2)

    records, _ = drive(reference(), (), ClosedLoop(endless(), 2), duration=1.0, script=restart)
    sent = [record.sent or 0.0 for record in records]
    assert not any(silent[0] <= at <= silent[1] for at in sent)
    assert any(at > silent[1] for at in sent)
    assert {record.generation for record in records} == {1, 2}
