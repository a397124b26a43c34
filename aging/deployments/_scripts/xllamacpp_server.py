"""Start a llama.cpp server from its ``xllamacpp`` binding and run until SIGTERM and the end of the answers under way.

Run by the Python of the environment that xllamacpp is installed in, so it
imports nothing of `aging`.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
from pathlib import Path
from typing import Any

_POLL_SECONDS = 0.05
_SENT_SECONDS = 1.0
_ESTABLISHED = "01"
_IDLE = re.compile(r"^llamacpp:requests_(?:processing|deferred) 0$", re.MULTILINE)


def main() -> None:
    """Serve until SIGTERM or SIGINT, let the answers under way end, and exit 0; a second signal ends it at once."""
    options = _options()
    stops = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stops)  # before the library starts threads, which inherit it

    import xllamacpp  # noqa: PLC0415 - after the flags: --help works without it

    params = xllamacpp.CommonParams()
    params.model.path = options.model
    params.hostnames = [options.host]
    params.port = options.port
    params.n_ctx = options.context
    params.n_parallel = options.parallel
    params.cpuparams.n_threads = options.threads
    params.cpuparams_batch.n_threads = options.threads
    params.endpoint_metrics = options.metrics
    if options.slot_actions:  # only with a folder to save to; nothing can be saved to this one
        params.slot_save_path = f"{os.devnull}/"
    if options.http_threads is not None:
        params.n_threads_http = options.http_threads
    params.verbosity = options.verbosity
    if options.cache_ram_mib is not None:
        params.cache_ram_mib = options.cache_ram_mib
    try:
        server = xllamacpp.Server(params)
    except RuntimeError as error:  # the library's log, above, has the reason
        sys.exit(f"no server with {options.model} on {options.host}:{options.port}: {error}")
    sys.stdout.write(f"listening on {server.listening_address}\n")
    sys.stdout.flush()
    signal.sigwait(stops)
    if options.metrics:
        _drain(server, int(server.listening_address.rpartition(":")[2]), stops)
    # Without the destructor of the server: with a stream in flight it hangs until the next keep-alive
    # comment is due (30 s, measured). The kernel frees everything at exit.
    os._exit(0)


def _drain(server: Any, port: int, stops: set[signal.Signals]) -> None:
    """Wait until nothing is computed and the last piece has been sent, or until the next signal.

    llama.cpp's own ``llama-server`` does not: it ends at SIGTERM with what it is computing.
    """
    while len(_IDLE.findall(server.handle_metrics())) < 2:
        if signal.sigtimedwait(stops, _POLL_SECONDS) is not None:
            return
    for _ in range(round(_SENT_SECONDS / _POLL_SECONDS)):
        if not _connected(port) or signal.sigtimedwait(stops, _POLL_SECONDS) is not None:
            return


def _connected(port: int) -> bool:
    rows = [line.split() for line in Path("/proc/self/net/tcp").read_text().splitlines()[1:]]
    return any(row[1].endswith(f":{port:04X}") and row[3] == _ESTABLISHED for row in rows)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="path of a GGUF file")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--context", type=int, default=4096, help="tokens of context, shared by the slots")
    parser.add_argument("--parallel", type=int, default=4, help="slots: requests answered at the same time")
    parser.add_argument("--threads", type=int, default=1, help="computing threads")
    parser.add_argument(
        "--cache-ram-mib", type=int, help="host prompt cache in MiB; 0 = off; the library's own default"
    )
    parser.add_argument(
        "--http-threads",
        type=int,
        help="fixed number of connections served at once; the library's own is one thread more for each that comes",
    )
    parser.add_argument("--metrics", action="store_true", help="serve /metrics, and drain at SIGTERM")
    parser.add_argument("--slot-actions", action="store_true", help="serve POST /slots/ID?action=erase")
    parser.add_argument(
        "--verbosity", type=int, default=2, help="1 = errors, 2 = warnings too, 3 = 0.8 KB of log a request"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
