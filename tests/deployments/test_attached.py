"""Attached processes, containers and components: found, sampled, followed, never signalled."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

import aging.deployments.origins.attached
from aging.core.errors import AttachError
from aging.deployments.lifecycle import PriorServer
from aging.deployments.origins.attached import Attached, Attachment, Whereabouts, age
from aging.runner.catalogue import Catalogue
from tests.conftest import ROOT, Aging, wait_for
from tests.foreign import IDLE, LOAD, PARENT, WATCH, Program, contained, programs, with_docker, written


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    """Start a Python program under a name of its own, as somebody else would."""
    with programs(tmp_path) as begin:
        yield begin


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--pid", "4194304"), "there is no process 4194304"),
        (("--pid", "0"), "'0' is not a process id"),
        (("--name", "no-such-program"), "matches 'no-such-program'"),
        (("--name", "("), "is not a regular expression"),
        (("--name", ""), "an empty pattern"),
        (("--cgroup", "/no/such"), "there is no control group /no/such below"),
        (("--cgroup", "/"), "is the root of all control groups"),
        (("--cgroup", "/../proc"), "there is no control group /../proc"),
        (("--pid", "1", "--for", "soon"), "'soon' is not a duration"),
        (("--pid", "1", "--for", "3s"), "at least 15s"),
        (("--pid", "1", "--metrics", "here"), "'here' is not a URL"),
        (("--pid", str(os.getpid())), "is an ancestor of this command"),
        ((), "one of the arguments --pid --name --container --cgroup is required"),
    ],
)
def test_unusable_process(arguments: tuple[str, ...], message: str, cli: Aging, tmp_path: Path) -> None:
    ran = cli("observe", *arguments)
    assert ran.returncode == 2
    assert message in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not list(tmp_path.iterdir())


def test_ambiguous_pattern(program: Program) -> None:
    family = program(PARENT, "family")
    wait_for(lambda: bool(psutil.Process(family.pid).children()), "no child")
    (root,) = Whereabouts("process", r"family\.py").find()
    assert root.pid == family.pid, "a worker belongs to its server"
    other = program(IDLE, "family-too")
    with pytest.raises(AttachError, match="2 processes match") as refused:
        Whereabouts("process", "family").find()
    assert str(family.pid) in str(refused.value)
    assert str(other.pid) in str(refused.value)
    assert f"--pid {family.pid}" in str(refused.value), "what to type"


def test_unreachable_metrics(program: Program, cli: Aging, tmp_path: Path) -> None:
    idle = program(IDLE, "idle")
    ran = cli("observe", "--pid", str(idle.pid), "--metrics", "http://127.0.0.1:1/metrics")
    assert ran.returncode == 2
    assert "http://127.0.0.1:1/metrics" in ran.stderr
    assert not (tmp_path / "results").exists()


def test_kernel_thread() -> None:
    threads = [
        p
        for p in psutil.process_iter(["memory_info", "status"])
        if p.info["memory_info"] is not None
        and p.info["memory_info"].vms == 0
        and p.info["status"] != psutil.STATUS_ZOMBIE
    ]
    if not threads:
        pytest.skip("no thread of the kernel is seen here")
    with pytest.raises(AttachError, match="is a kernel thread"):
        Whereabouts("pid", str(threads[0].pid)).find()


def test_control_group(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = program(IDLE, "first"), program(IDLE, "second")
    group = tmp_path / "system.slice" / "server.service"
    (group / "worker").mkdir(parents=True)
    (group / "cgroup.procs").write_text(f"{first.pid}\n{os.getpid()}\n")
    (group / "worker" / "cgroup.procs").write_text(f"{second.pid}\n")
    monkeypatch.setattr(aging.deployments.origins.attached, "_CGROUPS", tmp_path)
    attached = Attached(Whereabouts("cgroup", "/system.slice/server.service"), "process")
    assert attached.trees == {"main": (first.pid, second.pid)}
    assert not attached.with_descendants
    (group / "cgroup.procs").write_text("")
    assert attached.trees == {"main": (second.pid,)}, "members come and go"
    (group / "worker" / "cgroup.procs").write_text("")
    assert not attached.trees
    with pytest.raises(AttachError, match="has no process"):
        Whereabouts("cgroup", "/system.slice/server.service").find()


def test_age(program: Program) -> None:
    before = time.monotonic()
    young = program(IDLE, "young")
    after = time.monotonic()
    time.sleep(0.2)
    asked, seen, answered = time.monotonic(), age(young.pid), time.monotonic()
    tick = 0.02  # the kernel counts in hundredths of a second
    assert asked - after - tick <= seen <= answered - before + tick
    born = Attached(Whereabouts("pid", str(young.pid)), "now").born
    assert answered <= born <= time.monotonic()


def test_process_scan_in_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[threading.Thread] = []

    def search(_: Whereabouts, *, shells: bool = True) -> list[psutil.Process]:
        searched.append(threading.current_thread())
        return [psutil.Process()]

    monkeypatch.setattr(Whereabouts, "find", search)
    attachment = Attachment(Whereabouts("process", "x"), None, None, "process")
    asyncio.run(attachment.begin(Path(), Path()))
    asyncio.run(attachment.readopt(PriorServer({}, None, (), Path())))
    assert len(searched) == 2
    assert threading.main_thread() not in searched


@pytest.mark.parametrize(
    ("head", "table", "message"),
    [
        (
            WATCH,
            'name = "a"\nkind = "attach"',
            "one of `pid`, `process`, `container` and `cgroup`, got 0",
        ),
        (WATCH, 'name = "a"\nkind = "attach"\npid = 1\ncgroup = "/x"', "and `cgroup`, got 2"),
        (WATCH, 'name = "a"\nkind = "attach"\npid = 1\nrate = 2.0', "there is no load to scale"),
        (WATCH, 'name = "a"\nkind = "attach"\nprocess = "("', "is not a regular expression"),
        (WATCH, 'name = "a"\nkind = "attach"\npid = 1\nengine = "vlm"', "unknown deployment kind 'vlm'; did you mean"),
        (WATCH, 'name = "a"\nkind = "command"\nport = 18999\ncommand = "x"', "command: must be a list, like"),
        (WATCH, 'name = "a"\nkind = "command"\nport = 18999\ncommand = []', "command: needs at least 1, got 0"),
        (
            WATCH,
            'name = "a"\nkind = "command"\nport = 18999\ncommand = ["x"]\ncomponents.W1 = ["y"]',
            "components.W1: the name must be",
        ),
        (WATCH + "load.seed = 2\n", 'name = "a"\nkind = "attach"\npid = 1', "leave out seed"),
        (LOAD, 'name = "a"\nkind = "attach"\npid = 1', "the load requires an address"),
        (
            WATCH + 'rejuvenation = {{ policy = "periodic", every = "1s" }}\n',
            'name = "a"\nkind = "attach"\npid = 1',
            "cannot restart it",
        ),
        (WATCH, 'name = "a"\nkind = "attach"\npid = 4194304', "there is no process 4194304"),
        (
            WATCH,
            'name = "a"\nkind = "command"\nport = 18999\ncommand = ["x"]\ncomponents.main = ["y"]',
            "'main' is the name of `command` itself",
        ),
    ],
)
def test_mistake_in_campaign(head: str, table: str, message: str, cli: Aging, tmp_path: Path) -> None:
    ran = cli("run", written(tmp_path, head, table))
    assert ran.returncode == 2, ran.stdout
    assert message in ran.stderr
    assert not (tmp_path / "results").exists()


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for docker on the PATH, and the folder where its containers are."""
    return with_docker(tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("observe", "--container", "gone"), "container 'gone': docker: Error: No such object: gone"),
        (("run", "campaign.toml"), "run: docker pull other:2"),
    ],
)
def test_missing_container(arguments: tuple[str, ...], message: str, docker: Path, cli: Aging, tmp_path: Path) -> None:
    written(tmp_path, LOAD, contained("other:2"))
    ran = cli(*arguments)
    assert ran.returncode == 2
    assert message in ran.stderr


def test_engine_metrics(reference: Callable[..., str], program: Program) -> None:
    from aging.sampling.samplers.engine import parse_metrics, recognised

    known = {kind: plugin.engine_metrics for kind, plugin in Catalogue.discovered().deployments.items()}
    data = ROOT / "tests" / "sampling" / "data"
    for file in data.glob("*.txt"):
        kind, _, _ = file.stem.rpartition("-")
        expected = kind if known[kind] else None  # nothing of it has a common name
        assert recognised(parse_metrics(file.read_text()), known) == expected
    assert recognised(parse_metrics("process_resident_memory_bytes 1\n"), known) is None
