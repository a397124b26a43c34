"""What somebody else has started: found, watched, followed, never signalled. Containers and components, too."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

import aging.attached
from aging import open_results
from aging.attached import Attached, Attachment, Whereabouts, age
from aging.catalogue import Catalogue
from aging.deployments import PastLife
from aging.errors import AttachError
from aging.indicators import PRIMARY
from aging.store.results import Results
from tests.conftest import Aging, result_directory, unused_port, wait_for

LEAKY = """
import time
kept, begun, count = [], time.monotonic(), 0
while True:
    kept.append(bytearray(64 * 1024))
    count += 1
    time.sleep(max(begun + count * 0.02 - time.monotonic(), 0))
"""
LEAK_PER_HOUR = 64 * 1024 * 50 * 3600
IDLE = "import time\nwhile True: time.sleep(1)\n"
PARENT = "import os, time\nos.fork()\nwhile True: time.sleep(1)\n"
WATCH = """
name = "watch"
seed = 1
duration = "{seconds}s"
load.kind = "none"
sampling.process = "200ms"
analysis.grid = "200ms"
"""
LOAD = """
name = "load"
seed = 1
duration = "4s"
load.arrivals = {{ kind = "poisson", rate = 20.0 }}
load.prompt_tokens = {{ median = 8, p95 = 16, min = 2, max = 32 }}
load.output_tokens = {{ median = 4, p95 = 8, min = 1, max = 16 }}
sampling.process = "200ms"
"""

Program = Callable[..., subprocess.Popen[bytes]]
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    """Start a Python program under a name of its own, as somebody else would."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(code: str, name: str) -> subprocess.Popen[bytes]:
        script = tmp_path / f"{name}.py"
        script.write_text(code)
        started.append(subprocess.Popen([sys.executable, str(script)], start_new_session=True))
        wait_for(lambda: str(script) in psutil.Process(started[-1].pid).cmdline(), "not started")
        return started[-1]

    yield begin
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def written(tmp_path: Path, head: str, *deployments: str, seconds: float = 5) -> Path:
    path = tmp_path / "campaign.toml"
    path.write_text(head.format(seconds=seconds) + "".join(f"\n[[deployment]]\n{table}\n" for table in deployments))
    return path


def opened(tmp_path: Path) -> Results:
    return open_results(result_directory(tmp_path / "results"))


def findings(results: Results) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(results.layout.findings.read_text())
    return told


def kinds_of_events(results: Results, deployment: str) -> list[str]:
    return [event.kind for event in results.events if event.deployment == deployment]


def test_a_creeping_process_is_told_without_a_file_and_goes_on(program: Program, aging: Aging, tmp_path: Path) -> None:
    creeping = program(LEAKY, "creeping-server")
    # By its whole path: another run of the tests on this machine may have one of this name.
    pattern = re.escape(str(tmp_path / "creeping-server.py"))
    ran = aging("observe", "--name", pattern, "--for", "20s", "--load-start", "now")
    assert ran.returncode == 0, ran.stderr
    assert creeping.poll() is None
    results = opened(tmp_path)
    told = findings(results)
    (memory,) = [
        one for one in told["findings"] if (one["deployment"], one["indicator"]) == ("creeping-server", PRIMARY)
    ]
    assert memory["verdict"] == "aging"
    assert memory["slope_per_hour"] == pytest.approx(LEAK_PER_HOUR, rel=0.1)
    assert memory["slope_per_request"] is None
    assert {problem["kind"] for problem in told["problems"]} <= {"ticks"}  # a busy testing machine's
    assert kinds_of_events(results, "creeping-server")[-1] == "deployment_left"
    assert "creeping-server  aging" in ran.stdout
    assert "first token" not in results.layout.report.read_text().casefold()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--pid", "4194304"), "there is no process 4194304"),
        (("--pid", "0"), "'0' is not a process id"),
        (("--name", "no-such-program"), "no running process has a command line that matches 'no-such-program'"),
        (("--name", "("), "is not a regular expression"),
        (("--name", ""), "an empty pattern matches everything"),
        (("--cgroup", "/no/such"), "there is no control group /no/such below"),
        (("--cgroup", "/"), "is the root of all control groups"),
        (("--cgroup", "/../proc"), "there is no control group /../proc"),
        (("--pid", "1", "--for", "soon"), "'soon' is not a duration"),
        (("--pid", "1", "--for", "3s"), "3s is too short to tell anything; give at least 15s"),
        (("--pid", "1", "--metrics", "here"), "'here' is not an address"),
        (("--pid", str(os.getpid())), "has started this command: it would be watched, too"),
        ((), "one of the arguments --pid --name --container --cgroup is required"),
    ],
)
def test_what_cannot_be_watched_is_told_before_anything_is_written(
    arguments: tuple[str, ...], message: str, aging: Aging, tmp_path: Path
) -> None:
    ran = aging("observe", *arguments)
    assert ran.returncode == 2
    assert message in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not list(tmp_path.iterdir())


def test_a_pattern_names_one_tree_or_lists_what_it_could_mean(program: Program) -> None:
    family = program(PARENT, "family")
    wait_for(lambda: bool(psutil.Process(family.pid).children()), "no child")
    (root,) = Whereabouts("process", r"family\.py").find()
    assert root.pid == family.pid, "a worker belongs to its server"
    other = program(IDLE, "family-too")
    with pytest.raises(AttachError, match=r"2 processes match.*longer pattern") as refused:
        Whereabouts("process", "family").find()
    assert str(family.pid) in str(refused.value)
    assert str(other.pid) in str(refused.value)


def test_a_metrics_address_that_does_not_answer_is_told(program: Program, aging: Aging, tmp_path: Path) -> None:
    idle = program(IDLE, "idle")
    ran = aging("observe", "--pid", str(idle.pid), "--metrics", "http://127.0.0.1:1/metrics")
    assert ran.returncode == 2
    assert "http://127.0.0.1:1/metrics tells no metrics" in ran.stderr
    assert not (tmp_path / "results").exists()


def test_a_thread_of_the_kernel_has_no_memory_to_watch() -> None:
    threads = [
        p
        for p in psutil.process_iter(["memory_info", "status"])
        if p.info["memory_info"] is not None
        and p.info["memory_info"].vms == 0
        and p.info["status"] != psutil.STATUS_ZOMBIE
    ]
    if not threads:
        pytest.skip("no thread of the kernel is seen here")
    with pytest.raises(AttachError, match="is a thread of the kernel"):
        Whereabouts("pid", str(threads[0].pid)).find()


def test_a_control_group_is_its_members_and_those_of_the_groups_below(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = program(IDLE, "first"), program(IDLE, "second")
    group = tmp_path / "system.slice" / "server.service"
    (group / "worker").mkdir(parents=True)
    (group / "cgroup.procs").write_text(f"{first.pid}\n{os.getpid()}\n")
    (group / "worker" / "cgroup.procs").write_text(f"{second.pid}\n")
    monkeypatch.setattr(aging.attached, "_CGROUPS", tmp_path)
    attached = Attached(Whereabouts("cgroup", "/system.slice/server.service"), "process")
    assert attached.trees == {"main": (first.pid, second.pid)}
    assert not attached.with_descendants
    (group / "cgroup.procs").write_text("")
    assert attached.trees == {"main": (second.pid,)}, "members come and go"
    (group / "worker" / "cgroup.procs").write_text("")
    assert not attached.trees
    with pytest.raises(AttachError, match="has no process"):
        Whereabouts("cgroup", "/system.slice/server.service").find()


def test_the_age_of_a_process_is_the_kernels(program: Program) -> None:
    begun = time.monotonic()
    young = program(IDLE, "young")
    time.sleep(0.5)
    assert age(young.pid) == pytest.approx(time.monotonic() - begun, abs=0.1)
    assert time.monotonic() - Attached(Whereabouts("pid", str(young.pid)), "now").born < 0.1


def test_processes_are_searched_beside_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[threading.Thread] = []

    def search(_: Whereabouts) -> list[psutil.Process]:
        searched.append(threading.current_thread())
        return [psutil.Process()]

    monkeypatch.setattr(Whereabouts, "find", search)
    attachment = Attachment(Whereabouts("process", "x"), None, None, "process")
    asyncio.run(attachment.begin(Path(), Path()))
    asyncio.run(attachment.readopt(PastLife({}, None, (), Path())))
    assert len(searched) == 2
    assert threading.main_thread() not in searched


def test_an_end_is_told_and_a_return_is_the_next_generation(
    program: Program, start_aging: Start, tmp_path: Path
) -> None:
    mortal = program(IDLE, "mortal")
    once = program(IDLE, "once")
    file = written(
        tmp_path,
        WATCH,
        'name = "mortal"\nkind = "attach"\nprocess = "mortal\\\\.py"',
        f'name = "once"\nkind = "attach"\npid = {once.pid}',
        seconds=8,
    )
    runner = start_aging("run", file)
    wait_for(lambda: any((tmp_path / "results").glob("*/*/mortal/r01/process/*")), "no sample")
    time.sleep(1)
    for process in mortal, once:
        process.kill()
        process.wait()
    program(IDLE, "mortal")
    output, _ = runner.communicate(timeout=40)
    assert runner.returncode == 0, output
    results = opened(tmp_path)
    lives = ["deployment_started", "deployment_ready"]
    told = [kind for kind in kinds_of_events(results, "mortal") if not kind.startswith("watch")]
    assert told == [*lives, "deployment_died", *lives, "deployment_left"]
    assert sorted(results.samples("mortal", "process")["generation"].unique()) == [1, 2]
    assert kinds_of_events(results, "once")[-2:] == ["deployment_died", "watch_finished"]
    problems = {(one["deployment"], one["kind"]) for one in findings(results)["problems"]}
    assert problems == {("mortal", "died"), ("once", "died")}
    assert "its exit status is not known" in output


def test_load_may_be_sent_to_what_runs_already(reference: Callable[..., str], aging: Aging, tmp_path: Path) -> None:
    url = reference("--leak-bytes-per-request", "16384")
    (server,) = (child for child in psutil.Process().children() if url.rpartition(":")[2] in child.cmdline())
    file = written(tmp_path, LOAD, f'name = "there"\nkind = "attach"\npid = {server.pid}\nurl = "{url}"')
    ran = aging("run", file)
    assert ran.returncode == 0, ran.stderr
    assert server.is_running()
    results = opened(tmp_path)
    requests = results.requests("there")
    assert len(requests) > 40
    assert set(requests["status"]) == {"ok"}
    assert len(results.samples("there", "process")) > 15


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
            "components.W1: the name 'W1' does not match",
        ),
        (WATCH + "load.seed = 2\n", 'name = "a"\nkind = "attach"\npid = 1', "leave out seed"),
        (LOAD, 'name = "a"\nkind = "attach"\npid = 1', "the load needs an address"),
        (
            WATCH + 'rejuvenation = {{ policy = "periodic", every = "1s" }}\n',
            'name = "a"\nkind = "attach"\npid = 1',
            "was not started by the campaign, so it is never restarted",
        ),
        (WATCH, 'name = "a"\nkind = "attach"\npid = 4194304', "there is no process 4194304"),
        (
            WATCH,
            'name = "a"\nkind = "command"\nport = 18999\ncommand = ["x"]\ncomponents.main = ["y"]',
            "'main' is the name of `command` itself",
        ),
    ],
)
def test_mistakes_of_a_watch_are_told(head: str, table: str, message: str, aging: Aging, tmp_path: Path) -> None:
    ran = aging("run", written(tmp_path, head, table))
    assert ran.returncode == 2, ran.stdout
    assert message in ran.stderr
    assert not (tmp_path / "results").exists()


def test_without_load_nothing_is_sent_and_what_runs_is_ready(aging: Aging, tmp_path: Path) -> None:
    worker = f'name = "worker"\nkind = "command"\nport = {unused_port()}\ncommand = ["sleep", "60"]'
    control = f'name = "control"\nkind = "reference"\nport = {unused_port()}\nleak_per_request = "1KiB"'
    ran = aging("run", written(tmp_path, WATCH, worker, control, seconds=4))
    assert ran.returncode == 0, ran.stderr
    results = opened(tmp_path)
    assert len(results.samples("worker", "process")) > 10
    (told,) = (one for one in findings(results)["controls"] if one["deployment"] == "control")
    assert (told["expected"], told["passed"]) == ("not aging", True), "nothing ages by requests that nobody sends"


def test_components_are_sampled_by_name_and_summed_and_die_together(aging: Aging, tmp_path: Path) -> None:
    script = tmp_path / "prefill.py"
    script.write_text("import time\nkept = bytearray(32 << 20)\ntime.sleep(4)\nraise SystemExit(3)\n")
    server = [sys.executable, "-m", "aging.reference", "--port", "{port}"]
    table = f'name = "parts"\nkind = "command"\nport = {unused_port()}\ncommand = {json.dumps(server)}\n'
    table += f"components.prefill = {json.dumps([sys.executable, str(script)])}"
    ran = aging("run", written(tmp_path, LOAD, table))
    results = opened(tmp_path)
    samples = results.samples("parts", "process")
    assert set(samples["entity"]) == {"tree", "tree/main", "tree/prefill"}
    memory = samples.pivot_table(index="mono", columns="entity", values="process_anon_bytes").dropna()
    assert len(memory) > 5
    # The parts are read some microseconds after the whole.
    assert (memory["tree"] - memory["tree/main"] - memory["tree/prefill"]).abs().median() <= 64 * 4096
    assert memory["tree/prefill"].median() > 32 << 20
    (died,) = (event for event in results.events if event.kind == "deployment_died")
    assert died.details["why"] == "component prefill: exit 3"
    assert "component prefill: exit 3" in ran.stdout


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for docker on the PATH, and the folder where its containers are."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "containers").mkdir()
    program = tmp_path / "bin" / "docker"
    standin = Path(__file__).with_name("docker_standin.py")
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {standin} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("STANDIN_CONTAINERS", str(tmp_path / "containers"))
    return tmp_path / "containers"


def contained(image: str = "server:1") -> str:
    port = unused_port()
    server = [sys.executable, "-m", "aging.reference", "--port", "{port}", "--leak-bytes-per-request", "4096"]
    return (
        f'name = "boxed"\nkind = "container"\nport = {port}\ncontainer_port = {port}\nimage = "{image}"\n'
        f'arguments = {json.dumps(server)}\nmetrics = "/metrics"\nenv = {{ COLOUR = "red" }}'
    )


def test_a_container_is_run_sampled_inside_and_removed(docker: Path, aging: Aging, tmp_path: Path) -> None:
    ran = aging("run", written(tmp_path, LOAD, contained()))
    assert ran.returncode == 0, ran.stderr
    results = opened(tmp_path)
    (deployment,) = results.manifest["deployments"]
    assert deployment["image_id"] == "sha256:abc"
    assert deployment["image_digests"] == ["registry/server@sha256:def"]
    assert deployment["command"][:7] == ["docker", "run", "--rm", "--pull", "never", "--name", deployment["command"][6]]
    (started,) = (event for event in results.events if event.kind == "deployment_started")
    assert not psutil.pid_exists(started.details["pid"])
    assert list(docker.iterdir()) == []
    samples = results.samples("boxed", "process")
    assert (samples["process_anon_bytes"].dropna() > 1 << 20).all()
    assert set(results.requests("boxed")["status"]) == {"ok"}
    (stopped,) = (event for event in results.events if event.kind == "deployment_stopped")
    assert stopped.details["exit"] in ("exit 0", "killed by SIGTERM")


def test_a_running_container_is_watched_and_left_running(
    docker: Path, program: Program, aging: Aging, tmp_path: Path
) -> None:
    inside = program(IDLE, "inside")
    (docker / "tgi").write_text(str(inside.pid))
    ran = aging("run", written(tmp_path, WATCH, 'name = "tgi"\nkind = "attach"\ncontainer = "tgi"', seconds=2))
    assert ran.returncode == 0, ran.stderr
    assert inside.poll() is None
    assert opened(tmp_path).samples("tgi", "process")["process_count"].eq(1).all()


def killed_and_resumed(runner: subprocess.Popen[str], aging: Aging, tmp_path: Path) -> Results:
    """Kill a runner once it has samples, and have another go on to the end."""
    wait_for(lambda: any((tmp_path / "results").glob("*/*/*/r01/process/*")), "no sample", seconds=20)
    time.sleep(1.5)
    runner.kill()
    runner.wait()
    resumed = aging("resume", result_directory(tmp_path / "results"))
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    return opened(tmp_path)


def test_a_container_outlives_its_runner_and_is_taken_over(
    docker: Path, start_aging: Start, aging: Aging, tmp_path: Path
) -> None:
    file = written(tmp_path, LOAD.replace('"4s"', '"10s"'), contained())
    results = killed_and_resumed(start_aging("run", file), aging, tmp_path)
    assert kinds_of_events(results, "boxed").count("deployment_started") == 1
    assert kinds_of_events(results, "boxed").count("deployment_readopted") == 1
    assert len(results.samples("boxed", "process")["generation"].unique()) == 1
    (stopped,) = (event for event in results.events if event.kind == "deployment_stopped")
    assert results.samples("boxed", "process")["mono"].max() > stopped.stamp.mono - 2.0  # sampled again to the end
    assert list(docker.iterdir()) == []


def test_a_watch_goes_on_with_the_process_that_it_watched(
    program: Program, start_aging: Start, aging: Aging, tmp_path: Path
) -> None:
    watched = program(IDLE, "watched")
    file = written(tmp_path, WATCH, f'name = "there"\nkind = "attach"\npid = {watched.pid}', seconds=8)
    results = killed_and_resumed(start_aging("run", file), aging, tmp_path)
    assert watched.poll() is None
    told = kinds_of_events(results, "there")
    assert told[told.index("watch_started") :] == [
        "watch_started",
        "deployment_readopted",
        "watch_resumed",
        "watch_finished",
        "deployment_left",
    ]
    started, finished = (
        next(event.stamp.mono for event in results.events if event.kind == kind)
        for kind in ("watch_started", "watch_finished")
    )
    assert finished - started == pytest.approx(8.0, abs=1.0)  # its end was not put off
    assert set(results.samples("there", "process")["generation"]) == {1}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("observe", "--container", "gone"), "container 'gone': docker: Error: No such object: gone"),
        (("run", "campaign.toml"), "the image 'other:2' is not on this machine; run: docker pull other:2"),
    ],
)
def test_a_container_that_is_not_there_is_told(
    arguments: tuple[str, ...], message: str, docker: Path, aging: Aging, tmp_path: Path
) -> None:
    written(tmp_path, LOAD, contained("other:2"))
    ran = aging(*arguments)
    assert ran.returncode == 2
    assert message in ran.stderr


def test_an_engines_metrics_are_recognised(reference: Callable[..., str], program: Program) -> None:
    from aging.samplers.engine import parse_metrics, recognised

    known = {kind: plugin.engine_metrics for kind, plugin in Catalogue.discovered().deployments.items()}
    data = Path(__file__).parent / "samplers" / "data"
    for file in data.glob("*.txt"):
        kind, _, _ = file.stem.rpartition("-")
        expected = kind if known[kind] else None  # nothing of it has a common name
        assert recognised(parse_metrics(file.read_text()), known) == expected
    assert recognised(parse_metrics("process_resident_memory_bytes 1\n"), known) is None
