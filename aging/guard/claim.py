"""The claim on a server: one guard each. The kernel frees it when its guard ends, however it ends.

A claim is an abstract Unix socket whose name is made of the server's identity; who holds it is asked of the kernel.
Another state folder or another way to name the server changes nothing: a guard claims what it was given, and the
process that it found.
"""

from __future__ import annotations

import contextlib
import hashlib
import socket
import struct
from collections.abc import Iterator

from aging.core.errors import AgingError
from aging.core.processes.ownership import Identity

_PEER = struct.Struct("3i")


class ClaimedError(AgingError):
    """Another guard watches this server; the message names its process."""

    def __init__(self, what: str, holder: int | None) -> None:
        self.holder = holder
        who = "another guard" if holder is None else f"the guard with pid {holder}"
        super().__init__(f"{what} is guarded by {who} already; two guards would both act. Stop one of them")


class Claims:
    """The claims of this process, by what they are on."""

    def __init__(self) -> None:
        self._held: dict[str, socket.socket] = {}

    def take(self, what: str, shown: str) -> None:
        """Claim ``what``; no effect if it is claimed here. Raises ClaimedError."""
        if what in self._held:
            return
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            claim.bind(_address(what))
        except OSError:
            claim.close()
            raise ClaimedError(shown, holder(what)) from None
        claim.listen(1)
        self._held[what] = claim

    def release(self, what: str) -> None:
        """Give a claim back."""
        if (claim := self._held.pop(what, None)) is not None:
            claim.close()

    def close(self) -> None:
        """Give all claims back."""
        for what in tuple(self._held):
            self.release(what)

    def held(self) -> Iterator[str]:
        """What is claimed here."""
        yield from self._held


def holder(what: str) -> int | None:
    """The pid of the guard that has claimed ``what``; None if no process of this pid namespace has."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.settimeout(1.0)
        asking.connect(_address(what))
        pid: int = _PEER.unpack(asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))[0]
        return pid or None
    return None


def of_process(one: Identity) -> str:
    """The name of the claim on one process of this boot."""
    return f"process {one.pid} {one.start}"


def _address(what: str) -> bytes:
    return b"\0aging-guard-" + hashlib.sha256(what.encode(errors="surrogateescape")).hexdigest()[:32].encode()
