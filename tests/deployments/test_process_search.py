"""Which processes a pattern means, and what is known of one of them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Mapping

import pytest

from aging.deployments.origins.observed_process import ObservedProcess
from aging.deployments.origins.process_search import Candidate, candidates, matching
from tests.conftest import wait_for

PYTHON = "/usr/bin/python3"
CALLER = 90
SERVER = Candidate(10, 1, "vllm", (PYTHON, "/opt/bin/vllm", "serve", "llama", "--port", "8000"))


def processes(*others: Candidate) -> Mapping[int, Candidate]:
    """A server with a worker, the shell that runs the caller, and others."""
    common = (
        Candidate(1, 0, "systemd", ("/sbin/init",)),
        SERVER,
        Candidate(11, 10, "VLLM::EngineCor", ("VLLM::EngineCore",)),
        Candidate(80, 1, "bash", ("bash", "-c", "aging observe --name 'vllm serve'")),
        Candidate(CALLER, 80, "aging", (PYTHON, "/opt/bin/aging", "observe", "--name", "vllm serve")),
    )
    return {one.pid: one for one in (*common, *others)}


def found(pattern: str, *others: Candidate, shells: bool = True) -> list[int]:
    return [one.pid for one in matching(pattern, processes(*others), CALLER, shells=shells)]


@pytest.mark.parametrize(
    "other",
    [
        (PYTHON, "/opt/bin/aging", "observe", "--name", "vllm serve"),
        (PYTHON, "-m", "aging", "observe", "--name", "vllm serve"),
        ("/opt/bin/aging", "observe", "--name", "vllm serve"),
        ("sudo", "-E", "/opt/bin/aging", "observe", "--name", "vllm serve"),
        (PYTHON, "-m", "aging.core.worker", "aging.app.analyze:seal_and_analyze", "vllm serve"),
        (PYTHON, "-I", "-S", "/lib/aging/runner/keeper.py", "/results/vllm serve"),
        ("pgrep", "-fa", "vllm serve"),
        ("grep", "--color=auto", "vllm serve"),
        ("watch", "-n", "1", "ps aux | grep 'vllm serve'"),
        ("vim", "vllm serve.md"),
        ("tail", "-f", "vllm serve.log"),
        ("sh", "-c", "watch the vllm serve"),
        ("-bash", "-lc", "vllm serve llama"),
        ("tmux", "new-session", "vllm serve llama"),
        ("docker", "run", "vllm/vllm-openai", "vllm serve llama"),
        ("ssh", "elsewhere", "vllm serve llama"),
        ("curl", "http://127.0.0.1:8000/vllm serve"),
    ],
)
def test_who_only_mentions_it_is_left_out(other: tuple[str, ...]) -> None:
    stranger = Candidate(50, 1, os.path.basename(other[0]), other)
    assert found("vllm serve", stranger) == [SERVER.pid]


def test_name_of_the_process_matches() -> None:
    renamed = Candidate(60, 1, "llama-server", ("/proc/self/exe",))
    assert found("^llama-serv", renamed) == [60]
    assert found("^VLLM::Engine") == [11]


def test_wrapper_is_not_the_server() -> None:
    timeout = Candidate(60, 1, "timeout", ("timeout", "1h", PYTHON, "serve.py"))
    assert found(r"serve\.py", timeout, Candidate(61, 60, "python3", (PYTHON, "serve.py"))) == [61]
    assert found("^timeout$", timeout) == [60]


def test_script_of_a_supervisor() -> None:
    script = Candidate(60, 1, "bash", ("bash", "/srv/gguf-loop.sh"))
    server = Candidate(61, 60, "gguf-server", ("gguf-server",))
    assert found("gguf", script, server) == [61]
    assert found("gguf-loop", script, server) == [60], "asked for by its own name"
    assert found("gguf", script) == [60]
    assert found("gguf", script, shells=False) == [], "between two lives of the server"


def test_workers_belong_to_their_server() -> None:
    workers = [Candidate(pid, 10, "vllm", SERVER.words) for pid in (20, 21)]
    assert found("vllm", *workers) == [10]
    assert found("vllm", Candidate(30, 1, "vllm", SERVER.words)) == [10, 30]


def test_server_of_this_package_is_a_server() -> None:
    reference = Candidate(60, 1, "python3", (PYTHON, "-m", "aging.deployments.reference_server", "--port", "0"))
    assert found("reference_server", reference) == [60]


def test_secrets_are_masked() -> None:
    assert Candidate(1, 0, "x", ("serve", "--api-key", "abc\ndef")).line == "serve --api-key ***"


def test_own_processes() -> None:
    running = candidates()
    assert running[os.getpid()].parent == os.getppid()
    assert not matching(".", {os.getpid(): running[os.getpid()]}, os.getpid())


def test_observed_process() -> None:
    code = (
        "import socket, sys; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); input()"
    )
    forked = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}])"
    with subprocess.Popen(
        [sys.executable, "-c", forked], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        parents = {one.pid: one.parent for one in candidates().values()}
        seen = ObservedProcess.seen(process.pid, parents)
        process.communicate("\n")
    assert seen.ports == (port,), "a port of a descendant"
    assert seen.memory > 2 * 2**20
    assert f"pid {process.pid}, port {port}" in str(seen)
    assert seen.as_json()["ports"] == [port]
    with pytest.raises(ProcessLookupError):
        ObservedProcess.seen(process.pid, parents)


def test_unit_and_group() -> None:
    observed = ObservedProcess(7, "serve", 1.0, 2**20, unit="ollama.service", group="/system.slice/ollama.service")
    assert str(observed) == "serve (pid 7, ollama.service)"


def test_ports_of_nobody_else() -> None:
    with socket.create_server(("127.0.0.1", 0)), subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1) as other:
        wait_for(lambda: other.pid in candidates(), "not started")
        assert ObservedProcess.seen(other.pid, {}).ports == ()
        other.communicate(b"\n")
