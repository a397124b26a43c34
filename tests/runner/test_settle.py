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
from aging.runner.settle import HostIdleWait, HostUse, differences, host_use, ports_in_use

MIB = 2.0**20
BEFORE = HostUse(memory=4000 * MIB, total=24_000 * MIB, devices={"gpu0": 500 * MIB, "gpu1": 500 * MIB})


def test_settled_as_before_or_freer() -> None:
    assert differences(BEFORE, BEFORE, []) == ()
    assert differences(BEFORE, replace(BEFORE, memory=100 * MIB, devices={"gpu0": 0.0}), []) == ()
    assert differences(BEFORE, replace(BEFORE, memory=4400 * MIB), []) == (), "2 % of 24,000 MiB come and go"


def test_each_difference_reported() -> None:
    now = replace(BEFORE, memory=5000 * MIB, devices={"gpu0": 600 * MIB, "gpu1": 510 * MIB, "gpu2": 9000 * MIB})
    assert differences(BEFORE, now, ["port 9 is in use"]) == (
        "port 9 is in use",
        "1,000 MiB more memory in use than at the start",
        "100 MiB more of gpu0 in use than at the start",
    )


def test_small_host_tolerance() -> None:
    small = HostUse(memory=500 * MIB, total=1000 * MIB)
    assert differences(small, replace(small, memory=750 * MIB), []) == ()
    assert differences(small, replace(small, memory=760 * MIB), []) != ()


def test_host_use_and_port_in_use() -> None:
    use = host_use()
    assert 0 < use.memory < use.total
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        who = f"{psutil.Process().name()} (pid {os.getpid()})"
        (found,) = ports_in_use([port])
        assert f"port {port} is in use" in found
        assert who in found
    assert ports_in_use([port]) == []


async def _wait(patience: float, interrupt_after: float) -> tuple[list[str], float]:
    found: list[str] = []
    never = HostUse(memory=-(2.0**50), total=1.0)
    interrupted = asyncio.Event()
    asyncio.get_running_loop().call_later(interrupt_after, interrupted.set)
    began = time.monotonic()
    await HostIdleWait(never, patience, lambda event: found.append(event.kind)).wait([], interrupted)
    return found, time.monotonic() - began


def test_interrupt_ends_wait() -> None:
    found, seconds = asyncio.run(_wait(patience=60.0, interrupt_after=0.1))
    assert found == []
    assert seconds < 5.0


def test_patience_exceeded() -> None:
    found, _ = asyncio.run(_wait(patience=0.2, interrupt_after=60.0))
    assert found == ["not_settled"]


def test_port_lookup_off_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[threading.Thread] = []

    def look(ports: Sequence[int]) -> list[str]:
        looked.append(threading.current_thread())
        return [str(port) for port in ports]

    monkeypatch.setattr(settle, "ports_in_use", look)
    asyncio.run(_wait(patience=0.0, interrupt_after=60.0))
    assert looked
    assert threading.main_thread() not in looked
