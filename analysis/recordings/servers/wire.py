"""The servers' protocol, in Python: ``POST /KEY/SIZE`` with a text, answered with a text.

The answer's header ``X-W`` holds the worker's index, its process, and the bytes that it leaked so far: payload, and
counted with what the structure is known to add.
"""

import asyncio
import ctypes
import os
import socket
import sys
from collections.abc import Callable
from typing import cast

from analysis.recordings.servers.leaks import Leak

Handle = Callable[[int, int, bytes], bytes]
"""Key, size and text to an answer."""


def listener() -> socket.socket:
    """A listening socket that several workers may share."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind(("127.0.0.1", int(os.environ["PORT"])))
    sock.listen(256)
    return sock


def answer(body: bytes, worker: int, leak: Leak) -> bytes:
    """The bytes of a response."""
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nX-W: %d %d %d %d\r\n\r\n%b" % (
        len(body),
        worker,
        os.getpid(),
        leak.payload,
        leak.counted,
        body,
    )


def parsed(head: bytes) -> tuple[int, int, int]:
    """Key, size, and length of the body of a request's head."""
    path = head.split(b" ", 2)[1].split(b"/")
    low = head.lower()
    at = low.find(b"content-length:")
    length = int(low[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
    return int(path[1]), int(path[2]), length


class Connection(asyncio.Protocol):
    """One connection of an event loop."""

    def __init__(self, handle: Handle, worker: int, leak: Leak) -> None:
        self.handle, self.worker, self.leak = handle, worker, leak
        self.data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.WriteTransport, transport)

    def data_received(self, data: bytes) -> None:
        self.data += data
        while (end := self.data.find(b"\r\n\r\n")) >= 0:
            key, size, length = parsed(self.data[:end])
            if len(self.data) < end + 4 + length:
                return
            body = self.data[end + 4 : end + 4 + length]
            self.data = self.data[end + 4 + length :]
            reply = self.handle(key, size, body)
            self.leak()
            self.transport.write(answer(reply, self.worker, self.leak))


async def _serve(handle: Handle, worker: int, leak: Leak) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(handle, worker, leak), sock=listener())
    await server.serve_forever()


def serve(handle: Handle, leak: Leak, worker: int = 0) -> None:
    """Answer on an event loop until killed."""
    if os.environ.get("LOOP") == "uvloop":
        import uvloop  # noqa: PLC0415  only one environment has it

        uvloop.run(_serve(handle, worker, leak))
    else:
        asyncio.run(_serve(handle, worker, leak))


def converse(connection: socket.socket, handle: Handle, leak: Leak, worker: int = 0) -> None:
    """Answer one connection until it ends: for threads."""
    data = b""
    with connection:
        while True:
            while (end := data.find(b"\r\n\r\n")) < 0:
                got = connection.recv(65536)
                if not got:
                    return
                data += got
            key, size, length = parsed(data[:end])
            while len(data) < end + 4 + length:
                got = connection.recv(65536)
                if not got:
                    return
                data += got
            body, data = data[end + 4 : end + 4 + length], data[end + 4 + length :]
            reply = handle(key, size, body)
            leak()
            connection.sendall(answer(reply, worker, leak))


def fork(workers: int) -> int:
    """Fork workers; returns the index in a child, never in the parent. A worker ends with its parent."""
    for index in range(workers):
        if os.fork() == 0:
            ctypes.CDLL(None).prctl(1, 9)
            return index
    while True:
        pid, status = os.wait()
        print("worker ended", pid, status, file=sys.stderr, flush=True)
