"""The recordings: the plan, packing and loading, and what is committed."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import numpy as np
import pytest

from analysis.recordings.dataset import PAGE, Recording, load
from analysis.recordings.load import Requests, Shape
from analysis.recordings.pack import pack
from analysis.recordings.plan import WAVES
from analysis.recordings.programs import PROGRAMS, half
from analysis.recordings.sampling import process

ROWS = 700


@pytest.fixture(scope="module")
def recordings() -> list[Recording]:
    return load()


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Two raw recordings: a healthy server, and one of two workers of which the second leaks from its 100th row on."""
    (healthy,) = [server for server in WAVES["healthy"] if server.name == "c-store-glibc-healthy"]
    (leaking,) = [server for server in WAVES["leak2"] if server.name.startswith("cpp-index-prefork2")]
    common = "process_uptime_seconds,process_anon_swap_bytes,process_rss_bytes,process_fds,process_threads,requests"
    workers = "anon_swap_bytes:main,anon_swap_bytes:w0,anon_swap_bytes:w1,requests:w0,requests:w1"
    leaked = "leaked_payload_bytes,leaked_counted_bytes"
    one = [f"{row + 0.25},{10 * PAGE},{20 * PAGE},5,1,{row},0,0" for row in range(ROWS)]
    two = []
    for row in range(ROWS):
        leaks = max(0, row - 100)
        pages = [2, 3, 4 + leaks]
        memory = ",".join(str(count * PAGE) for count in pages)
        seen = "" if row == 0 else str(row)
        total = f"{row + 0.5},{sum(pages) * PAGE},{99 * PAGE},9,3,{2 * row}"
        two.append(f"{total},{memory},{seen or 0},{row},{leaks * 4096},{leaks * 4112}")
    two[0] = two[0].replace(f",{3 * PAGE},", ",,")  # before the worker was seen
    two.append("700.5,123")  # torn by the end
    for server, columns, rows in ((healthy, f"{common},{leaked}", one), (leaking, f"{common},{workers},{leaked}", two)):
        (tmp_path / f"{server.name}.csv").write_text("\n".join([columns, *rows]) + "\n")
        (tmp_path / f"{server.name}.json").write_text(json.dumps(server.description()))
    return tmp_path


def test_what_is_packed_is_what_is_loaded(raw: Path, tmp_path: Path) -> None:
    pack(raw, tmp_path / "packed")
    healthy, leaking = load(tmp_path / "packed")
    assert (healthy.name, healthy.truth, healthy.leak, len(healthy.t)) == (
        "c-store-glibc-healthy",
        "healthy",
        None,
        ROWS,
    )
    assert healthy.t[:2].tolist() == [0.25, 1.25]
    assert set(healthy.memory) == {10.0 * PAGE}
    assert healthy.workers == {}
    assert len(leaking.t) == ROWS, "without the torn row"
    assert list(leaking.workers) == ["main", "w0", "w1"]
    assert np.isnan(leaking.workers["w0"][0])
    assert leaking.workers["w0"][1] == 3 * PAGE
    assert leaking.requests[-1] == 2 * (ROWS - 1)
    assert leaking.leak is not None
    assert (leaking.leak.kind, leaking.leak.payload, leaking.leak.worker) == ("vector", 4096, "w0")
    assert (leaking.leak.low, leaking.leak.high) == (4096, 4112)
    assert leaking.leak.start == 101.5
    assert leaking.memory_of_leak() is leaking.workers["w0"]
    assert healthy.memory_of_leak() is healthy.memory


def test_load_selects(raw: Path, tmp_path: Path) -> None:
    pack(raw, tmp_path / "packed")
    folder = tmp_path / "packed"
    assert [each.truth for each in load(folder, truth=["leak"])] == ["leak"]
    assert [each.program for each in load(folder, half=half("c-store"))] == ["c-store-glibc"]
    with pytest.raises(KeyError, match="no recording nobody in"):
        load(folder, names=["nobody"])


def test_every_program_is_recorded_healthy_and_leaking_under_its_own_name() -> None:
    servers = [server for wave in WAVES.values() for server in wave]
    assert len({server.name for server in servers}) == len(servers)
    assert {server.program.name for server in servers if server.leak is None} == set(PROGRAMS)
    assert {server.program.name for server in servers if server.leak is not None} == set(PROGRAMS)
    at_50 = [server.shape.rate == 50 for server in servers if server.leak is not None]
    assert 0.25 < np.mean(at_50) < 0.4


def test_a_program_and_its_twins_lie_in_one_half(recordings: list[Recording]) -> None:
    assert {each.half for each in recordings} == {"tune", "held-out"}
    for each in recordings:
        assert each.half == half(PROGRAMS[each.program].code), each
    for share in ("tune", "held-out"):
        assert {each.truth for each in recordings if each.half == share} == {"healthy", "fills", "leak"}


def test_recordings_are_whole(recordings: list[Recording]) -> None:
    assert len([each for each in recordings if each.leak is None]) >= 32
    for each in recordings:
        for array in (each.memory, each.rss, each.fds, each.threads, each.requests, each.leaked):
            assert len(array) == len(each.t), each
        steps = np.diff(each.t)
        assert (steps > 0).all(), each
        assert np.median(steps) == pytest.approx(1, abs=0.02), each
        assert (each.memory > 0).all(), each
        assert (np.diff(each.requests) >= 0).all(), each
        assert each.requests[-1] > 0, each
        if each.workers:
            together = sum(each.workers.values())
            close = np.isclose(together, each.memory) | np.isnan(together)
            assert close.mean() > 0.99, each
            assert sum(series[-1] for series in each.worker_requests.values()) == each.requests[-1], each


def test_what_leaks_is_what_the_servers_counted(recordings: list[Recording]) -> None:
    for each in recordings:
        if each.leak is None:
            assert not each.leaked.any(), each
            continue
        assert (np.diff(each.leaked) >= 0).all(), each
        assert each.leaked[-1] % each.leak.payload == 0, each
        assert each.leaked[-1] <= each.leak.payload * each.requests[-1], each
        assert each.leak.low <= each.leak.high, each
        if each.leak.worker is not None:
            assert each.leaked[-1] <= each.leak.payload * each.worker_requests[each.leak.worker][-1], each


def test_shape() -> None:
    shape = Shape(10, idle=30, change=100, factor=0.5, burst_every=50, burst_seconds=10, burst_factor=4)
    assert [shape.at(t) for t in (0, 29, 30, 45, 85, 100, 130)] == [0, 0, 40, 10, 40, 5, 20]


def test_requests_are_reproducible_and_of_whole_words() -> None:
    requests = Requests(keys=50, tail=1.2, most=5000)
    one, two = ([requests.draw(rng) for _ in range(200)] for rng in (random.Random(1), random.Random(1)))
    assert one == two
    assert {key for key, _, _ in one} <= set(range(50))
    assert max(size for _, size, _ in one) <= 5000
    vocabulary = {word for _, _, text in one for word in text.split()}
    assert len(vocabulary) <= 4000
    assert all(not text.startswith(b" ") for _, _, text in one)


def test_a_process_is_read() -> None:
    found = process(os.getpid())
    assert found is not None
    assert found.rss > found.anon_swap > 0
    assert found.fds > 0
    assert process(2**22 + 1) is None
