"""Faults at other moments than those of ``test_gate``: whatever fails, and whenever, is never green."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.check.test_gate import campaign, check, gate, server
from tests.virtual_campaign import VirtualCampaign

Fault = Callable[[VirtualCampaign], object]


def load_dies(*seconds: float) -> Fault:
    def happen(ran: VirtualCampaign) -> None:
        for one in seconds:
            ran.load_dies("clean", one)

    return happen


def interrupts(*seconds: float) -> Fault:
    def happen(ran: VirtualCampaign) -> None:
        for one in seconds:
            ran.interrupt(one)

    return happen


def disk_fills(ran: VirtualCampaign) -> None:
    ran.disk_full = True


FAULTS: dict[str, tuple[Fault, set[int]]] = {
    "dies at once": (lambda ran: ran.server_dies("clean", 0.5), {4}),
    "dies before the first look": (lambda ran: ran.server_dies("clean", 9.0), {4}),
    "dies of memory": (lambda ran: ran.server_dies("clean", 16.0, how="killed by SIGKILL"), {4}),
    "ends in order": (lambda ran: ran.server_dies("clean", 14.0, how="exit 0"), {4}),
    "does not start": (lambda ran: ran.ends("clean", "exit 127", after=0.1), {4}),
    "ends before it is ready": (lambda ran: ran.ends("clean", "killed by SIGSEGV", after=1.9), {4}),
    "answers nothing from the start": (lambda ran: ran.falls_silent("clean", 0.0, lasts=900.0), {4}),
    "answers nothing from the first look on": (lambda ran: ran.falls_silent("clean", 8.0, lasts=900.0), {3, 4}),
    "load dies again and again": (load_dies(*range(2, 60, 3)), {3}),
    "load dies early and late": (load_dies(1.0, 5.0, 9.0, 13.0, 17.0), {3}),
    "disk full before a look": (lambda ran: ran.at(4.0, lambda: disk_fills(ran)), {3}),
    "disk full after a look": (lambda ran: ran.at(16.0, lambda: disk_fills(ran)), {3}),
    "interrupted at once": (interrupts(1.0), {130}),
    "interrupted twice": (interrupts(11.0, 11.5), {130}),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTS)
def test_no_fault_is_green(tmp_path: Path, name: str) -> None:
    fault, codes = FAULTS[name]
    ran = campaign(tmp_path, server("clean"), budget="3m")
    fault(ran)
    assert check(ran) in codes, ran.output
    assert gate(ran)["outcome"] != "passed"


@pytest.mark.slow
def test_without_a_fault_it_is_green(tmp_path: Path) -> None:
    ran = campaign(tmp_path, server("clean"), budget="3m")
    assert check(ran) == 0, ran.output
