"""A guard behind a real HAProxy with real traffic: not one request fails; what is left drained is repaired."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from aging.core.clock import Timeline
from aging.deployments.origins.attached import Whereabouts
from aging.guard.follower import Follower
from aging.guard.haproxy import HAProxy, ProxyError
from aging.guard.rejuvenation import Rejuvenator
from aging.rejuvenation.base import Decision
from tests.conftest import Aging
from tests.guard.conftest import Simulate
from tests.guard.live import PATIENCE, GuardProcess, Server

HAPROXY = shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
pytestmark = pytest.mark.skipif(HAPROXY is None, reason="haproxy is not installed")

CONFIG = """\
global
  stats socket {socket} mode 600 level admin
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout check 30s
frontend front
  bind 127.0.0.1:{port}
  default_backend pool
backend pool
  balance roundrobin
  option httpchk GET /health
{servers}
"""

QUICK = ("--interval", "200ms", "--settle", "0ms", "--return-within", "2m", "--listen", "none")
PERIODIC = ("--policy", "periodic", "--set", "every=3s", "--set", "distance=1s", "--set", "drain=60s")


@dataclass
class Pool:
    """Reference servers behind HAProxy, all started; ``a`` is the guarded one."""

    folder: Path
    port: int
    servers: dict[str, Server]
    process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        names = "\n".join(
            f"  server {name} 127.0.0.1:{one.port} check inter 100ms fall 2 rise 1"
            for name, one in self.servers.items()
        )
        self.config = config = self.folder / "haproxy.cfg"
        config.write_text(CONFIG.format(socket=self.folder / "admin.sock", port=self.port, servers=names))
        self._start()

    def _start(self) -> None:
        assert HAPROXY is not None
        with (self.folder / "haproxy.log").open("ab") as log:
            self.process = subprocess.Popen([HAPROXY, "-db", "-f", str(self.config)], stdout=log, stderr=log)

    def restart(self) -> None:
        """HAProxy ends and begins anew: it forgets what was set at runtime."""
        self.process.kill()
        self.process.wait()
        self._start()

    @property
    def address(self) -> str:
        return f"unix:{self.folder / 'admin.sock'}"

    @property
    def a(self) -> Server:
        return self.servers["a"]

    def api(self) -> HAProxy:
        return HAProxy(self.address, ("pool/a",))

    def guard(self, *options: str, state: str = "state") -> GuardProcess:
        proxy = ("--proxy", self.address, "--proxy-server", "pool/a")
        return GuardProcess(self.folder / state, ["--name", self.a.pattern, *proxy, *QUICK, *options])

    def status(self, name: str = "a") -> str:
        return next(one.status for one in asyncio.run(self.api().standing()) if one.server == name)

    def until(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < deadline, (self.folder / "haproxy.log").read_text()
            time.sleep(0.05)

    def until_up(self, *names: str) -> None:
        self.until((self.folder / "admin.sock").exists)
        for name in names:
            self.until(lambda name=name: self.status(name).startswith("UP"))  # type: ignore[misc]


@pytest.fixture
def pool(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Pool]:
    pace = ("--ttft-seconds", "0.02", "--token-seconds", "0.02")
    servers = {name: Server(tmp_path, free_port(), pace) for name in ("a", "b")}
    for one in servers.values():
        one.start()
    made = Pool(tmp_path, free_port(), servers)
    try:
        made.until_up("a", "b")
        yield made
    finally:
        made.process.terminate()
        made.process.wait()
        for one in servers.values():
            one.stop()


@dataclass
class Traffic:
    """Streams through the proxy, of several clients without a pause, until told to stop."""

    url: str
    failures: list[str] = field(default_factory=list)
    done: int = 0

    async def client(self, stop: asyncio.Event) -> None:
        body = {"model": "m", "prompt": "hello there", "max_tokens": 12, "stream": True}
        async with httpx.AsyncClient(timeout=60, trust_env=False) as client:
            while not stop.is_set():
                try:
                    async with client.stream("POST", f"{self.url}/v1/completions", json=body) as answer:
                        text = (await answer.aread()).decode()
                    if answer.status_code != 200 or "[DONE]" not in text:
                        self.failures.append(f"{answer.status_code}: {text[-200:]}")
                except httpx.HTTPError as error:
                    self.failures.append(repr(error))
                self.done += 1


@pytest.mark.thorough
def test_no_request_fails_over_several_rejuvenations(pool: Pool) -> None:
    guard = pool.guard(*PERIODIC, "--action", pool.a.restart)
    traffic = Traffic(f"http://127.0.0.1:{pool.port}")

    async def drive() -> None:
        stop = asyncio.Event()
        clients = [asyncio.create_task(traffic.client(stop)) for _ in range(4)]
        for _ in range(int(PATIENCE / 0.1)):
            if len(guard.rows("completed")) >= 2 or guard.process.poll() is not None:
                break
            await asyncio.sleep(0.1)
        stop.set()
        await asyncio.gather(*clients)

    try:
        asyncio.run(drive())
        rows = guard.rows("completed")
    finally:
        guard.end()
    assert len(rows) >= 2, guard.log
    assert traffic.failures == []
    assert traffic.done > 50
    assert all(row["cut"] == 0 and {"drain", "action", "return"} <= row["stages"].keys() for row in rows)


@pytest.mark.slow
def test_the_only_server_is_not_taken_away(pool: Pool) -> None:
    pool.servers["b"].stop()
    pool.until(lambda: pool.status("b") == "DOWN")
    first = pool.a.pid
    guard = pool.guard(*PERIODIC, "--action", pool.a.restart)
    try:
        guard.until(lambda one: one.state.tally.decisions.get("alone"))
        assert pool.a.pid == first
        assert guard.rows("decided")[0]["refused"] == "alone"
        guard.stop()
        guard = pool.guard(*PERIODIC, "--action", pool.a.restart, "--alone")
        guard.until(lambda one: one.rows("completed"))
        assert pool.a.pid != first
    finally:
        guard.end()


@pytest.mark.slow
def test_drained_by_a_guard_that_was_killed(pool: Pool) -> None:
    """A long answer keeps the server in drain; the next guard finds nothing done yet, and takes it back."""
    hold = ["curl", "-sN", f"http://127.0.0.1:{pool.a.port}/health"]
    assert subprocess.run(hold, capture_output=True, check=False).returncode == 0
    body = '{"model":"m","prompt":"x","max_tokens":4000,"stream":true}'
    clients = [
        subprocess.Popen(["curl", "-sN", "-o", "/dev/null", "-d", body, f"http://127.0.0.1:{pool.port}/v1/completions"])
        for _ in range(2)
    ]
    try:
        pool.until(lambda: asyncio.run(pool.api().sessions()) > 0)
        options = (*PERIODIC[:-1], "drain=1h", "--action", pool.a.restart)
        guard = pool.guard(*options)
        guard.until(lambda one: one.state.pending is not None and pool.status() == "DRAIN")
        guard.kill()
        first = pool.a.pid
        assert pool.status() == "DRAIN"
        guard = pool.guard(*PERIODIC[:3], "every=1h", "--action", pool.a.restart)
        guard.until(lambda one: one.rows("failed"))
        assert guard.rows("failed")[0]["outcome"] == "undone"
        assert pool.status().startswith("UP")
        assert pool.a.pid == first
        guard.stop()
    finally:
        for one in clients:
            one.kill()
            one.wait()


@pytest.mark.slow
def test_an_action_that_fails_puts_the_server_back(pool: Pool) -> None:
    guard = pool.guard(*PERIODIC, "--action", "false")
    try:
        guard.until(lambda one: one.rows("failed"))
        pool.until(lambda: pool.status().startswith("UP"))
    finally:
        guard.end()


@pytest.mark.slow
def test_a_server_that_is_gone_stays_out_of_rotation(pool: Pool) -> None:
    guard = pool.guard(*PERIODIC, "--action", f"kill {pool.a.pid}", "--return-within", "1s")
    try:
        rows = guard.until(lambda one: one.rows("failed"))
        assert "set server pool/a state ready" in rows[0]["why"]
        assert pool.status() == "MAINT"
        assert guard.state.drained
        guard.kill()
        pool.a.start()
        guard = pool.guard("--policy", "periodic", "--set", "every=1h", "--action", "true")
        pool.until(lambda: pool.status().startswith("UP"))
        guard.until(lambda one: not one.state.drained)
    finally:
        guard.end()


@pytest.mark.slow
def test_what_the_administrator_has_drained_stays_drained(pool: Pool) -> None:
    first = pool.a.pid
    asyncio.run(pool.api().set_state("drain"))
    guard = pool.guard(*PERIODIC, "--action", pool.a.restart)
    try:
        guard.until(lambda one: one.state.tally.decisions.get("withdrawn"))
        assert pool.status() == "DRAIN"
        assert pool.a.pid == first
    finally:
        guard.end()


def test_killed_in_the_hook_and_put_back_by_the_next(pool: Pool) -> None:
    begun = pool.folder / "begun"
    slow = f"sh -c 'touch {begun}; sleep 2; {pool.a.restart}'"
    guard = pool.guard(*PERIODIC, "--action", slow)
    guard.until(lambda _: begun.exists())
    guard.kill()
    assert pool.status() == "MAINT"
    guard = pool.guard(*PERIODIC, "--set", "every=1h", "--action", slow)
    try:
        guard.until(lambda one: one.rows("completed"))
        assert pool.status().startswith("UP")
        server = guard.state.server
        assert server is not None
        assert server.generation == 2
    finally:
        guard.end()


@pytest.mark.slow
def test_the_proxy_is_restarted_while_the_action_runs(pool: Pool) -> None:
    guard = pool.guard(*PERIODIC, "--set", "budget=1", "--action", f"sh -c 'sleep 2; {pool.a.restart}'")
    try:
        guard.until(lambda one: one.state.pending is not None and one.state.pending.stage == "acting")
        pool.restart()
        guard.until(lambda one: one.rows("completed"))
        assert pool.status().startswith("UP")
    finally:
        guard.end()


@pytest.mark.thorough
def test_a_name_that_the_proxy_does_not_know(pool: Pool, cli: Aging) -> None:
    options = ("--name", pool.a.pattern, "--proxy", pool.address, "--proxy-server", "pool/c", "--listen", "none")
    refused = cli("guard", *options, "--state", pool.folder / "state")
    assert refused.returncode == 2
    assert "pool/a, pool/b" in refused.stderr
    with pytest.raises(ProxyError, match="pool/a, pool/b"):
        asyncio.run(HAProxy(pool.address, ("pool/c",)).standing())


def test_a_proxy_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ProxyError, match=r"admin\.sock"):
        asyncio.run(HAProxy(f"unix:{tmp_path}/admin.sock", ("pool/a",)).standing())


@pytest.mark.thorough
def test_two_guards_that_drain_the_last_two_servers_undo_it(pool: Pool, simulate: Simulate) -> None:
    """The other one was drained after this guard had seen it up."""
    sim = simulate(options={"limit": "1GiB", "proxy": {"socket": pool.address, "servers": ["pool/a"]}})
    pending = sim.watch.begin(Decision("due"), sim.now, "draining")
    assert pending is not None
    asyncio.run(HAProxy(pool.address, ("pool/b",)).set_state("drain"))
    follower = Follower(Whereabouts("process", pool.a.pattern), None)
    rejuvenator = Rejuvenator(sim.watch.guarding, sim.watch, follower, Timeline(), pool.api())
    ended = asyncio.run(rejuvenator.carry_out(pending))
    assert ended.outcome == "undone"
    if ended.drained:  # on a busy host its checks may take longer; the guard asks again until it is back
        pool.until(lambda: asyncio.run(rejuvenator.back_in_rotation()))
    pool.until(lambda: pool.status().startswith("UP"))
