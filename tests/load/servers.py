"""Small hostile servers on real sockets, plain or under TLS, for the tests of the client."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

Talk = Callable[[socket.socket, threading.Event], None]
"""What a server does with a connection, until it returns or the event is set."""

SSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CLOSED = SSE + b"Connection: close\r\n\r\n"
CHUNKED = SSE + b"Transfer-Encoding: chunked\r\n\r\n"
TOKEN = b'data: {"choices":[{"text":" a","finish_reason":null}]}\n\n'
DONE = b"data: [DONE]\n\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def sized(head: bytes, body: bytes) -> bytes:
    return head + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


@contextlib.contextmanager
def talking(talk: Talk, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """A server that lets ``talk`` have every connection, one thread each; its base URL."""
    stop = threading.Event()
    threads: list[threading.Thread] = []

    def converse(peer: socket.socket) -> None:
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            stack.enter_context(peer)
            peer.settimeout(5.0)
            whole = stack.enter_context(tls.wrap_socket(peer, server_side=True)) if tls else peer
            talk(whole, stop)

    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        listener.settimeout(0.05)

        def serve() -> None:
            while not stop.is_set():
                with contextlib.suppress(TimeoutError):
                    threads.append(threading.Thread(target=converse, args=(listener.accept()[0],)))
                    threads[-1].start()

        serving = threading.Thread(target=serve)
        serving.start()
        try:
            yield f"{'https' if tls else 'http'}://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            stop.set()
            for thread in (serving, *threads):
                thread.join()


def read_request(peer: socket.socket) -> bytes:
    """One whole request: its head and the body of its Content-Length."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = peer.recv(65536)
        if not more:
            return b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
    )
    while len(body) < length:
        body += peer.recv(65536)
    return head + b"\r\n\r\n" + body


def answering(answer: bytes) -> Talk:
    """Read a request, answer, and close in peace: when the client has."""

    def talk(peer: socket.socket, stop: threading.Event) -> None:
        read_request(peer)
        peer.sendall(answer)
        if isinstance(peer, ssl.SSLSocket):
            peer.unwrap()
        else:
            peer.shutdown(socket.SHUT_WR)
        while not stop.is_set() and peer.recv(65536):
            pass

    return talk


def resetting(answer: bytes) -> Talk:
    """Read a request, answer, and reset the connection."""

    def talk(peer: socket.socket, stop: threading.Event) -> None:
        read_request(peer)
        peer.sendall(answer)
        stop.wait(0.05)  # the answer is to be read before the reset overtakes it
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return talk


def flooding(start: bytes, more: bytes, gap: float) -> Talk:
    """Read a request and send ``start``, then ``more`` every ``gap`` seconds for ever."""

    def talk(peer: socket.socket, stop: threading.Event) -> None:
        read_request(peer)
        peer.sendall(start)
        while not stop.wait(gap):
            peer.sendall(more)

    return talk


def self_signed(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's context with a certificate for 127.0.0.1, and the file that a client is to trust."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    names = ["-days", "1", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command, *names, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, certificate
