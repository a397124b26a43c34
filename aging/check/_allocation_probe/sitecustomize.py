"""Records, when asked, what this Python process allocates and still holds: imported at its start through PYTHONPATH.

``$AGING_ALLOCATIONS`` is a folder. Every process makes a FIFO ``PID.control`` in it and reads lines from it: at
``begin N`` it starts to track allocations, with memray where it can be imported, else with tracemalloc, and makes
``PID.N.begun``; at ``end N`` it writes what is still held to ``PID.N.json``. Else it is one sleeping thread.

It is not part of the package `aging` and imports nothing of it: it runs in the Python of the server.
"""

from __future__ import annotations

import gc
import importlib.machinery
import importlib.util
import json
import os
import sys
import threading
from typing import Any

_FOLDER = os.environ.get("AGING_ALLOCATIONS", "")
_FRAMES = 24
_LARGEST = 1000
"""As many sites are written, the largest ones."""


def _import_shadowed() -> None:
    """Import the ``sitecustomize`` that this file hides from the process."""
    here = os.path.dirname(os.path.abspath(__file__))
    path = [entry for entry in sys.path if os.path.abspath(entry or ".") != here]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", path)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


class _Tracemalloc:
    """Allocations of Python alone, without the names of functions."""

    name = "tracemalloc"

    def __init__(self) -> None:
        import tracemalloc  # noqa: PLC0415 - only in a process that is tracked

        self._library = tracemalloc
        tracemalloc.start(_FRAMES)

    def held(self) -> list[dict[str, Any]]:
        snapshot = self._library.take_snapshot()
        self._library.stop()
        return [
            {
                "bytes": one.size,
                "count": one.count,
                "frames": [f"{frame.filename}:{frame.lineno}" for frame in reversed(one.traceback)],
            }
            for one in snapshot.statistics("traceback")
        ]


class _Memray:
    """Allocations of Python and of C libraries. Raises what makes memray unusable."""

    name = "memray"

    def __init__(self, path: str) -> None:
        import memray  # noqa: PLC0415 - where it is installed

        self._library, self._path = memray, path
        self._tracker = memray.Tracker(
            path,
            trace_python_allocators=True,  # else small objects are seen only as the arenas that hold them
            file_format=memray.FileFormat.AGGREGATED_ALLOCATIONS,
        )
        self._tracker.__enter__()

    def held(self) -> list[dict[str, Any]]:
        self._tracker.__exit__(None, None, None)
        found = []
        with self._library.FileReader(self._path) as reader:
            for one in reader.get_leaked_allocation_records(merge_threads=True):
                if one.allocator == self._library.AllocatorType.MMAP:
                    continue  # the arenas of the objects that are counted themselves
                frames = [f"{file}:{line} {function}" for function, file, line in one.stack_trace(_FRAMES)]
                found.append({"bytes": one.size, "count": one.n_allocations, "frames": frames})
        os.unlink(self._path)
        return found


def _tracker(path: str) -> _Memray | _Tracemalloc:
    try:
        return _Memray(path)
    except (ImportError, OSError, RuntimeError, ValueError):  # not installed, or it cannot track this process
        return _Tracemalloc()


def _serve(stem: str) -> None:
    tracker: _Memray | _Tracemalloc | None = None
    while True:
        with open(f"{stem}.control") as control:
            for line in control:
                word, number = line.split()
                if word == "begin" and tracker is None:
                    gc.collect()
                    tracker = _tracker(f"{stem}.{number}.memray")
                    with open(f"{stem}.{number}.begun", "w"):
                        pass
                elif word == "end" and tracker is not None:
                    gc.collect()
                    _write(f"{stem}.{number}.json", tracker)
                    tracker = None


def _write(path: str, tracker: _Memray | _Tracemalloc) -> None:
    held = [one for one in tracker.held() if one["frames"] and not any(__file__ in frame for frame in one["frames"])]
    held.sort(key=lambda one: -one["bytes"])
    with open(f"{path}.part", "w") as file:
        json.dump({"tool": tracker.name, "sites": held[:_LARGEST]}, file)
    os.rename(f"{path}.part", path)


def _start() -> None:
    stem = os.path.join(_FOLDER, str(os.getpid()))
    try:
        os.mkfifo(f"{stem}.control")
    except OSError:  # the run that reads the answers has deleted the folder
        return
    threading.Thread(target=_serve, args=(stem,), name="aging-allocations", daemon=True).start()


_import_shadowed()
if _FOLDER:
    _start()
    os.register_at_fork(after_in_child=_start)
