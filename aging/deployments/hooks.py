"""Rejuvenation from outside: a command or an address of the user's, and the HTTP calls that a runtime offers.

Nothing here raises for what the other side does: a hook that fails, hangs or cannot be run gives a result with a
message.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from aging.deployments.actions import HttpCall

_TAIL_BYTES = 2048
_KILLED_SECONDS = 5.0
"""How long a killed group may take to be gone: a process in an uninterruptible call is not waited for."""


@dataclass(frozen=True, slots=True)
class HookFacts:
    """The facts that a hook gets: the server, and the reason. ``pid`` is its main process; None without one."""

    deployment: str
    pid: int | None
    generation: int
    action: str
    reason: str

    def environment(self) -> dict[str, str]:
        """As environment variables of a command: ``AGING_DEPLOYMENT`` and so on; one that is None is empty."""
        return {f"AGING_{name.upper()}": "" if value is None else str(value) for name, value in self._named()}

    def as_json(self) -> str:
        """As the body of a POST: ``{"deployment": …}``."""
        return json.dumps(dict(self._named()))

    def _named(self) -> Sequence[tuple[str, str | int | None]]:
        return [(name, getattr(self, name)) for name in self.__dataclass_fields__]


@dataclass(frozen=True, slots=True)
class HookResult:
    """How a hook or a series of calls ended.

    ``status`` is the exit status or the HTTP status; None if there is none. ``output`` is the last of what it printed
    or answered, at most 2 KiB. ``message`` says what failed; empty if ``ok``.
    """

    ok: bool
    status: int | None
    seconds: float
    output: str
    message: str = ""


async def run_hook(
    facts: HookFacts, within: float, *, command: Sequence[str] = (), url: str | None = None, folder: Path = Path()
) -> HookResult:
    """Run the command in ``folder``, or post the facts to ``url``; exactly one of them is given.

    After ``within`` seconds it has failed. A command runs without a shell in a session of its own, has the facts in
    its environment, and is killed as a group once they have passed; what it starts in the background otherwise goes on.
    """
    if (url is None) == (not command):
        raise ValueError("a hook is either a command or a url")
    if url is not None:
        return await _posted(url, facts, within)
    return await _run(tuple(command), facts, within, folder)


async def call_all(calls: Sequence[HttpCall], base_url: str, within: float) -> HookResult:
    """Send the calls of an offer one after the other; the first that fails ends the series.

    ``within`` is for all of them together, in seconds. Redirects are not followed: they are failures.
    """
    began = time.monotonic()
    result = HookResult(ok=True, status=None, seconds=0.0, output="")
    for call in calls:
        left = within - (time.monotonic() - began)
        result = await _sent(call.method, base_url.rstrip("/") + call.path, call.body, max(left, 0.0), call.says)
        if not result.ok:
            break
    return HookResult(result.ok, result.status, time.monotonic() - began, result.output, result.message)


async def _run(command: Sequence[str], facts: HookFacts, within: float, folder: Path) -> HookResult:
    began = time.monotonic()
    # A file, because a process that the hook leaves behind may keep a pipe open, or die of one that was closed.
    with tempfile.TemporaryFile() as output:
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=os.environ | facts.environment(),
                cwd=folder,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:  # ValueError: a zero byte in an argument
            why = error.strerror if isinstance(error, OSError) else str(error)
            return HookResult(
                ok=False, status=None, seconds=time.monotonic() - began, output="", message=_unrunnable(command, why)
            )
        message = ""
        try:
            async with asyncio.timeout(within):
                await process.wait()
        except TimeoutError:
            await _killed(process)
            message = f"{command[0]} did not end within {within:g} s and was killed"
        except asyncio.CancelledError:
            await _killed(process)
            raise
        if not message and process.returncode != 0:
            message = f"{command[0]} ended with {_how(process.returncode)}"
        printed = _tail(output)
    seconds = time.monotonic() - began
    return HookResult(not message, process.returncode, seconds, printed, _with_last_line(message, printed))


async def _posted(url: str, facts: HookFacts, within: float) -> HookResult:
    return await _sent("POST", url, facts.as_json(), within)


async def _sent(method: str, url: str, body: str, within: float, says: str = "") -> HookResult:
    from aging.core import http  # noqa: PLC0415 - 13 MB, where there is something to call

    began = time.monotonic()
    status, answered, message = None, b"", ""
    headers = {"Content-Type": "application/json"} if body else {}
    try:
        async with asyncio.timeout(within):
            # trust_env: a proxy of the environment is not meant for a server on this host
            async with (
                http.AsyncClient(timeout=None, trust_env=False, follow_redirects=False) as client,
                client.stream(method, url, content=body or None, headers=headers) as answer,
            ):
                status = answer.status_code
                async for some in answer.aiter_bytes():
                    answered = (answered + some)[-_TAIL_BYTES:]
    except TimeoutError:
        message = f"{method} {url} was not answered within {within:g} s"
    except (http.HTTPError, http.InvalidURL) as error:
        message = f"{method} {url} failed: {error or type(error).__name__}"
    output = answered.decode(errors="replace").strip()
    if not message and not 200 <= (status or 0) < 300:
        message = f"{method} {url} answered {status}"
    elif not message and says not in output:
        message = f"{method} {url} answered {status} without {says}"
    return HookResult(not message, status, time.monotonic() - began, output, _with_last_line(message, output))


async def _killed(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # the leader is not reaped, so the group's id is its own
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_KILLED_SECONDS):
            await process.wait()


def _unrunnable(command: Sequence[str], why: str | None) -> str:
    return f"{command[0]} cannot be run: {why}"


def _how(status: int | None) -> str:
    if status is not None and status < 0:
        with contextlib.suppress(ValueError):
            return signal.Signals(-status).name
    return f"exit status {status}"


def _tail(output: IO[bytes]) -> str:
    size = output.seek(0, os.SEEK_END)
    output.seek(max(size - _TAIL_BYTES, 0))
    return output.read(_TAIL_BYTES).decode(errors="replace").strip()


def _with_last_line(message: str, output: str) -> str:
    """The message, with the last line that the hook has printed, which mostly says why."""
    return f"{message}: {output.splitlines()[-1].strip()[:200]}" if message and output else message
