"""Starts servers, loads them, samples them once a second, and ends them; one CSV a server, flushed every second."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import zlib
from pathlib import Path
from typing import TextIO

from analysis.recordings.load import Client
from analysis.recordings.programs import Server
from analysis.recordings.sampling import age, children, process

_START_SECONDS = 60.0
_STOP_SECONDS = 5.0
_COLUMNS = (
    "process_uptime_seconds",
    "process_anon_swap_bytes",
    "process_rss_bytes",
    "process_fds",
    "process_threads",
    "requests",
)


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


class _Table:
    """The CSV of one recording."""

    def __init__(self, server: Server, pid: int, client: Client, file: TextIO) -> None:
        self.server, self.pid, self.client, self.file = server, pid, client, file
        self.many = server.workers > 1
        self.descendants: list[int] = []
        self.rows = 0
        columns = list(_COLUMNS)
        if self.many:
            columns += ["anon_swap_bytes:main"]
            columns += [f"anon_swap_bytes:w{index}" for index in range(server.workers)]
            columns += [f"requests:w{index}" for index in range(server.workers)]
        columns += ["leaked_payload_bytes", "leaked_counted_bytes"]
        file.write(",".join(columns) + "\n")

    def row(self) -> bool:
        """Append one row; False once the server has ended."""
        if self.rows % 10 == 0 or self.rows < 30:
            self.descendants = children(self.pid)
        processes = {pid: process(pid) for pid in (self.pid, *self.descendants)}
        root = processes[self.pid]
        if root is None:
            return False
        alive = [each for each in processes.values() if each is not None]
        values: list[str] = [f"{age(self.pid):.2f}"]
        values += [str(sum(each.anon_swap for each in alive)), str(sum(each.rss for each in alive))]
        values += [str(sum(each.fds for each in alive)), str(sum(each.threads for each in alive))]
        values += [str(self.client.answers)]
        workers = self.client.workers
        if self.many:
            values += [str(root.anon_swap)]
            known = {index: worker.pid for index, worker in workers.items()}
            rest = [pid for pid in self.descendants if pid not in known.values()]
            for index in range(self.server.workers):
                pid = known.get(index) or (rest.pop(0) if rest else None)
                found = processes.get(pid) if pid is not None else None
                values += ["" if found is None else str(found.anon_swap)]
            values += [
                str(workers[index].requests) if index in workers else "0" for index in range(self.server.workers)
            ]
        values += [str(sum(each.payload for each in workers.values()))]
        values += [str(sum(each.counted for each in workers.values()))]
        self.file.write(",".join(values) + "\n")
        self.file.flush()
        self.rows += 1
        return True


async def _listening(port: int, child: subprocess.Popen[bytes]) -> bool:
    for _ in range(int(_START_SECONDS * 10)):
        if child.poll() is not None:
            return False
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
            continue
        writer.close()
        return True
    return False


def _end(child: subprocess.Popen[bytes]) -> None:
    """End a server and its group, which it leads."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(child.pid, sign)
        except ProcessLookupError:
            break
        limit = time.monotonic() + _STOP_SECONDS
        while time.monotonic() < limit and child.poll() is None:
            time.sleep(0.05)
    child.wait()


def _started(server: Server, folder: Path, port: int) -> subprocess.Popen[bytes]:
    """The server, in a session of its own; it ends when this process does."""
    with (folder / f"{server.name}.log").open("wb") as log:
        return subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *server.command],
            env={**os.environ, **server.environment, "PORT": str(port)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


async def record(server: Server, folder: Path, seconds: float) -> str:
    """Record one server; returns how it went."""
    port = _free_port()
    child = _started(server, folder, port)
    try:
        if not await _listening(port, child):
            return f"{server.name}: did not start, see {server.name}.log"
        client = Client(port, server.shape, server.requests, zlib.crc32(server.name.encode()))
        (folder / f"{server.name}.json").write_text(json.dumps(server.description() | {"seconds": seconds}, indent=1))
        with (folder / f"{server.name}.csv").open("w") as file:
            table = _Table(server, child.pid, client, file)
            load = asyncio.create_task(client.run(seconds))
            loop = asyncio.get_running_loop()
            began = loop.time()
            tick = 0
            ended = False
            while loop.time() - began < seconds:
                if child.poll() is not None or not table.row():
                    ended = True
                    break
                tick += 1
                await asyncio.sleep(max(0.0, began + tick - loop.time()))
            load.cancel()
        return (
            f"{server.name}: {'ENDED EARLY, ' if ended else ''}{table.rows} rows, {client.answers} answers, "
            f"{client.failed} failed, leaked {sum(w.payload for w in client.workers.values())}"
        )
    finally:
        await asyncio.to_thread(_end, child)


async def record_all(servers: list[Server], folder: Path, minutes: dict[str, float], stagger: float) -> None:
    """Record all at once, each started ``stagger`` seconds after the one before."""

    async def later(index: int, server: Server) -> None:
        await asyncio.sleep(index * stagger)
        outcome = await record(server, folder, minutes[server.name] * 60)
        print(time.strftime("%H:%M:%S"), outcome, flush=True)

    outcomes = await asyncio.gather(*(later(i, s) for i, s in enumerate(servers)), return_exceptions=True)
    for server, outcome in zip(servers, outcomes, strict=True):
        if isinstance(outcome, BaseException):
            print(f"{server.name}: {outcome!r}", file=sys.stderr, flush=True)
