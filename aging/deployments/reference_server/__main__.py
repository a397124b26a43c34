"""``python -m aging.deployments.reference_server``: start the reference server from command-line flags."""

from __future__ import annotations

import argparse
import asyncio
import gc
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path

from aging.deployments.reference_server.leak import Ager, Aging
from aging.deployments.reference_server.served_log import ServedLog
from aging.deployments.reference_server.server import DRAIN_SECONDS, Pace, ReferenceServer
from aging.deployments.reference_server.warmup import rehearse


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; 0 after a clean shutdown, 2 for flags or a port that cannot be used."""
    parser = _parser()
    options = vars(parser.parse_args(arguments))
    pace = Pace(options["ttft_seconds"], options["token_seconds"])
    if pace.ttft_seconds < 0 or pace.token_seconds < 0:
        parser.error("a pace is not negative")
    if options["drain_seconds"] < 0:
        parser.error("--drain-seconds is not negative")
    try:
        aging = Aging(**{each.name: options[each.name] for each in fields(Aging)})
    except ValueError as error:
        parser.error(str(error))
    try:
        served = ServedLog(options["served_log"]) if options["served_log"] else None
    except OSError as error:
        parser.error(f"--served-log {options['served_log']}: {error.strerror}")

    def server() -> ReferenceServer:
        return ReferenceServer(Ager(aging), pace, options["drain_seconds"], served)

    try:
        asyncio.run(_run(options["host"], options["port"], server))
    except OSError as error:
        sys.stderr.write(f"{options['host']}:{options['port']}: {error}\n")
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m aging.deployments.reference_server",
        description=sys.modules["aging.deployments.reference_server"].__doc__,
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument(
        "--port", type=int, required=True, help="0 = any free port, printed in the first line of output"
    )
    parser.add_argument("--ttft-seconds", type=float, default=Pace().ttft_seconds, help="time to first token")
    parser.add_argument("--token-seconds", type=float, default=Pace().token_seconds, help="time per further token")
    parser.add_argument(
        "--drain-seconds",
        type=float,
        default=DRAIN_SECONDS,
        help="longest time for requests in flight after SIGTERM; then they are cut",
    )
    parser.add_argument(
        "--served-log", type=Path, help="file to which the X-Request-Id of every request is appended, twice"
    )
    for each in fields(Aging):
        flag = f"--{each.name.replace('_', '-')}"
        parser.add_argument(flag, type=float, default=0.0, help=each.metadata["help"])
    return parser


async def _run(host: str, port: int, server: Callable[[], ReferenceServer]) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    listening: asyncio.Future[int] = loop.create_future()
    listening.add_done_callback(lambda found: _announce(host, found.result()))
    await rehearse()
    gc.collect()
    gc.freeze()
    await server().serve(host, port, listening, stop)
    for number in (
        signal.SIGTERM,
        signal.SIGINT,
    ):  # after the clean-up of the loop, a second signal would kill the process
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_IGN)


def _announce(host: str, port: int) -> None:
    sys.stdout.write(f"listening on http://{host}:{port}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
