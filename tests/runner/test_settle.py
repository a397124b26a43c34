"""Whether the host is back where it was."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import replace

import psutil
import pytest

from aging.runner import settle
from aging.runner.settle import HostIdleWait, HostUse, host_use, taken_ports, unsettled

MIB = 2.0**20
BEFORE = HostUse(memory=4000 * MIB, total=24_000 * MIB, devices={"gpu0": 500 * MIB, "gpu1": 500 * MIB})


def test_a_host_that_is_as_before_or_freer_has_settled() -> None:
    assert unsettled(BEFORE, BEFORE, []) == ()
    assert unsettled(BEFORE, replace(BEFORE, memory=100 * MIB, devices={"gpu0": 0.0}), []) == ()
    assert unsettled(BEFORE, replace(BEFORE, memory=4400 * MIB), []) == (), "2 % of 24,000 MiB come and go"


def test_each_thing_that_is_held_is_told() -> None:
    now = replace(BEFORE, memory=5000 * MIB, devices={"gpu0": 600 * MIB, "gpu1": 510 * MIB, "gpu2": 9000 * MIB})
    assert unsettled(BEFORE, now, ["port 9 is in use"]) == (
        "port 9 is in use",
        "1000 MiB more memory in use than at the start",
        "100 MiB more of gpu0 in use than at the start",
    )


def test_a_small_host_is_given_a_quarter_of_a_gibibyte() -> None:
    small = HostUse(memory=500 * MIB, total=1000 * MIB)
    assert unsettled(small, replace(small, memory=750 * MIB), []) == ()
    assert unsettled(small, replace(small, memory=760 * MIB), []) != ()


def test_this_host_is_read_and_a_port_that_is_listened_on_is_taken() -> None:
    use = host_use()
    assert 0 < use.memory < use.total
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        who = f"{psutil.Process().name()} (pid {os.getpid()})"
        (told,) = taken_ports([port])
        assert told == f"port {port} is in use on 127.0.0.1 by {who}; choose another or end what listens there"
    assert taken_ports([port]) == []


async def _wait(patience: float, interrupt_after: float) -> tuple[list[str], float]:
    told: list[str] = []
    never = HostUse(memory=-(2.0**50), total=1.0)
    interrupted = asyncio.Event()
    asyncio.get_running_loop().call_later(interrupt_after, interrupted.set)
    began = time.monotonic()
    await HostIdleWait(never, patience, lambda event: told.append(event.kind)).wait([], interrupted)
    return told, time.monotonic() - began


def test_an_interrupt_ends_the_wait_at_once_and_nothing_is_said_to_have_settled() -> None:
    told, seconds = asyncio.run(_wait(patience=60.0, interrupt_after=0.1))
    assert told == []
    assert seconds < 5.0


def test_patience_ends() -> None:
    told, _ = asyncio.run(_wait(patience=0.2, interrupt_after=60.0))
    assert told == ["not_settled"]


def test_ports_are_looked_up_beside_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[threading.Thread] = []

    def look(ports: Sequence[int]) -> list[str]:
        looked.append(threading.current_thread())
        return [str(port) for port in ports]

    monkeypatch.setattr(settle, "taken_ports", look)
    asyncio.run(_wait(patience=0.0, interrupt_after=60.0))
    assert looked
    assert threading.main_thread() not in looked
