"""The functions of a host with real campaigns: real runners, some of them killed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil
import pytest

from aging.core.clock import Stamp
from aging.core.errors import AgingError
from aging.core.processes.ownership import campaign_processes, is_running
from aging.store.results import open_results
from aging.study.fleet import AttemptKey, File, Look, Order
from aging.study.host import ChangedFileError, discard, facts, look, read, resume, start, stop
from aging.study.host.content import CHUNK_BYTES
from aging.study.host.launch import clean, spawn
from tests.conftest import unused_port, wait_for, write_campaign

HOST = "a"
KEY = AttemptKey("s", "v-r1", 1)
TABLE = b"tokens\n4\n8\n16\n"


def ended(host: str, key: AttemptKey, scratch: Path) -> bool:
    return look(host, [key], str(scratch))[0].state != "running"


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Path]:
    """A scratch folder; campaigns that a test leaves running there are stopped."""
    folder = tmp_path / "scratch"
    yield folder
    for journal in folder.glob("*/*/*/a*/results/*/*/journal.jsonl"):
        parts = journal.relative_to(folder).parts
        key = AttemptKey(parts[1], parts[2], int(parts[3][1:]))
        stop(parts[0], key, str(folder))
        wait_for(partial(ended, parts[0], key, folder), "still drains", 90)


@pytest.fixture
def order(tmp_path: Path, scratch: Path) -> Callable[..., Order]:
    def made(key: AttemptKey = KEY, *, duration: str = "30s", exclusive: bool = True, extra: str = "") -> Order:
        folder = tmp_path / f"file-{key.study}-{key.cell}-{key.number}"
        folder.mkdir(exist_ok=True)
        file = write_campaign(folder, unused_port(), unused_port(), duration=duration, warmup="1s", extra=extra)
        return Order(key, file.read_text(), str(scratch), {}, exclusive)

    return made


def seen(scratch: Path, key: AttemptKey = KEY) -> Look:
    return look(HOST, [key], str(scratch))[0]


def fill(file: Path) -> None:
    with file.open("wb", buffering=0) as content:
        while True:
            content.write(bytes(65536))


class TestStart:
    @pytest.mark.thorough
    def test_a_campaign_to_its_end_and_away(self, order: Callable[..., Order], scratch: Path) -> None:
        begun = start(HOST, order(duration="4s"))
        assert (begun.state, begun.why) == ("running", None)
        assert begun.runner is not None
        runner = psutil.Process(begun.runner)
        assert os.getsid(runner.pid) not in (os.getsid(0), os.getpid())
        again = start(HOST, order(duration="4s"))  # as after an answer that was lost
        assert (again.runner, again.directory) == (begun.runner, begun.directory)
        with pytest.raises(AgingError, match="running"):
            discard(HOST, KEY, str(scratch))
        assert {file.path for file in begun.sealed} >= {"campaign.toml", "manifest.json"}
        assert all(file.path != "journal.jsonl" for file in begun.sealed)
        wait_for(lambda: seen(scratch).state != "running", "not in time", 90)
        done = seen(scratch)
        assert (done.state, done.resumable, done.ends) == ("completed", False, None)
        paths = [file.path for file in done.sealed]
        assert {"journal.jsonl", "findings.json", "report.html", "runner.log"} <= set(paths)
        assert any(path.endswith(".parquet") for path in paths)
        assert "lock" not in paths

        content: dict[str, bytes] = {}
        for chunk in read(HOST, KEY, str(scratch), done.sealed):
            assert len(chunk.content) <= CHUNK_BYTES
            assert chunk.offset == len(content.get(str(chunk.path), b""))
            content[str(chunk.path)] = content.get(str(chunk.path), b"") + chunk.content
        assert list(content) == paths
        for file in done.sealed:
            assert hashlib.sha256(content[file.path]).hexdigest() == file.sha256
        discard(HOST, KEY, str(scratch))
        discard(HOST, KEY, str(scratch))
        assert seen(scratch).state == "absent"
        assert sorted(path.name for path in (scratch / HOST).iterdir()) == ["disk", "lock"]

    def test_it_is_never_called_dead_while_it_starts(self, order: Callable[..., Order], scratch: Path) -> None:
        states: set[tuple[str, bool]] = set()
        with ThreadPoolExecutor(1) as threads:
            begun = threads.submit(start, HOST, order(duration="30s"))
            while not begun.done():
                found = seen(scratch)
                states.add((found.state, found.starting))
                time.sleep(0.02)
        assert begun.result().runner is not None
        assert states <= {("absent", False), ("running", True), ("running", False)}
        assert ("running", True) in states

    @pytest.mark.thorough
    def test_what_a_removed_folder_has_left_running_is_ended_first(
        self, order: Callable[..., Order], scratch: Path
    ) -> None:
        """The next attempt asks for the same ports."""
        asked = order(duration="60s")
        begun = start(HOST, asked)
        assert begun.runner is not None
        assert begun.directory is not None
        runner = psutil.Process(begun.runner)
        servers = partial(campaign_processes, begun.directory)
        wait_for(lambda: bool(servers()), "no server", 30)
        runner.suspend()  # one that does not see that its folder is gone
        running = servers()
        shutil.rmtree(scratch / HOST)
        try:
            second = start(HOST, replace(asked, key=replace(KEY, number=2)))
        finally:
            with contextlib.suppress(psutil.NoSuchProcess):
                runner.kill()
        assert (second.state, second.why) == ("running", None)
        assert running
        assert not any(is_running(one) for one in running)

    def test_mistakes_are_a_refusal(self, order: Callable[..., Order], scratch: Path) -> None:
        wrong = replace(order(), campaign=order().campaign.replace("rate = ", "rat = ").replace("30s", "thirty"))
        refused = start(HOST, wrong)
        assert refused.state == "refused"
        assert refused.why is not None
        assert "duration" in refused.why
        assert "rat" in refused.why
        assert "Traceback" not in refused.why
        assert seen(scratch) == refused
        discard(HOST, KEY, str(scratch))
        assert seen(scratch).state == "absent"

    def test_a_port_in_use_is_a_refusal(self, order: Callable[..., Order]) -> None:
        asked = order()
        port = int(asked.campaign.split("port = ")[1].split()[0])
        with socket.create_server(("127.0.0.1", port)):
            refused = start(HOST, asked)
        assert refused.state == "refused"
        assert str(port) in (refused.why or "")

    @pytest.mark.parametrize("path", ["../a.txt", "/etc/a", "campaign.toml", "results/a"])
    def test_files_outside(self, path: str, order: Callable[..., Order], scratch: Path) -> None:
        refused = start(HOST, replace(order(), files={path: b""}))
        assert refused.state == "refused"
        assert path in (refused.why or "")
        assert seen(scratch).state == "absent"

    @pytest.mark.thorough
    def test_a_busy_host(self, order: Callable[..., Order], scratch: Path) -> None:
        other = AttemptKey("t", "w-r1", 1)
        assert start(HOST, order()).state == "running"
        known = facts(HOST, str(scratch), time.time())
        assert (known.busy, known.shares) == ("study s, v-r1, attempt 1", False)
        refused = start(HOST, order(other, exclusive=False))
        assert refused.state == "refused"
        assert "study s" in (refused.why or "")
        assert seen(scratch, other).state == "absent"
        assert start("b", order(other)).state == "running"  # another host, though the same disk

    @pytest.mark.thorough
    def test_input_files_beside_the_campaign(self, order: Callable[..., Order]) -> None:
        asked = order()
        text = asked.campaign.replace(
            "prompt_tokens = { median = 8, p95 = 16, min = 2, max = 32 }",
            'prompt_tokens = { kind = "empirical", file = "in/lengths.csv", column = "tokens", max = 32 }',
        )
        assert text != asked.campaign
        begun = start(HOST, replace(asked, campaign=text, files={"in/lengths.csv": TABLE}))
        assert (begun.state, begun.why) == ("running", None)
        manifest = json.loads((Path(begun.directory or "") / "manifest.json").read_text())
        assert manifest["load_files"][0]["sha256"] == hashlib.sha256(TABLE).hexdigest()

    def test_the_environment(self) -> None:
        given = {"PATH": "/bin", "RAY_JOB_ID": "1", "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "3"}
        assert clean(given) == {"PATH": "/bin"}
        assert clean(given, ["GPU-1", "GPU-2"]) == {"PATH": "/bin", "CUDA_VISIBLE_DEVICES": "GPU-1,GPU-2"}


STARTER = """
import json, sys
from pathlib import Path
from aging.study.fleet import AttemptKey, Order
from aging.study.host import start
print("ready", flush=True)
print(start("a", Order(AttemptKey("s", "v-r1", 1), Path(sys.argv[1]).read_text(), sys.argv[2], {})).state, flush=True)
sys.stdin.read()
"""


class TestKills:
    @pytest.mark.thorough
    def test_no_signal_is_blocked(self, order: Callable[..., Order], scratch: Path, tmp_path: Path) -> None:
        """A worker of a cluster may have SIGINT blocked, which its children inherit; a stop is one."""
        file = tmp_path / "campaign.toml"
        file.write_text(order(duration="60s").campaign)
        worker = f"import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])\n{STARTER}"
        argv = [sys.executable, "-c", worker, str(file), str(scratch)]
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as starter:
            assert starter.stdout is not None
            assert [starter.stdout.readline().strip() for _ in range(2)] == ["ready", "running"]
            starter.kill()
        stop(HOST, KEY, str(scratch))
        wait_for(lambda: seen(scratch).state != "running", "still runs")
        assert seen(scratch).state == "interrupted"

    @pytest.mark.thorough
    def test_the_priority_of_the_starters_parent(
        self, order: Callable[..., Order], scratch: Path, tmp_path: Path
    ) -> None:
        """A worker of a cluster has a lower priority than the process that started it, and a campaign has not."""
        file = tmp_path / "campaign.toml"
        file.write_text(order(duration="4s").campaign)
        worker = f"import os\nos.nice(5)\nopen('/proc/self/oom_score_adj', 'w').write('700')\n{STARTER}"
        argv = [sys.executable, "-c", worker, str(file), str(scratch)]
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as starter:
            assert starter.stdout is not None
            state = [starter.stdout.readline().strip() for _ in range(2)][1]
            starter.kill()
        if os.geteuid():
            assert state == "refused"
            return
        runner = seen(scratch).runner
        assert runner is not None
        assert psutil.Process(runner).nice() == os.getpriority(os.PRIO_PROCESS, 0)
        score = Path(f"/proc/{runner}/oom_score_adj").read_text()
        assert score == Path("/proc/self/oom_score_adj").read_text()

    @pytest.mark.thorough
    def test_the_starter_is_killed(self, order: Callable[..., Order], scratch: Path, tmp_path: Path) -> None:
        file = tmp_path / "campaign.toml"
        file.write_text(order(duration="4s").campaign)
        argv = [sys.executable, "-c", STARTER, str(file), str(scratch)]
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as starter:
            assert starter.stdout is not None
            assert [starter.stdout.readline().strip() for _ in range(2)] == ["ready", "running"]
            starter.kill()
        assert seen(scratch).state == "running"
        wait_for(lambda: seen(scratch).state == "completed", "not in time", 90)

    def test_the_starter_is_killed_while_it_starts(
        self, order: Callable[..., Order], scratch: Path, tmp_path: Path
    ) -> None:
        file = tmp_path / "campaign.toml"
        file.write_text(order(duration="4s").campaign)
        argv = [sys.executable, "-c", STARTER, str(file), str(scratch)]
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as starter:
            wait_for(lambda: seen(scratch).state == "running", "not in time", 30)
            starter.kill()
        begun = start(HOST, replace(order(), campaign=file.read_text()))  # waits for the process that starts it
        assert begun.state == "running"
        assert len(list((scratch / HOST).glob("*/*/*/results/*/*/journal.jsonl"))) == 1

    @pytest.mark.thorough
    def test_the_runner_is_killed(self, order: Callable[..., Order], scratch: Path) -> None:
        begun = start(HOST, order(duration="20s"))
        assert begun.runner is not None
        assert begun.directory is not None
        wait_for(lambda: any(Path(begun.directory or "").glob("leak/r01/requests/*.live.jsonl")), "not in time", 60)
        time.sleep(2)
        os.kill(begun.runner, signal.SIGKILL)
        kill = Stamp.now().mono
        wait_for(lambda: seen(scratch).state == "abandoned", "not in time", 30)
        left = seen(scratch)
        assert (left.resumable, left.runner, left.ends) == (True, None, None)
        assert all(file.path != "journal.jsonl" for file in left.sealed)
        continued = resume(HOST, KEY, str(scratch))
        assert (continued.state, continued.why, continued.directory) == ("running", None, begun.directory)
        assert resume(HOST, KEY, str(scratch)).runner == continued.runner
        wait_for(lambda: seen(scratch).state == "completed", "not in time", 120)
        results = open_results(begun.directory)
        kinds = [event.kind for event in results.events]
        assert kinds.count("campaign_started") == kinds.count("campaign_resumed") == 1
        for name in ("clean", "leak"):
            assert results.requests(name)["index"].is_unique
            times = results.samples(name, "process")["mono"].to_numpy()
            assert (times[1:] > times[:-1]).all()
            assert times[0] < kill < times[-1]
        refused = resume(HOST, KEY, str(scratch))
        assert (refused.state, refused.resumable) == ("completed", False)

    @pytest.mark.thorough
    def test_stopped_and_resumed(self, order: Callable[..., Order], scratch: Path) -> None:
        start(HOST, order(duration="20s"))
        stop(HOST, KEY, str(scratch))
        assert stop(HOST, KEY, str(scratch)).state in ("running", "interrupted")  # no second interrupt
        wait_for(lambda: seen(scratch).state != "running", "still drains", 90)
        stopped = seen(scratch)
        assert (stopped.state, stopped.resumable) == ("interrupted", True)
        assert "journal.jsonl" in [file.path for file in stopped.sealed]
        kinds = [event.kind for event in open_results(stopped.directory or "").events]
        assert kinds.count("interrupt") == 1
        assert stop(HOST, KEY, str(scratch)).state == "interrupted"
        assert resume(HOST, KEY, str(scratch)).state == "running"

    @pytest.mark.thorough
    def test_a_full_disk(self, order: Callable[..., Order], tmp_path: Path) -> None:
        """A tmpfs of its own fills up: the campaign halts in order and says so; with room it goes on."""
        folder = tmp_path / "small"
        folder.mkdir()
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=230m", "tmpfs", str(folder)], check=False, capture_output=True
        )
        if mounted.returncode:
            pytest.skip("no permission to mount a small tmpfs")
        filler = folder / "filler"
        try:
            begun = start(HOST, replace(order(duration="60s"), scratch=str(folder)))
            assert begun.state == "running", begun.why
            time.sleep(2)
            with pytest.raises(OSError, match="space"):
                fill(filler)
            wait_for(lambda: seen(folder).state != "running", "not in time", 90)
            halted = seen(folder)
            assert (halted.state, halted.resumable) == ("halted", True)
            assert "free" in (halted.why or "") or "space" in (halted.why or "")
            filler.unlink()
            assert resume(HOST, KEY, str(folder)).state == "running"
        finally:
            filler.unlink(missing_ok=True)
            wait_for(lambda: stop(HOST, KEY, str(folder)).state != "running", "still drains", 90)
            subprocess.run(["umount", "-l", str(folder)], check=True)


class TestContent:
    @pytest.fixture
    def ended(self, scratch: Path) -> Path:
        directory = scratch / HOST / "s" / "v-r1" / "a01" / "results" / "c" / "20260101T000000Z"
        directory.mkdir(parents=True)
        (directory / "manifest.json").write_text("{}")
        line = {"event": "campaign_interrupted", "wall": 1.0, "mono": 1.0}
        (directory / "journal.jsonl").write_text(json.dumps(line) + "\n")
        return directory

    def test_a_file_that_changed(self, ended: Path, scratch: Path) -> None:
        (ended / "big").write_bytes(os.urandom(CHUNK_BYTES + 5))
        (ended / "empty").touch()
        (ended / "link").symlink_to("/etc/hostname")
        sealed = {file.path: file for file in seen(scratch).sealed}
        assert sorted(sealed) == ["big", "empty", "journal.jsonl", "manifest.json"]
        chunks = list(read(HOST, KEY, str(scratch), [sealed["big"], sealed["empty"]]))
        assert [(str(one.path), one.offset, len(one.content)) for one in chunks] == [
            ("big", 0, CHUNK_BYTES),
            ("big", CHUNK_BYTES, 5),
            ("empty", 0, 0),
        ]
        with (ended / "big").open("r+b") as file:
            file.write(b"other")
        with pytest.raises(ChangedFileError, match="SHA-256"):
            list(read(HOST, KEY, str(scratch), [sealed["big"]]))
        (ended / "big").write_bytes(b"short")
        with pytest.raises(ChangedFileError, match="5 bytes"):
            list(read(HOST, KEY, str(scratch), [sealed["big"]]))
        for path in "../../../order.json", "/etc/hostname", "link", "none":
            with pytest.raises(ChangedFileError):
                list(read(HOST, KEY, str(scratch), [File(path, 1, "")]))

    def test_a_digest_is_computed_once(self, ended: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        first = seen(scratch).sealed
        (ended / "new").write_bytes(b"1")
        computed: list[str] = []

        def digest(path: Path) -> str:
            computed.append(path.name)
            return "0"

        monkeypatch.setattr("aging.study.host.digests.digest", digest)
        second = seen(scratch).sealed
        assert computed == ["new"]
        assert set(first) < set(second)


class TestFacts:
    def test_of_this_host(self, scratch: Path) -> None:
        known = facts(HOST, str(scratch), time.time() - 100)
        assert 99 < known.clock_offset < 102
        assert known.cores == os.cpu_count()
        assert known.packages["psutil"] == psutil.__version__
        assert known.free > 0
        assert known.busy is None
        again = facts(HOST, str(scratch), time.time())
        assert (again.disk, again.boot) == (known.disk, known.boot)
        assert facts("b", str(scratch), time.time()).disk != known.disk
        (scratch / HOST / "disk").unlink()
        assert facts(HOST, str(scratch), time.time()).disk != known.disk

    @pytest.mark.parametrize("name", ["../a", "", ".", "a/b", "a b"])
    def test_a_name_that_is_no_folder(self, name: str, scratch: Path) -> None:
        with pytest.raises(AgingError, match="host"):
            facts(name, str(scratch), time.time())


def test_a_child_hears_the_signals_that_a_raylet_blocks(tmp_path: Path) -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT,))
    try:
        with (tmp_path / "log").open("wb") as log:
            child = spawn(("env", "--help"), tmp_path, (), log.fileno())
        status = Path(f"/proc/{child.pid}/status").read_text()
        assert signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        child.wait(60)
    (blocked,) = (line.split()[1] for line in status.splitlines() if line.startswith("SigBlk:"))
    assert int(blocked, 16) & (1 << signal.SIGINT - 1) == 0
