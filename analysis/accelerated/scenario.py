"""What is under test in the accelerated campaign, what happens to it, and what is noted of that beside it."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from analysis.accelerated.servers import Server
from analysis.accelerated.world import World

HOURS = 36.0
"""Of a run, in the published campaign."""

_PLANNED_ROUNDS = 6
_SECOND_TURN = ("a1-vllm-v0", "a2-triton-vllm-v1", "e3b-pytorch-low")


def servers(hours: float) -> dict[str, Server]:
    """What is under test when a run takes so many hours: a short one ages faster, so that it is seen as well."""
    faster = HOURS / hours
    servers = (
        Server("e1-vllm-v1", 3.1e9, leak=62e3 * faster),
        Server("a1-vllm-v0", 2.7e9, fill=300e6, tau=1800.0 / faster),
        Server("e2-triton-vllm-v0", 4.2e9, leak=40e3 * faster, ready=95.0),
        Server("a2-triton-vllm-v1", 3.9e9, device_leak=6.0 * 2**20 * faster, ready=80.0),
        Server("e3-pytorch-saturated", 5.0e9, leak=48e3 * faster, ready=40.0, processes=1, ttft=0.4, token=0.012),
        Server("e3b-pytorch-low", 5.0e9, ready=40.0, processes=1, ttft=0.4, token=0.012),
    )
    return {server.name: server for server in servers}


@dataclass(frozen=True, slots=True)
class Injection:
    """Something that happens ``share`` of a run's time plus ``plus`` seconds after a round's load began.

    ``seconds`` is how long it lasts, or for how long nobody resumes the campaign after it. ``deployment`` is whom it
    happens to; of a kill, whose server ends before somebody resumes.
    """

    round: int
    share: float
    what: str
    deployment: str = ""
    seconds: float = 0.0
    plus: float = 0.0


def injections(hours: float) -> tuple[Injection, ...]:
    """All that happens to the campaign, in its order."""
    quiet, short = min(400.0, 130.0 + 100.0 * hours), min(1.0, hours / 4)
    return (
        Injection(0, 0.40, "kill", seconds=45 * short),
        Injection(0, 0.70, "clock", seconds=3600),
        Injection(1, 0.20, "load", "a1-vllm-v0"),
        Injection(1, 0.50, "silence", "a2-triton-vllm-v1", seconds=quiet),
        Injection(1, 0.80, "kill", "a1-vllm-v0", seconds=70 * short),
        Injection(2, 0.10, "death", "e2-triton-vllm-v0"),
        Injection(2, 0.55, "suspend", seconds=1200),
        Injection(3, 0.30, "reboot", seconds=240 * short),
        Injection(3, 0.75, "disk", seconds=300 * short),
        Injection(4, 0.10, "clock", seconds=-1800),
        Injection(4, 0.50, "interrupt", seconds=200 * short),
        Injection(4, 0.85, "kill", seconds=30 * short),
        Injection(4, 0.85, "kill", seconds=20 * short, plus=3 + 30 * short),
        Injection(4, 1.00, "kill", seconds=60, plus=300),
        Injection(5, 0.92, "death", "a1-vllm-v0"),
        Injection(6, 0.30, "kill", seconds=15),
    )


AWAY = ("kill", "reboot", "disk", "interrupt")
"""What ends the runner: somebody resumes the campaign some time later."""


class Study:
    """What the study keeps beside the campaign, for whoever is the next to go on with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.host = folder / "host.json"
        self.boot = folder / "boot_id"
        self._scenario = folder / "scenario.json"
        self._happened = folder / "happened.jsonl"
        self._anchors = folder / "anchors.json"

    @property
    def results(self) -> Path:
        return self.folder / "results"

    @property
    def directory(self) -> Path | None:
        return next(iter(self.results.glob("*/*")), None)

    def plan(self, scenario: Sequence[Injection]) -> None:
        """What is to happen to the campaign."""
        self._scenario.write_text(json.dumps([asdict(one) for one in scenario]))

    def planned(self) -> list[Injection]:
        return [Injection(**one) for one in json.loads(self._scenario.read_text())]

    def note(self, place: int, **details: Any) -> None:
        with self._happened.open("a") as file:
            file.write(json.dumps({"place": place, **details}) + "\n")

    def happened(self) -> list[dict[str, Any]]:
        lines = self._happened.read_text().splitlines() if self._happened.exists() else []
        return [json.loads(line) for line in lines]

    def anchors(self) -> dict[int, float]:
        """When each round's load began, in true seconds."""
        anchors = json.loads(self._anchors.read_text()) if self._anchors.exists() else {}
        return {int(key): value for key, value in anchors.items()}

    def anchor(self, number: int, true: float) -> None:
        self._anchors.write_text(json.dumps(self.anchors() | {number: true}))


def round_of(folder: Path) -> int:
    """Which round of the plan a request folder's run is of; what is repeated comes after all that is planned."""
    found = re.fullmatch(r"r(\d+)(?:-(\d+))?", folder.parent.name)
    assert found is not None
    if found[2]:
        return _PLANNED_ROUNDS + int(found[2]) - 2
    return 2 * (int(found[1]) - 1) + (folder.parent.parent.name in _SECOND_TURN)


@dataclass
class Happening:
    """Carries injections out when their time has come."""

    study: Study
    world: World
    hours: float

    def __post_init__(self) -> None:
        self.world.began_load = self._load_began
        for number, true in self.study.anchors().items():
            self._plan(number, true)

    def _load_began(self, folder: Path, ahead: float) -> None:
        number = round_of(folder)
        if number not in self.study.anchors():
            true = self.world.clock.host.true + ahead
            self.study.anchor(number, true)
            self._plan(number, true)

    def _plan(self, number: int, began: float) -> None:
        done = {one["place"] for one in self.study.happened()}
        for place, one in enumerate(self.study.planned()):
            true = began + one.share * self.hours * 3600 + one.plus
            if one.round == number and place not in done:
                self.world.clock.at(true, partial(self._happen, place, one))

    def _happen(self, place: int, one: Injection) -> None:
        clock, world = self.world.clock, self.world
        self.study.note(place, true=clock.host.true, wall=clock.time(), **asdict(one))
        match one.what:
            case "clock":
                clock.set_wall(one.seconds)
            case "suspend":
                clock.suspend(one.seconds)
            case "load":
                world.loads[one.deployment].die()
            case "death":
                world.lives[one.deployment].die("killed by SIGSEGV")
            case "silence":
                now = clock.monotonic()
                world.silences[one.deployment] = now, now + one.seconds
            case "disk":
                world.disk_full = True
            case "interrupt":
                os.kill(os.getpid(), signal.SIGINT)
            case "kill" | "reboot":
                clock.host.write(self.study.host)
                os.kill(os.getpid(), signal.SIGKILL)
