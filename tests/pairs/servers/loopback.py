"""A loopback HTTP server around one call of a library: standard library only, one thread per connection.

Run by the Python of a pair's environment, so it imports nothing of `aging`.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def serve(work: Callable[[], object], port: int | None = None) -> None:
    """Answer every GET and POST with 200 after one call of ``work``, one call at a time, until killed.

    ``port``: by default the first argument of the command line. An exception of ``work`` answers 500.
    """
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # one segment an answer: two would wait for the client's delayed acknowledgement

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            with lock:
                try:
                    work()
                    status = 200
                except Exception as error:  # noqa: BLE001 - a failed call is a failed request, which the gate must see
                    self.log_error("%r", error)
                    status = 500
            self.send_response_only(status)
            self.send_header("Content-Length", "3")
            self.end_headers()
            self.wfile.write(b"ok\n")

        do_POST = do_GET  # noqa: N815 - the library's name

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Log nothing: only errors."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

    Server(("127.0.0.1", int(sys.argv[1]) if port is None else port), Handler).serve_forever()
