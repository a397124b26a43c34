"""A server behind HAProxy, through its runtime API: taken out of rotation, emptied, and put back.

Every command is a connection of its own, as HAProxy has it by default. Commands and columns are those of the
management guide of HAProxy 2.6 ("Unix Socket commands", "Statistics and monitoring").
"""

from __future__ import annotations

import asyncio
import csv
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from aging.core.errors import AgingError

_ANSWER_SECONDS = 5.0
_ATTEMPTS, _ATTEMPT_SECONDS = 4, 0.5
_POLL_SECONDS = 0.1
_MOST_BYTES = 16 << 20
_BACKEND = "BACKEND"

Wanted = Literal["ready", "drain", "maint"]


class ProxyError(AgingError):
    """HAProxy does not do what it is asked; the message says what was asked, and what would be right."""


class ProxySilentError(ProxyError):
    """HAProxy does not answer: it does not run, or is not at this address."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A server of a backend as `show stat` has it: its status, sessions now and in its queue, and since the start.

    ``up``: it takes new requests.
    """

    backend: str
    server: str
    status: str
    sessions: int
    queued: int
    up: bool

    @property
    def name(self) -> str:
        return f"{self.backend}/{self.server}"


@dataclass(frozen=True, slots=True)
class HAProxy:
    """The runtime API at ``socket``, and what the guarded server is called there (``backend/server``)."""

    socket: str
    servers: tuple[str, ...]

    async def standing(self) -> Sequence[Standing]:
        """Every server of the backends of the guarded one. Raises ProxyError, also if the server is not there."""
        found = [one for one in _standings(await self._ask("show stat")) if one.backend in self._backends()]
        names = {one.name for one in found}
        for name in self.servers:
            if name not in names:
                there = ", ".join(sorted(names)) or "no server in such a backend"
                raise ProxyError(f"HAProxy at {self.socket} has no server {name}; it has {there}")
        return found

    async def check(self) -> None:
        """Raise ProxyError if the server is not there, or this socket may not set its state."""
        await self.standing()
        allowed = (await self._ask("show cli level")).strip()
        if allowed in ("user", "operator"):
            raise ProxyError(
                f"HAProxy at {self.socket} allows level {allowed}; write `level admin` at its stats socket"
            )

    async def withdrawn(self) -> Sequence[str]:
        """The names under which the server is in drain or maintenance, with its status. Raises ProxyError."""
        return [
            f"{one.name} is in {one.status}"
            for one in await self.standing()
            if one.name in self.servers and one.status.startswith(("DRAIN", "MAINT"))
        ]

    async def alone(self) -> Sequence[str]:
        """The names of the guarded server in the backends where no other server is up."""
        standing = await self.standing()
        return [
            name
            for name in self.servers
            if not any(one.up and one.name not in self.servers and one.backend == _backend(name) for one in standing)
        ]

    async def drain(self, within: float) -> int:
        """Take the server out of rotation and wait until it has no session; return how many are left then.

        Those are cut by what follows. New requests of clients that are bound to the server by a cookie are refused it
        once the last session has ended. Raises ProxyError.
        """
        deadline = time.monotonic() + within
        await self.set_state("drain")
        await self._emptied(deadline)
        await self.set_state("maint")
        return await self._emptied(deadline)

    async def sessions(self) -> int:
        """The sessions of the server, and the requests that wait for it. Raises ProxyError."""
        return sum(one.sessions + one.queued for one in await self.standing() if one.name in self.servers)

    async def release(self, within: float) -> bool:
        """Put the server back into rotation; whether it takes requests again ``within`` seconds. Raises ProxyError."""
        began = time.monotonic()
        await self.set_state("ready")
        while not await self.in_rotation():
            if time.monotonic() - began >= within:
                return False
            await asyncio.sleep(_POLL_SECONDS)
        return True

    async def in_rotation(self) -> bool:
        """Whether the server takes new requests in all its backends. Raises ProxyError."""
        return all(one.up for one in await self.standing() if one.name in self.servers)

    async def _emptied(self, deadline: float) -> int:
        """Wait until the server has no session, or the deadline; return how many are left."""
        left = await self.sessions()
        while left and time.monotonic() < deadline:
            await asyncio.sleep(_POLL_SECONDS)
            left = await self.sessions()
        return left

    async def set_state(self, wanted: Wanted) -> None:
        """Set the administrative state of the server in every backend. Raises ProxyError."""
        for name in self.servers:
            answer = await self._ask(f"set server {name} state {wanted}")
            if answer.strip():
                raise ProxyError(f"HAProxy at {self.socket}: set server {name} state {wanted}: {answer.strip()}")

    async def addresses(self) -> Sequence[tuple[str, int]]:
        """Where HAProxy reaches the server: host and port, each once. Raises ProxyError."""
        found: dict[tuple[str, int], None] = {}
        for backend in self._backends():
            for row in _states(await self._ask(f"show servers state {backend}")):
                if f"{row['be_name']}/{row['srv_name']}" in self.servers and row["srv_port"] != "0":
                    found[row["srv_addr"], int(row["srv_port"])] = None
        return list(found)

    def _backends(self) -> Sequence[str]:
        return list(dict.fromkeys(_backend(name) for name in self.servers))

    async def _ask(self, command: str) -> str:
        """The answer; a HAProxy that is being restarted has some seconds."""
        for _ in range(_ATTEMPTS - 1):
            try:
                return await self._asked(command)
            except ProxySilentError:
                await asyncio.sleep(_ATTEMPT_SECONDS)
        return await self._asked(command)

    async def _asked(self, command: str) -> str:
        kind, _, where = self.socket.partition(":")
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                if kind == "unix":
                    reader, writer = await asyncio.open_unix_connection(where)
                else:
                    host, _, port = where.rpartition(":")
                    reader, writer = await asyncio.open_connection(host, int(port))
                try:
                    writer.write(command.encode() + b"\n")
                    await writer.drain()
                    answer = await reader.read(-1)
                finally:
                    writer.close()
        except TimeoutError:
            raise ProxySilentError(f"HAProxy at {self.socket} has not answered for {_ANSWER_SECONDS:g} s") from None
        except OSError as error:
            raise ProxySilentError(f"HAProxy at {self.socket} does not answer: {error.strerror or error}") from None
        text = answer.decode(errors="replace")
        if text.startswith(("Permission denied", "Unknown command")):
            what = "write `level admin` at its stats socket" if text.startswith("Perm") else text.strip()[:200]
            raise ProxyError(f"HAProxy at {self.socket} refuses `{command}`: {what}")
        return text


def _backend(name: str) -> str:
    return name.partition("/")[0]


def _standings(text: str) -> Sequence[Standing]:
    """The servers in the answer to `show stat`, a CSV table whose first line begins with `# `."""
    rows = csv.DictReader(text.removeprefix("# ").splitlines())
    found = []
    for row in rows:
        if row.get("type") != "2":  # 0: frontend, 1: backend, 2: server, 3: listener
            continue
        status = row["status"]
        found.append(
            Standing(
                backend=row["pxname"],
                server=row["svname"],
                status=status,
                sessions=int(row["scur"] or 0),
                queued=int(row["qcur"] or 0),
                up=(status.startswith("UP") or status == "no check") and int(row["weight"] or 0) > 0,
            )
        )
    return found


def _states(text: str) -> Sequence[Mapping[str, str]]:
    """The rows of `show servers state`: a version, a line of names after `# `, then a line a server."""
    lines = [line for line in text.splitlines() if line.strip()]
    heads = next((line[2:].split() for line in lines if line.startswith("# ")), [])
    rows = [line.split() for line in lines if not line.startswith("#") and " " in line]
    return [dict(zip(heads, row, strict=False)) for row in rows]
