"""Two reference servers behind HAProxy, each with an `aging guard` of its own that restarts it, under load.

The guards are processes, started by the command line; neither knows of the other. A restart is a script that the guard
runs. Requests are counted as in :mod:`analysis.rejuvenation.proxied_trial`, whose servers and proxy these are.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from aging.core.endpoint import Endpoint
from aging.guard.decisions import read_decisions
from aging.load.job import Job
from aging.runner.load_process import LoadProcess
from aging.store.reader import read_requests
from analysis.rejuvenation.accounting import count, failures
from analysis.rejuvenation.proxied_trial import LEAD_SECONDS, PairServer, ended, started_proxy
from analysis.rejuvenation.trial import SEED, Plan, Trial, aging, free_port

_EVERY = "6s"
_SCRIPT = """\
#!/bin/sh
kill -TERM "$AGING_PID"
while grep -q '^State:.[^Z]' "/proc/$AGING_PID/status" 2>/dev/null; do sleep 0.05; done
setsid {argv} >>{log} 2>&1 &
echo $! >{pid}
"""


def guarded_trial(plan: Plan) -> Trial:
    """Let both guards restart their servers for as long as the load takes, and count."""
    plan.folder.mkdir(parents=True, exist_ok=True)
    return asyncio.run(_trial(plan))


async def _trial(plan: Plan) -> Trial:
    folder = plan.folder.resolve()
    (folder / "served").touch()
    pair = [PairServer(f"s{place}", free_port(), folder) for place in (0, 1)]
    with (folder / "log").open("ab") as log, contextlib.ExitStack() as stack:
        for one in pair:
            process = stack.enter_context(_started(one, log))
            await one.ready(process)
        front, socket = free_port(), folder / "haproxy.sock"
        stack.enter_context(ended(started_proxy(folder, front, socket, [one.port for one in pair], log)))
        for one in pair:
            stack.enter_context(ended(_guard(one, socket, log)))
        endpoint = Endpoint(f"http://127.0.0.1:{front}", "reference", answers="reference")
        load = await LoadProcess.start(folder, log)
        start = time.monotonic() + LEAD_SECONDS
        job = Job(endpoint, plan.load(), None, SEED, plan.seconds, start, folder / "requests")
        load.begin(job)
        await load.wait()
    records = read_requests(folder / "requests").table.to_pandas()
    due = {request.number: start + request.at for request in job.requests()}
    events = [row["event"] for one in pair for row in read_decisions(folder / f"guard-{one.name}")]
    done, failed = (events.count(f"rejuvenation_{what}") for what in ("completed", "failed"))
    return Trial(count(records, due, folder / "served"), done, failed, plan.seconds, failures=failures(records))


def _guard(one: PairServer, socket: Path, log: IO[bytes]) -> subprocess.Popen[bytes]:
    script = one.folder / f"restart-{one.name}"
    words = {"log": one.folder / "log", "pid": _pid_file(one)}
    quoted = {key: shlex.quote(str(word)) for key, word in words.items()}
    script.write_text(_SCRIPT.format(argv=shlex.join(map(str, one.argv)), **quoted))
    script.chmod(0o755)
    options: Sequence[str | Path] = (
        *("--name", rf"reference_server .*--port {one.port}\b", "--state", one.folder / f"guard-{one.name}"),
        *("--policy", "periodic", "--set", f"every={_EVERY}", "--set", "distance=1s", "--set", "budget=10000"),
        *("--action", shlex.quote(str(script)), "--proxy", f"unix:{socket}", "--proxy-server", f"pair/{one.name}"),
        *("--interval", "500ms", "--settle", "1s", "--listen", "none"),
    )
    return subprocess.Popen(aging("guard", *options), stdout=log, stderr=log)


@contextlib.contextmanager
def _started(one: PairServer, log: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """The first process of a server; the last one, which its guard has had started, is ended at the end."""
    process = one.start(log)
    _pid_file(one).write_text(str(process.pid))

    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(_pid_file(one).read_text()), signal.SIGTERM)


def _pid_file(one: PairServer) -> Path:
    return one.folder / f"{one.name}.pid"
