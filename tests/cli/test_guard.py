"""`aging guard` by its command line: what it refuses, what it prints, what it imports."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from aging.guard.decisions import DecisionJournal
from aging.guard.state import REARM, State, StateFolder
from tests.cli.test_start_up import ANALYSIS, imported_by
from tests.conftest import Aging

POLICY = ("--policy", "periodic", "--set", "every=1d")


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ((), ("guard:", "pid, name, container, cgroup")),
        (("--name", "x", "--limit", "8"), ("guard.limit", "8GiB", "80%")),
        (("--name", "x", *POLICY), ("rejuvenation.command", "--action", "--dry-run")),
        (("--name", "x", "--policy", "perodic"), ("rejuvenation.policy", "periodic")),
        (("--name", "x", *POLICY, "--set", "evry=1d", "--dry-run"), ("rejuvenation.evry", "every")),
        (("--name", "x", "--set", "every"), ("every", "key=value")),
        (("--name", "x", "--action", "sh 'x"), ("quote",)),
        (("--name", "x", "--proxy", "/run/x", "--proxy-server", "a/b"), ("guard.proxy.socket", "unix:")),
        (("--name", "x", "--proxy", "unix:/run/x"), ("guard.proxy.servers", "missing")),
        (("--name", "x", "--listen", "9464"), ("guard.listen", "127.0.0.1:9464")),
        (("--name", "x(", *POLICY), ("regular expression",)),
        (
            ("--name", "x", "--policy", "trend", "--set", "within=1h", "--set", "indicator=process_anon_swp_bytes"),
            ("rejuvenation.indicator", "process_anon_swap_bytes"),
        ),
        (
            ("--name", "x", "--policy", "threshold", "--set", "indicator=engine_requests_waiting", "--set", "above=9"),
            ("rejuvenation.indicator", "--metrics"),
        ),
        (("--config", "nowhere.toml"), ("nowhere.toml", "cannot be read")),
        (("--pid", "1", "--name", "x"), ("not allowed with",)),
    ],
)
def test_what_is_wrong(cli: Aging, tmp_path: Path, options: tuple[str, ...], parts: tuple[str, ...]) -> None:
    ran = cli("guard", *options)
    assert ran.returncode == 2
    assert "Traceback" not in ran.stderr
    for part in parts:
        assert part in ran.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_pid_that_is_not_there(cli: Aging, tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    ran = cli("guard", "--pid", str(gone.pid), "--state", tmp_path / "s", "--listen", "none")
    assert ran.returncode == 2
    assert str(gone.pid) in ran.stderr


def test_a_port_in_use(cli: Aging, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as target:
            ran = cli("guard", "--pid", str(target.pid), "--state", tmp_path / "s", "--listen", f"127.0.0.1:{port}")
            target.communicate(b"\n")
    assert ran.returncode == 2
    assert f"127.0.0.1:{port}" in ran.stderr


def test_status_and_rearm(cli: Aging, tmp_path: Path) -> None:
    folder = tmp_path / "s"
    assert cli("guard", "--status", "--state", folder).returncode == 2
    assert cli("guard", "--rearm", "--state", folder).returncode == 2
    StateFolder(folder).save(State(target="process x", policy="trend"))
    DecisionJournal(folder).close()
    ran = cli("guard", "--status", "--state", folder)
    assert ran.returncode == 0
    assert "process x" in ran.stdout
    assert "not running" in ran.stdout
    assert cli("guard", "--rearm", "--state", folder).returncode == 0
    assert (folder / REARM).exists()


def test_unit(cli: Aging, tmp_path: Path) -> None:
    (tmp_path / "guard.toml").write_text('[guard]\nname = "vllm"\n')
    ran = cli("guard", "--config", tmp_path / "guard.toml", "--limit", "80%", "--print-unit")
    assert ran.returncode == 0
    line = next(line for line in ran.stdout.splitlines() if line.startswith("ExecStart="))
    assert line.endswith(
        f"guard --config {tmp_path / 'guard.toml'} --limit 80%% --state /var/lib/aging-guard/process-vllm"
    )


def test_it_imports_no_statistics(tmp_path: Path) -> None:
    """With them it would be larger than what it may be."""
    options = ("--policy", "trend", "--set", "within=2h", "--dry-run", "--listen", "none")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as target:
        code = (
            "import asyncio, sys, aging.guard.daemon as d\n"
            "from aging.cli.main import main\n"
            "async def one(self):\n"
            "    self._stop.set()\n"
            "d.Guard._pause = one\n"
            "main(sys.argv[1:])\n"
            "print(*sys.modules)"
        )
        words = ["guard", "--pid", str(target.pid), *options, "--state", str(tmp_path / "s")]
        ran = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
        target.communicate(b"\n")
    seen = set(ran.stdout.split())
    assert "aging.guard.watch" in seen
    assert "aging.rejuvenation.policies.trend" in seen
    assert not seen & {*ANALYSIS, "scipy", "numpy", "httpx", "prometheus_client", "pynvml", "rich"}


def test_help_imports_nothing_heavy() -> None:
    assert not imported_by("guard", "--help")[0] & {*ANALYSIS, "scipy", "numpy", "pydantic", "psutil"}
