"""Hooks: real commands and a real server on the loopback, well and badly behaved."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest

from aging.deployments.actions import HttpCall
from aging.deployments.hooks import HookFacts, HookResult, call_all, run_hook
from tests.conftest import wait_for

FACTS = HookFacts("llama", 4711, 3, "external", "process_anon_swap_bytes above 200 MiB")
WITHIN = 60.0


def run(*command: str, within: float = WITHIN, facts: HookFacts = FACTS, folder: Path = Path()) -> HookResult:
    return asyncio.run(run_hook(facts, within, command=command, folder=folder))


class _Answers(BaseHTTPRequestHandler):
    seen: list[tuple[str, str, str | None, bytes]]
    release: threading.Event

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.seen.append((self.command, self.path, self.headers.get("Content-Type"), body))
        if self.path == "/hang":
            self.release.wait(60)
            return
        status = int(self.path.rpartition("/")[2])
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header("Location", "/200")
        said = b"so it is\n"
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


class Listening:
    def __init__(self, server: ThreadingHTTPServer, seen: list[tuple[str, str, str | None, bytes]]) -> None:
        self.url = f"http://127.0.0.1:{server.server_port}"
        self.seen = seen


@pytest.fixture
def server() -> Iterator[Listening]:
    release = threading.Event()
    methods = {f"do_{method}": _Answers.answer for method in ("POST", "PUT", "DELETE")}
    seen: list[tuple[str, str, str | None, bytes]] = []
    handler = type("Handler", (_Answers,), {"seen": seen, "release": release, **methods})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield Listening(listening, seen)
        release.set()
        listening.shutdown()
        thread.join()


def test_command_is_told_the_facts() -> None:
    found = run("sh", "-c", 'echo "$AGING_DEPLOYMENT $AGING_PID $AGING_GENERATION $AGING_ACTION: $AGING_REASON"')
    assert (found.ok, found.status, found.message) == (True, 0, "")
    assert found.output == "llama 4711 3 external: process_anon_swap_bytes above 200 MiB"
    without = HookFacts("llama", None, 1, "external", "x")
    assert run("sh", "-c", 'echo "[$AGING_PID]"', facts=without).output == "[]"


def test_command_without_shell_in_its_folder_and_session(tmp_path: Path) -> None:
    script = "import os, sys; print(sys.argv[1:], os.getcwd(), os.getsid(0) == os.getpid(), sys.stdin.read() == '')"
    found = run(sys.executable, "-c", script, "$HOME;", folder=tmp_path)
    assert found.output == f"['$HOME;'] {tmp_path} True True"


def test_failing_command_says_its_last_line() -> None:
    found = run("sh", "-c", "echo begun; echo 'no such unit' >&2; exit 5")
    assert (found.ok, found.status, found.message) == (False, 5, "sh ended with exit status 5: no such unit")
    assert run("sh", "-c", "kill -SEGV $$").message == "sh ended with SIGSEGV"


def test_output_is_cut_to_its_end() -> None:
    found = run("sh", "-c", "yes | head -c 1000000; echo last")
    assert len(found.output) <= 2048
    assert found.output.endswith("y\nlast")


def test_hanging_command_is_killed_with_its_children(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    began = time.monotonic()
    found = run("sh", "-c", f"trap '' TERM; sleep 60 & echo $$ $! > {pids}; echo waiting; wait; sleep 60", within=2.0)
    assert not found.ok
    assert found.message == "sh did not end within 2 s and was killed: waiting"
    assert 2.0 <= found.seconds <= time.monotonic() - began
    for pid in map(int, pids.read_text().split()):
        wait_for(lambda pid=pid: not _runs(pid), "a process of the hook survived")  # type: ignore[misc]


def test_what_a_command_leaves_behind_goes_on_and_is_not_waited_for(tmp_path: Path) -> None:
    left = tmp_path / "left"
    began = time.monotonic()
    found = run("sh", "-c", f"(sleep 0.3; echo more; echo on > {left}; sleep 60) & echo $!")
    assert found.ok
    assert time.monotonic() - began < 50
    pid = int(found.output)
    try:
        wait_for(left.exists, "it was ended, or its output was closed")
    finally:
        os.killpg(os.getpgid(pid), 9)


@pytest.mark.parametrize(
    ("name", "why"), [("there-is-none", "No such file or directory"), ("not-executable", "Permission denied")]
)
def test_command_that_cannot_be_run(tmp_path: Path, name: str, why: str) -> None:
    (tmp_path / "not-executable").write_text("#!/bin/sh\n")
    found = run(str(tmp_path / name))
    assert (found.ok, found.status) == (False, None)
    assert found.message == f"{tmp_path / name} cannot be run: {why}"


def test_cancelled_hook_is_killed(tmp_path: Path) -> None:
    pids = tmp_path / "pids"

    async def cancel() -> None:
        hook = asyncio.create_task(run_hook(FACTS, WITHIN, command=("sh", "-c", f"echo $$ > {pids}; sleep 60")))
        while not pids.exists() or not pids.read_text():  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.02)
        hook.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hook

    asyncio.run(cancel())
    wait_for(lambda: not _runs(int(pids.read_text())), "the hook survived")


def test_url_gets_the_facts_as_json(server: Listening) -> None:
    found = asyncio.run(run_hook(FACTS, WITHIN, url=f"{server.url}/202"))
    assert (found.ok, found.status, found.output, found.message) == (True, 202, "so it is", "")
    ((method, path, kind, body),) = server.seen
    assert (method, path, kind) == ("POST", "/202", "application/json")
    assert json.loads(body) == {
        "deployment": "llama",
        "pid": 4711,
        "generation": 3,
        "action": "external",
        "reason": "process_anon_swap_bytes above 200 MiB",
    }


@pytest.mark.parametrize("status", [302, 307, 404, 503])
def test_url_that_refuses_or_redirects(server: Listening, status: int) -> None:
    found = asyncio.run(run_hook(FACTS, WITHIN, url=f"{server.url}/{status}"))
    assert (found.ok, found.status) == (False, status)
    assert found.message == f"POST {server.url}/{status} answered {status}: so it is"
    assert len(server.seen) == 1, "a redirect was followed"


def test_url_that_hangs(server: Listening) -> None:
    found = asyncio.run(run_hook(FACTS, 0.3, url=f"{server.url}/hang"))
    assert (found.ok, found.status) == (False, None)
    assert found.message == f"POST {server.url}/hang was not answered within 0.3 s"


def test_url_where_nothing_listens() -> None:
    found = asyncio.run(run_hook(FACTS, WITHIN, url="http://127.0.0.1:9/restart"))
    assert not found.ok
    assert "http://127.0.0.1:9/restart failed: " in found.message


@pytest.mark.parametrize("url", ["http://[::1/x", "http://"])
def test_url_that_is_none(url: str) -> None:
    assert not asyncio.run(run_hook(FACTS, WITHIN, url=url)).ok


def test_calls_in_order_until_one_fails(server: Listening) -> None:
    calls = (
        HttpCall("/a/200"),
        HttpCall("/b/201", "PUT", '{"level": 1}'),
        HttpCall("/c/500", "DELETE"),
        HttpCall("/d/200"),
    )
    found = asyncio.run(call_all(calls, f"{server.url}/", WITHIN))
    assert (found.ok, found.status) == (False, 500)
    assert found.message == f"DELETE {server.url}/c/500 answered 500: so it is"
    assert server.seen == [
        ("POST", "/a/200", None, b""),
        ("PUT", "/b/201", "application/json", b'{"level": 1}'),
        ("DELETE", "/c/500", None, b""),
    ]
    assert asyncio.run(call_all(calls[:2], server.url, WITHIN)).ok


def test_calls_have_one_time_limit(server: Listening) -> None:
    found = asyncio.run(call_all((HttpCall("/hang"), HttpCall("/200")), server.url, 0.3))
    assert not found.ok
    assert "/200" not in [path for _, path, _, _ in server.seen], "the first has taken all of the time"


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
