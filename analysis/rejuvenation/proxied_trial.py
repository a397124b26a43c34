"""Two reference servers behind HAProxy, restarted in turn under load, each taken out of rotation before.

HAProxy is a child of the study on loopback; its runtime API drains a server and puts it back, by the package's own
client of it (``aging.guard.haproxy``). The load is the package's load process, which sends to the proxy.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from aging.core.endpoint import Endpoint
from aging.deployments.lifecycle import Launch
from aging.deployments.runtimes.reference import Reference, ReferenceOptions
from aging.guard.haproxy import HAProxy
from aging.load.http.transport import Transport
from aging.load.job import Job
from aging.load.requests.outgoing import completion
from aging.load.requests.send import send
from aging.load.schedule.planned_request import PlannedRequest
from aging.runner.load_process import LoadProcess
from aging.store.reader import read_requests
from analysis.rejuvenation.accounting import count, failures
from analysis.rejuvenation.trial import LEAK, SEED, TOKEN_SECONDS, TTFT_SECONDS, Plan, Trial, free_port

HAPROXY = shutil.which("haproxy", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")

_DRAIN_SECONDS = 30.0
READY_SECONDS = 60.0
_PAUSE_SECONDS = 1.0
LEAD_SECONDS = 1.0
_PROBE = PlannedRequest(number=-1, at=0.0, prompt_tokens=4, output_tokens=2, streaming=True)

_CONFIGURATION = """
global
    stats socket {socket} mode 600 level admin
defaults
    mode http
    timeout connect 5s
    timeout check 5s
    timeout client 120s
    timeout server 120s
    timeout queue 60s
frontend front
    bind 127.0.0.1:{port}
    default_backend pair
backend pair
    balance leastconn
    option httpchk GET /health
    default-server check inter 200ms fall 2 rise 1
    server s0 127.0.0.1:{ports[0]}
    server s1 127.0.0.1:{ports[1]}
"""


class TroubleError(Exception):
    """A server or HAProxy has not done what the trial needs."""


@dataclass(frozen=True, slots=True)
class PairServer:
    """One of the pair, as HAProxy calls it, and its port."""

    name: str
    port: int
    folder: Path

    @property
    def endpoint(self) -> Endpoint:
        return self._launch.endpoint

    @property
    def argv(self) -> Sequence[str]:
        return self._launch.argv

    @property
    def _launch(self) -> Launch:
        options = {
            "name": self.name,
            "kind": "reference",
            "port": self.port,
            "served_log": str(self.folder / "served"),
            "ttft": f"{TTFT_SECONDS}s",
            "token": f"{TOKEN_SECONDS}s",
            **LEAK,
        }
        return Reference(ReferenceOptions.model_validate(options), None).launch()

    def start(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self._launch.argv, stdout=log, stderr=log)

    async def ready(self, process: subprocess.Popen[bytes]) -> None:
        """Return once it has answered a request."""
        deadline = time.monotonic() + READY_SECONDS
        async with Transport() as transport:
            asked = completion(self.endpoint, _PROBE, (" a b c d",))
            while (await send(transport, self.endpoint, _PROBE, asked, 5.0)).status != "ok":
                if process.poll() is not None or time.monotonic() > deadline:
                    raise TroubleError(f"{self.name} is not ready: exit {process.poll()}")
                await asyncio.sleep(0.05)


def proxied_trial(plan: Plan) -> Trial:
    """Restart one server after the other for as long as the load takes, and count."""
    plan.folder.mkdir(parents=True, exist_ok=True)
    return asyncio.run(_trial(plan))


async def _trial(plan: Plan) -> Trial:
    folder = plan.folder.resolve()
    (folder / "served").touch()
    pair = [PairServer(f"s{place}", free_port(), folder) for place in (0, 1)]
    with (folder / "log").open("ab") as log, contextlib.ExitStack() as stack:
        running = {one.name: stack.enter_context(ended(one.start(log))) for one in pair}
        for one in pair:
            await one.ready(running[one.name])
        front, socket = free_port(), folder / "haproxy.sock"
        stack.enter_context(ended(started_proxy(folder, front, socket, [one.port for one in pair], log)))
        endpoint = Endpoint(f"http://127.0.0.1:{front}", "reference", answers="reference")
        load = await LoadProcess.start(folder, log)
        start = time.monotonic() + LEAD_SECONDS
        job = Job(endpoint, plan.load(), None, SEED, plan.seconds, start, folder / "requests")
        load.begin(job)
        over = asyncio.create_task(load.wait())
        done = failed = 0
        while not over.done() and time.monotonic() < start + plan.seconds - _PAUSE_SECONDS:
            one = pair[done % 2]
            proxy = HAProxy(f"unix:{socket}", (f"pair/{one.name}",))
            failed += await proxy.drain(_DRAIN_SECONDS) > 0
            running[one.name].send_signal(signal.SIGTERM)
            await asyncio.to_thread(running[one.name].wait)
            running[one.name] = stack.enter_context(ended(one.start(log)))
            await one.ready(running[one.name])
            failed += not await proxy.release(READY_SECONDS)
            done += 1
            await asyncio.sleep(_PAUSE_SECONDS)
        await over
    records = read_requests(folder / "requests").table.to_pandas()
    due = {request.number: start + request.at for request in job.requests()}
    counted = count(records, due, folder / "served")
    return Trial(counted, done, failed, plan.seconds, failures=failures(records))


def started_proxy(
    folder: Path, front: int, socket: Path, ports: Sequence[int], log: IO[bytes]
) -> subprocess.Popen[bytes]:
    if HAPROXY is None:
        raise TroubleError("haproxy is not installed: apt-get install haproxy")
    file = folder / "haproxy.cfg"
    file.write_text(_CONFIGURATION.format(socket=socket, port=front, ports=ports))
    proxy = subprocess.Popen([HAPROXY, "-f", file, "-db"], stdout=log, stderr=log)
    deadline = time.monotonic() + READY_SECONDS
    while not socket.exists():
        if proxy.poll() is not None or time.monotonic() > deadline:
            raise TroubleError(f"HAProxy did not start: exit {proxy.poll()}")
        time.sleep(0.05)
    return proxy


@contextlib.contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """Have the process end with the trial."""
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait()
