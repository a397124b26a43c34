"""Stop a real runtime with streams under way, and count how many end whole.

``python -m analysis.offers.stop vllm --streams 4 --tokens 200 --set parallel=4 --ladder own --ladder group``: for each
ladder the server is started, all streams are sent, and once each has its first token the ladder begins. A line per
ladder says how many streams were whole, how many were cut, the seconds from the first signal to the end, and the exit.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

import aging.deployments.runtimes
from aging.core.plugins import discover
from aging.core.processes.stopping import GROUP_SIGTERM
from aging.deployments.base import Deployment, DeploymentBase
from aging.deployments.models.cache import model_cache
from aging.deployments.models.gguf import cached_gguf
from aging.deployments.models.huggingface import cached_folder
from aging.deployments.models.presets import PRESETS

_READY_SECONDS = 400.0
_STREAM_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Stopped:
    """The result of a stop: streams that ended whole and in time, streams that were cut, seconds, the exit."""

    ladder: str
    whole: int
    cut: int
    seconds: float
    longest_stream: float
    how: str


def main() -> None:
    """Print a line per ladder."""
    options = _options()
    for ladder in options.ladder or ["own", "group"]:
        stopped = asyncio.run(_trial(options, ladder))
        sys.stdout.write(
            f"{options.kind} {stopped.ladder}: {stopped.whole} whole, {stopped.cut} cut, "
            f"ended after {stopped.seconds:.2f} s ({stopped.how}); longest stream {stopped.longest_stream:.2f} s\n"
        )
        sys.stdout.flush()


async def _trial(options: argparse.Namespace, ladder: str) -> Stopped:
    kind: Any = discover(aging.deployments.runtimes, DeploymentBase)[options.kind]
    settings = {
        "name": options.kind,
        "kind": options.kind,
        "port": options.port,
        "stop_timeout": f"{options.stop_timeout:g}s",
    }
    settings |= dict(_setting(one) for one in options.set)
    cached = cached_gguf if kind.model_format == "gguf" else cached_folder
    model = str(cached(PRESETS[options.preset], model_cache())) if kind.needs_model else None
    deployment: Deployment[Any] = kind(kind.options_table(**settings), model)
    origin: Any = deployment.origin()
    if ladder == "group":
        origin = replace(origin, launch=replace(origin.launch, stop=GROUP_SIGTERM))
    endpoint = origin.endpoint
    with TemporaryDirectory() as folder:
        server = await origin.begin(Path(folder), Path(folder) / "log")
        try:
            async with httpx.AsyncClient(timeout=_STREAM_SECONDS, trust_env=False) as client:
                await _ready(client, endpoint)
                started = [asyncio.Event() for _ in range(options.streams)]
                streams = [
                    asyncio.create_task(_stream(client, endpoint, options.tokens, number, event))
                    for number, event in enumerate(started)
                ]
                for event in started[: options.parallel]:
                    await event.wait()
                began = time.monotonic()
                how = await server.end()
                seconds = time.monotonic() - began
                ended = await asyncio.gather(*streams)
        finally:
            await server.end()
            if options.log:
                sys.stderr.write((Path(folder) / "log").read_text(errors="replace")[-4000:])
    whole = [took for took in ended if took is not None]
    return Stopped(ladder, len(whole), len(ended) - len(whole), seconds, max(whole, default=0.0), how)


async def _ready(client: httpx.AsyncClient, endpoint: Any) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while await _stream(client, endpoint, 4, 0, asyncio.Event()) is None:
        if time.monotonic() > deadline:
            raise SystemExit("the server was not ready in time")
        await asyncio.sleep(0.5)


async def _stream(
    client: httpx.AsyncClient, endpoint: Any, tokens: int, number: int, first: asyncio.Event
) -> float | None:
    """Seconds that a stream took; None if it was cut, refused or shorter than asked."""
    began = time.monotonic()
    chat = endpoint.path.endswith("/chat/completions")
    prompt = f"{number} is the number of this stream and this is its prompt"
    said: dict[str, Any] = {"messages": [{"role": "user", "content": prompt}]} if chat else {"prompt": prompt}
    body = {"model": endpoint.model, "max_tokens": tokens, "stream": True, **said, **endpoint.body}
    done = False
    try:
        async with client.stream("POST", endpoint.base_url + endpoint.path, json=body) as answer:
            if answer.status_code != 200:
                first.set()
                return None
            async for line in answer.aiter_lines():
                if line.startswith("data:"):
                    first.set()
                    if "[DONE]" in line or '"finish_reason":"length"' in line.replace(" ", ""):
                        done = True
                    if '"finish_reason":"abort"' in line.replace(" ", ""):
                        sys.stderr.write(f"stream {number} ended with {line[:200]}\n")
                        return None
    except httpx.HTTPError as error:
        if first.is_set():
            sys.stderr.write(f"stream {number} after {time.monotonic() - began:.2f} s: {error!r}\n")
        first.set()
        return None
    return time.monotonic() - began if done else None


def _setting(text: str) -> tuple[str, Any]:
    key, _, value = text.partition("=")
    return key, json.loads(value)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m analysis.offers.stop", description=__doc__)
    parser.add_argument("kind", help="kind of deployment, like vllm")
    parser.add_argument(
        "--ladder", action="append", choices=("own", "group"), help="that of the runtime; SIGTERM to all"
    )
    parser.add_argument("--streams", type=int, default=4)
    parser.add_argument("--parallel", type=int, default=4, help="streams of which the first token is awaited")
    parser.add_argument("--tokens", type=int, default=200, help="tokens a stream")
    parser.add_argument("--preset", default="tiny", choices=tuple(PRESETS))
    parser.add_argument("--port", type=int, default=18931)
    parser.add_argument("--stop-timeout", type=float, default=15.0)
    parser.add_argument(
        "--set", action="append", default=[], help="a key of the deployment, JSON: --set sleep_mode=true"
    )
    parser.add_argument("--log", action="store_true", help="print the end of the server's log")
    return parser.parse_args()


if __name__ == "__main__":
    main()
