"""The places of processes: numbered among their siblings, kept over a restart, named for their component."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from aging.core.metrics import PRIMARY
from aging.core.records import process_entity
from aging.findings.process_places import lives, places


def seen(
    pid: int, parent: int, command: str, born: float, times: Iterable[float], *, component: str = ""
) -> list[dict[str, object]]:
    return [
        {
            "mono": at,
            "entity": process_entity(pid, component),
            "pids": str(pid),
            "parent": parent,
            "command": command if number == 0 else None,
            "process_uptime_seconds": at - born,
            PRIMARY: 1e6,
        }
        for number, at in enumerate(times)
    ]


def labels(*rows: list[dict[str, object]]) -> dict[str, list[int]]:
    frame = pd.DataFrame([row for of in rows for row in of])
    return {place.label: [life.pid for life in place.lives] for place in places(lives(frame))}


ALL = range(10, 100, 10)


def test_workers_of_one_command() -> None:
    server = "python server.py --port 8000"
    found = labels(
        seen(9, 1, server, 0, ALL), *(seen(pid, 9, server, born, ALL) for pid, born in ((30, 1), (12, 2), (31, 3)))
    )
    assert found == {"main process": [9], "worker 1 of 3": [30], "worker 2 of 3": [12], "worker 3 of 3": [31]}


def test_worker_replaced() -> None:
    found = labels(
        seen(9, 1, "server", 0, ALL),
        seen(10, 9, "worker", 1, ALL),
        seen(11, 9, "worker", 2, [10, 20, 30]),
        seen(12, 9, "worker", 35, [40, 50, 60]),
        seen(13, 9, "worker", 65, [70, 80, 90]),
    )
    assert found == {"main process": [9], "worker 1 of 2": [10], "worker 2 of 2": [11, 12, 13]}


def test_pid_given_again() -> None:
    found = labels(seen(9, 1, "server", 0, ALL), seen(10, 9, "worker", 1, [10, 20]), seen(10, 9, "worker", 45, [50]))
    assert found == {"main process": [9], "child process": [10, 10]}


def test_spawned_command_lines_differ_in_numbers() -> None:
    found = labels(
        seen(9, 1, "python app.py", 0, ALL),
        seen(10, 9, "python -c tracker", 1, ALL),
        seen(11, 9, "python -c spawn_main(pipe_handle=7)", 2, ALL),
        seen(12, 9, "python -c spawn_main(pipe_handle=11)", 3, ALL),
    )
    assert found == {"main process": [9], "child process": [10], "worker 1 of 2": [11], "worker 2 of 2": [12]}


def test_components() -> None:
    found = labels(
        seen(9, 1, "router", 0, ALL, component="main"),
        seen(10, 1, "engine --role prefill", 1, ALL, component="prefill"),
        seen(11, 10, "engine --role prefill", 2, ALL, component="prefill"),
    )
    assert found == {"main": [9], "prefill": [10], "child process": [11]}


def test_rows_of_earlier_releases() -> None:
    assert lives(pd.DataFrame({"mono": [1.0], "entity": ["tree"], PRIMARY: [1.0]})) == []
    assert lives(pd.DataFrame()) == []
