"""Shared fixtures: real servers on free loopback ports, small campaigns, and the check that nothing is left behind."""

from __future__ import annotations

import contextlib
import gc
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path

import psutil
import pytest
from hypothesis import settings

gc.disable()  # until all is imported and collected: nothing of that is garbage, and looking takes a quarter of the time

# One thread each: the suite shares two cores with the servers it starts.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# Compiled modules are kept, or every process that a test starts would compile the package anew, for a second or more.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

settings.register_profile("quick", derandomize=True, deadline=None, database=None, max_examples=20)
settings.register_profile("thorough", derandomize=True, deadline=None, database=None, max_examples=100)

# What is started here inherits them: under `nohup`, or in the background of a script, they would be ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

ROOT = Path(__file__).resolve().parent.parent

Aging = Callable[..., subprocess.CompletedProcess[str]]


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("quick" if config.getoption("markexpr").startswith("not thorough") else "thorough")


def pytest_collection_finish() -> None:
    """What has been imported and collected stays: no collection of garbage need look at it again."""
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Every test ends the processes it started; those of a fixture of its module are older than it."""
    before = _running_children()
    yield
    deadline = time.monotonic() + 60
    while (left := _running_children() - before) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left, f"left behind: {[process.cmdline() for process in left]}"


def _running_children() -> set[psutil.Process]:
    running: set[psutil.Process] = set()
    try:  # one call for the most tests, which have no child: psutil reads every process of the host, twice a test
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return running
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if child.status() != psutil.STATUS_ZOMBIE:
                running.add(child)
    return running


_LOWEST_PORT, _PORTS, _PORTS_A_PROCESS = 20_000, 12_000, 100
_numbers = count(os.getpid() * _PORTS_A_PROCESS)


def unused_port() -> int:
    """A free loopback port. Every call returns another port, and each worker has ports of its own.

    It lies below those that the kernel gives to outgoing connections, one of which could take it before it is used.
    """
    while True:
        number = _LOWEST_PORT + next(_numbers) % _PORTS
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", number))
            return number


@pytest.fixture
def free_port() -> Callable[[], int]:
    """Gives a loopback port that nobody listens on, another at every call."""
    return unused_port


@contextlib.contextmanager
def reference_servers() -> Iterator[Callable[..., str]]:
    """Starts reference servers, ``start("--leak-bytes-per-request", "4096")`` gives the base URL; ends them all."""
    servers: list[subprocess.Popen[str]] = []

    def start(*flags: str) -> str:
        argv = [sys.executable, "-m", "aging.deployments.reference_server", "--port", "0", *flags]
        server = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        servers.append(server)
        assert server.stdout is not None
        line = server.stdout.readline()
        assert line.startswith("listening on "), line
        return line.split()[-1]

    try:
        yield start
    finally:
        for server in servers:
            server.kill()
            server.communicate()


@pytest.fixture
def reference() -> Iterator[Callable[..., str]]:
    """Start reference servers of the test's own, in processes of their own."""
    with reference_servers() as start:
        yield start


@pytest.fixture(scope="session")
def plain_server() -> Iterator[str]:
    """The base URL of one reference server without flags, for all tests that only ask it something."""
    with reference_servers() as start:
        yield start()


def wait_for(condition: Callable[[], bool], message: str, seconds: float = 180.0) -> None:
    """Poll a condition; fail with ``message`` when it never holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, message
        time.sleep(0.05)


def write_campaign(
    folder: Path,
    clean: int,
    leak: int,
    *,
    duration: str,
    warmup: str,
    tick: str = "200ms",
    rate: float = 30.0,
    grid: str = "200ms",
    extra: str = "",
) -> Path:
    """Write a small campaign of a clean and a leaking reference server on these ports."""
    path = folder / "small.toml"
    path.write_text(
        f"""
schema = 1
name = "small"
seed = 7
duration = "{duration}"
warmup = "{warmup}"
settle = "2s"
[load]
arrivals = {{ kind = "poisson", rate = {rate} }}
prompt_tokens = {{ median = 8, p95 = 16, min = 2, max = 32 }}
output_tokens = {{ median = 4, p95 = 8, min = 1, max = 16 }}
timeout = "60s"
drain = "60s"
[sampling]
process = "{tick}"
host = "1s"
engine = "1s"
[analysis]
grid = "{grid}"
[validity]
late = "20s"
{extra}
[[deployment]]
name = "clean"
kind = "reference"
port = {clean}
[[deployment]]
name = "leak"
kind = "reference"
port = {leak}
leak_per_request = "16KiB"
"""
    )
    return path


@pytest.fixture
def campaign_file(tmp_path: Path) -> Callable[..., Path]:
    """Write the small campaign on free ports; keywords replace its parts."""

    def write(*, duration: str = "6s", warmup: str = "1s", extra: str = "") -> Path:
        ports = unused_port(), unused_port()
        return write_campaign(tmp_path, *ports, duration=duration, warmup=warmup, extra=extra)

    return write


@pytest.fixture(scope="session")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the stand-in for NVML, as of today's drivers (``new``) and as of those before 510 (``old``)."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("there is no C compiler to build the stand-in for NVML with")
    folder = tmp_path_factory.mktemp("nvml")
    source = ROOT / "tests" / "sampling" / "nvml_standin.c"
    for name, define in ("new", "-DNEW_DRIVER"), ("old", "-DOLD_DRIVER"):
        (folder / name).mkdir()
        library = folder / name / "libnvidia-ml.so.1"
        flags = ["-std=c11", "-D_POSIX_C_SOURCE=200809L", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", define]
        subprocess.run([compiler, *flags, "-o", str(library), str(source)], check=True)
    return folder


@pytest.fixture
def aging(tmp_path: Path) -> Aging:
    """Run the command line in a process of its own, in an empty folder."""

    def run(*arguments: str | Path, timeout: float = 240.0) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "aging", *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=timeout,
            cwd=tmp_path,
            check=False,
        )

    return run


@pytest.fixture
def cli(tmp_path: Path) -> Aging:
    """Call the command line in this process, in an empty folder: a fresh interpreter costs seconds of CPU."""
    from tests.command_line import run_here

    return partial(run_here, tmp_path)


@pytest.fixture
def start_aging(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start the command line and leave it running; the test ends it."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str | Path) -> subprocess.Popen[str]:
        argv = [sys.executable, "-m", "aging", *map(str, arguments)]
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=tmp_path)
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def result_directory(folder: Path) -> Path:
    """The one result directory below a results folder."""
    (found,) = folder.glob("*/*/journal.jsonl")
    return found.parent
