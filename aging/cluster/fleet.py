"""The hosts of a Ray cluster, as :class:`aging.study.fleet.Fleet` asks for them. This process does not load Ray."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import itertools
import re
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from aging.cluster.wire import Answer, Call, frame, receive
from aging.core.errors import AgingError, MissingPartError
from aging.core.package_code import ChangedCodeError, check_unchanged, code_at_start
from aging.study.fleet import (
    SHARED_ROOMS,
    AttemptKey,
    Chunk,
    File,
    Held,
    HostFacts,
    HostLostError,
    Look,
    Node,
    Order,
    Reservation,
)

_CONNECT_SECONDS = 45.0
"""Importing Ray and joining a cluster: 3 s on a quiet host, 20 s where both cores are busy."""

_ANSWER_SECONDS = 5.0
"""From a connection to the head's port until it is accepted."""

_RECONNECT_SECONDS = 5.0
"""Least time between two attempts to reach a lost cluster."""

_END_SECONDS = 5.0

_CHANGED = "The cells go on: aging resume STUDYDIR goes on with the new code."


async def connect(address: str) -> RayFleet:
    """The fleet of the cluster at ``auto`` or ``HOST:PORT``.

    Raises AgingError if the address is none, no cluster answers there within some seconds, or its Ray or Python is
    another version; MissingPartError where Ray is not installed.
    """
    if importlib.util.find_spec("ray") is None:
        raise MissingPartError("A cluster needs Ray, which is not installed. Install it: pip install 'llm-aging[ray]'")
    code_at_start()
    code_at_start(*SHARED_ROOMS)
    _check_address(address)
    await _check_answers(address)
    fleet = RayFleet(address)
    await fleet.open()
    return fleet


class RayFleet:
    """The hosts of a Ray cluster. Connects again by itself when the cluster was lost; until then calls raise.

    ``close`` ends the connection; reservations and campaigns stay.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self._process: asyncio.subprocess.Process | None = None
        self._receiving: asyncio.Task[None] | None = None
        self._waiting: dict[int, asyncio.Future[Answer]] = {}
        self._numbers = itertools.count(1)
        self._connecting = asyncio.Lock()
        self._tried = -_RECONNECT_SECONDS

    async def open(self) -> None:
        """Connect. Raises AgingError if it cannot."""
        self._tried = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "aging.cluster.bridge",
            self.address,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the study, which still needs the cluster to stop its cells
            cwd="/",
        )
        assert process.stdout is not None
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                code = await process.stdout.readline()
                if code.strip().decode(errors="replace") != code_at_start(*SHARED_ROOMS):
                    check_unchanged(_CHANGED)
                    raise EOFError
                hello = await receive(process.stdout)
            if hello.kind != "value":
                raise AgingError(hello.value)
            self._process = process
        except (TimeoutError, EOFError):
            raise AgingError(
                f"The Ray cluster at {self.address} did not let this process join within {_CONNECT_SECONDS:g} s. "
                "Check it with `ray status`."
            ) from None
        finally:
            if self._process is not process:
                await _end(process)
        self._waiting = {}
        self._receiving = asyncio.create_task(self._receive(process, self._waiting))

    async def close(self) -> None:
        """End the connection."""
        process, self._process = self._process, None
        receiving = self._receiving  # a call may connect again while this ends
        if process is not None:
            await _end(process)
        if receiving is not None:
            await receiving

    async def nodes(self) -> Sequence[Node]:
        found: Sequence[Node] = await self._head("nodes")
        return found

    async def reserve(self, key: AttemptKey, node: Node, what: Reservation) -> bool:
        return bool(await self._head("reserve", key, node, what))

    async def release(self, key: AttemptKey) -> None:
        await self._head("release", key)

    async def reservations(self) -> Sequence[Held]:
        found: Sequence[Held] = await self._head("reservations")
        return found

    async def facts(self, node: Node, scratch: str) -> HostFacts:
        told: HostFacts = await self._call("facts", node, scratch)
        return told

    async def start(self, node: Node, order: Order) -> Look:
        seen: Look = await self._call("start", node, order)
        return seen

    async def resume(self, node: Node, key: AttemptKey, scratch: str) -> Look:
        seen: Look = await self._call("resume", node, key, scratch)
        return seen

    async def stop(self, node: Node, key: AttemptKey, scratch: str) -> Look:
        seen: Look = await self._call("stop", node, key, scratch)
        return seen

    async def look(self, node: Node, keys: Sequence[AttemptKey], scratch: str) -> Sequence[Look]:
        seen: Sequence[Look] = await self._call("look", node, tuple(keys), scratch)
        return seen

    async def discard(self, node: Node, key: AttemptKey, scratch: str) -> None:
        await self._call("discard", node, key, scratch)

    async def read(self, node: Node, key: AttemptKey, scratch: str, files: Sequence[File]) -> AsyncIterator[Chunk]:
        number = next(self._numbers)
        await self._call("open", number, node, key, scratch, tuple(files))
        try:
            while (chunks := await self._call("next_chunks", number)) is not None:
                for chunk in chunks:
                    yield chunk
        finally:
            with contextlib.suppress(HostLostError):  # its process is gone, and the stream with it
                await self._call("close", number)

    async def _head(self, method: str, *arguments: Any) -> Any:
        """A call that the head answers. A head that does not is left: it may be another one behind its address."""
        try:
            return await self._call(method, *arguments)
        except HostLostError:
            await self.close()
            raise

    async def _call(self, method: str, *arguments: Any) -> Any:
        process = await self._connected()
        number = next(self._numbers)
        calls = self._waiting
        waiting = calls[number] = asyncio.get_running_loop().create_future()
        try:
            assert process.stdin is not None
            process.stdin.write(frame(Call(number, method, arguments)))
            await process.stdin.drain()
            answer = await waiting
        except ConnectionError:
            raise self._lost() from None
        finally:
            calls.pop(number, None)
        match answer.kind:
            case "value":
                return answer.value
            case "lost":
                raise HostLostError(answer.value)
            case "refused":
                raise AgingError(answer.value)
            case "other_code":
                raise answer.value
        check_unchanged(_CHANGED)
        raise RuntimeError(f"{method} failed:\n{answer.value}")

    async def _connected(self) -> asyncio.subprocess.Process:
        async with self._connecting:
            if self._process is None:
                if time.monotonic() - self._tried < _RECONNECT_SECONDS:
                    raise self._lost()
                try:
                    self._tried = time.monotonic()
                    await _check_answers(self.address)
                    await self.open()
                except ChangedCodeError:
                    raise
                except AgingError as error:
                    raise HostLostError(str(error)) from None
            assert self._process is not None
            return self._process

    async def _receive(self, process: asyncio.subprocess.Process, calls: Mapping[int, asyncio.Future[Answer]]) -> None:
        """Hand out answers to ``calls`` until the process is gone; then each that still waits has failed."""
        assert process.stdout is not None
        with contextlib.suppress(EOFError):
            while True:
                answer: Answer = await receive(process.stdout)
                waiting = calls.get(answer.number)
                if waiting is not None and not waiting.done():
                    waiting.set_result(answer)
        if self._process is process:
            self._process = None
            await _end(process)
        lost = str(self._lost())
        for number, waiting in calls.items():
            if not waiting.done():
                waiting.set_result(Answer(number, "lost", lost))

    def _lost(self) -> HostLostError:
        return HostLostError(f"The connection to the cluster at {self.address} is lost.")


def _check_address(address: str) -> None:
    if address.startswith("ray://"):
        host = address.removeprefix("ray://").partition(":")[0] or "HOST"
        raise AgingError(
            f"--cluster {address}: Ray Client (ray://) keeps no reservation when its connection breaks. Use the "
            f"address of the head's control store, like {host}:6379, on a machine that has joined the cluster."
        )
    if address != "auto" and not re.fullmatch(r"(\[[0-9A-Fa-f:]+\]|[^\s:/]+):[0-9]{1,5}", address):
        raise AgingError(f"--cluster {address}: expected `auto` or HOST:PORT, like `auto` or `10.0.0.1:6379`.")


async def _check_answers(address: str) -> None:
    """Raises AgingError if nothing accepts connections there: Ray itself would try for a minute."""
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    except (OSError, OverflowError, TimeoutError) as error:
        reason = "no connection within 5 s" if isinstance(error, TimeoutError) else str(error)
        raise AgingError(
            f"No Ray cluster answers at {address} ({reason}). Start one with `ray start --head`, or name another with "
            "--cluster."
        ) from None
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def _end(process: asyncio.subprocess.Process) -> None:
    """End the process of a connection: by the end of its input, else by SIGKILL. It holds nothing to be saved."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), _END_SECONDS)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
