"""``python -m analysis.methods.prefork_server``: a pre-forking HTTP server, some of whose workers leak.

The parent listens and forks; every worker accepts from the same socket and answers requests one after the other, as
those of gunicorn do. A request allocates and frees blocks of random sizes. Workers have no names and one command line.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import socket
import sys
from http.server import BaseHTTPRequestHandler


def main() -> None:
    """Serve until SIGTERM; print the port and the pids of the workers, one of which may leak."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--leaking", type=int, nargs="*", default=[], help="numbers of workers that leak, from 1")
    parser.add_argument("--leak-bytes", type=int, default=0, help="what they keep of every request")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listening:
        workers = []
        for number in range(1, options.workers + 1):
            pid = os.fork()
            if pid == 0:
                leak = options.leak_bytes if number in options.leaking else 0
                serve(listening, leak, random.Random(f"{options.seed} {number}"))
            workers.append(pid)
        print(listening.getsockname()[1], *workers, flush=True)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit())
        try:
            signal.pause()
        finally:
            for pid in workers:
                os.kill(pid, signal.SIGKILL)


def serve(listening: socket.socket, leak: int, rng: random.Random) -> None:
    """Answer requests for ever, keeping ``leak`` bytes of each."""
    kept: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            blocks = [bytearray(rng.randrange(1_000, 60_000)) for _ in range(8)]
            if leak:
                kept.append(rng.randbytes(leak))
            self.send_response(200)
            self.send_header("content-length", "4")
            self.end_headers()
            self.wfile.write(b"done")
            blocks.clear()

        def log_message(self, *_: object) -> None:
            """No log."""

    while True:
        connection, address = listening.accept()
        with connection:
            Handler(connection, address, None)  # type: ignore[arg-type]  # it does not ask for its server


if __name__ == "__main__":
    main()
