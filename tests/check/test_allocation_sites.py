"""Where a Python process allocates what it keeps: the answers of the probe, and the probe in real processes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aging.check.allocation_sites import (
    largest,
    parse_allocations,
    probe_environment,
    read_sites,
    track,
    tracked_seconds,
)
from aging.core.errors import AgingError
from aging.findings.gate import AllocationSite
from tests.conftest import wait_for

LEAK = """
import os, sys, time
if "fork" in sys.argv and os.fork():
    os.wait()
kept, once = [], []
def keep():
    kept.append(bytearray(1000))
def drop():
    return bytearray(100_000)
while True:
    keep()
    drop()
    time.sleep(0.001)
"""


def answer(*sites: tuple[int, int, str]) -> str:
    return json.dumps({"sites": [{"bytes": size, "count": count, "frames": [frame]} for size, count, frame in sites]})


class TestParse:
    def test_largest_first(self) -> None:
        one = answer((100, 1, "a.py:1 f"), (900, 9, "b.py:2 g"))
        assert parse_allocations([[one]]) == [
            AllocationSite(900, 9, ("b.py:2 g",)),
            AllocationSite(100, 1, ("a.py:1 f",)),
        ]

    def test_processes_are_added(self) -> None:
        assert parse_allocations([[answer((5, 1, "a")), answer((7, 2, "a"))]]) == [AllocationSite(12, 3, ("a",))]

    def test_held_once_is_no_growth(self) -> None:
        first, second = answer((10, 1, "leak"), (10_000, 1, "buffer")), answer((12, 1, "leak"))
        assert parse_allocations([[first], [second]]) == [AllocationSite(22, 2, ("leak",))]

    @pytest.mark.parametrize("rounds", [[], [[]], [[answer()]], [[answer((5, 1, "a"))], []]])
    def test_none(self, rounds: list[list[str]]) -> None:
        assert parse_allocations(rounds) == []

    @pytest.mark.parametrize("text", ["", "[]", "{}", '{"sites": [{}]}', '{"sites": 3}'])
    def test_not_an_answer(self, text: str) -> None:
        with pytest.raises(AgingError):
            parse_allocations([[text]])


class TestLargest:
    def test_small_sites_are_left_out(self) -> None:
        large, small = AllocationSite(10_000, 1, ("large",)), AllocationSite(10, 1, ("small",))
        assert largest([large, small]) == [large]

    def test_at_most_five(self) -> None:
        sites = [AllocationSite(1000 - n, 1, (str(n),)) for n in range(20)]
        assert largest(sites) == sites[:5]

    def test_none(self) -> None:
        assert largest([]) == []


@pytest.mark.parametrize(("per_minute", "seconds"), [(None, 20), (0, 20), (6000, 20), (1000, 60), (60, 120)])
def test_tracked_seconds(per_minute: float | None, seconds: float) -> None:
    assert tracked_seconds(per_minute) == seconds


class TestProbe:
    def test_leak_is_named(self, tmp_path: Path) -> None:
        with leaking(tmp_path) as script:
            asyncio.run(track([tmp_path], 0.6, settle=0.1))
        (first, *_) = read_sites(tmp_path)
        assert first.frames[0].startswith(f"{script}:7")
        assert first.frames[1].startswith(f"{script}:11")
        assert first.count >= 20
        assert first.bytes >= 1000 * first.count / 2

    def test_forked_process(self, tmp_path: Path) -> None:
        with leaking(tmp_path, "fork", processes=2) as script:
            asyncio.run(track([tmp_path], 0.6, settle=0.1))
        assert read_sites(tmp_path)[0].frames[0].startswith(f"{script}:7")

    def test_shadowed_sitecustomize_is_imported(self, tmp_path: Path) -> None:
        hidden = tmp_path / "hidden"
        hidden.mkdir()
        (hidden / "sitecustomize.py").write_text("import sys; sys.seen = True")
        environment = probe_environment(tmp_path, {"PYTHONPATH": str(hidden)})
        shown = run_python("import sys; print(sys.seen)", environment)
        assert shown == "True"

    def test_without_a_folder_nothing_is_started(self, tmp_path: Path) -> None:
        environment = probe_environment(tmp_path / "gone", {})
        assert run_python("import threading; print(threading.active_count())", environment) == "1"

    def test_no_python_process(self, tmp_path: Path) -> None:
        asyncio.run(track([tmp_path], 60.0))
        assert read_sites(tmp_path) == []

    def test_ended_process_is_not_waited_for(self, tmp_path: Path) -> None:
        run_python("pass", probe_environment(tmp_path, {}))
        asyncio.run(track([tmp_path], 0.1, settle=0.0))
        assert read_sites(tmp_path) == []


def run_python(text: str, environment: dict[str, str]) -> str:
    argv = [sys.executable, "-c", text]
    return subprocess.run(
        argv, env={**os.environ, **environment}, capture_output=True, text=True, check=True
    ).stdout.strip()


@contextmanager
def leaking(folder: Path, *arguments: str, processes: int = 1) -> Iterator[Path]:
    script = folder / "leak.py"
    script.write_text(LEAK)
    environment = {**os.environ, **probe_environment(folder, {})}
    process = subprocess.Popen([sys.executable, str(script), *arguments], env=environment, start_new_session=True)
    try:
        wait_for(lambda: len(list(folder.glob("*.control"))) >= processes, "the probe is not there")
        yield script
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
