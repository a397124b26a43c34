"""What `aging run`, `resume` and `stop` of a study print and refuse, with one host that is a value."""

from __future__ import annotations

import asyncio
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from aging.app.study import StudyRun, resume_study, run_study, stop_study, study_of
from aging.app.study_store import results_folder, shared_folder
from aging.core.errors import AgingError, ExitCode, InconclusiveError, InputError
from aging.study import driver
from aging.study.fleet import AttemptKey, Held, HostFacts, Node, Reservation
from aging.study.plan_file import read_plan
from aging.study.roll_call import roll_call
from aging.study.schema import HostsTable
from tests.conftest import write_campaign
from tests.report.study.studies import HOSTS, made
from tests.study.test_head import OneHost


class Cluster(OneHost):
    async def close(self) -> None:
        pass


async def connect(_: str) -> Cluster:
    return Cluster()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A study whose process was killed; its last cell's attempt was running on a host that the cluster lacks."""
    root = made(tmp_path)
    ledger = root / "ledger.jsonl"
    over = ("study_ended", "cell_given_up", "attempt_lost")
    kept = [line for line in ledger.read_text().splitlines() if not any(f'"{one}"' in line for one in over)]
    ledger.write_text("".join(f"{line}\n" for line in kept))
    return root


@pytest.mark.parametrize("terminal", [True, False])
def test_a_dead_study_is_stopped_without_a_word_twice(
    root: Path, monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    async def analyzed(*_: object, **__: object) -> dict[str, str]:
        return {}

    monkeypatch.setattr(driver, "NODES_SECONDS", 0.02)
    monkeypatch.setattr("aging.app.study.call", analyzed)
    monkeypatch.setattr("aging.app.study.Live", Silent)
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, no_color=True, width=200)
    said: list[str] = []
    with pytest.raises(InconclusiveError, match="-r04") as caught:
        said.extend(stop_study(root, None, console, connect))
    printed = [line for line in [*said, *out.getvalue().splitlines(), str(caught.value)] if line.strip()]
    assert [line for line, count in Counter(printed).items() if count > 1] == []
    assert sum("aging resume" in line for line in printed) == 1


class TestCampaignFile:
    """Without --hosts it takes every host that fits."""

    def test_all_hosts(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        fleet, out = ThreeHosts(), io.StringIO()
        run = started(tmp_path, fleet, out, monkeypatch)
        assert run.exit_code == ExitCode.DONE
        plan = read_plan(run.layout)
        assert (len(plan.cells), plan.file.replicates, plan.file.hosts.count) == (2, 2, 2)
        assert "all 2 hosts that fit (a, b)" in out.getvalue()
        assert fleet.closed

    def test_no_host_fits(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        fleet = ThreeHosts(offset=9.0)
        with pytest.raises(AgingError, match=r"a: its clock.*b: its clock.*c: it has no CPUs") as caught:
            started(tmp_path, fleet, io.StringIO(), monkeypatch)
        assert caught.value.exit_code == ExitCode.BAD_INPUT
        assert not (tmp_path / "results").exists()
        assert fleet.closed

    def test_a_host_without_an_answer(self) -> None:
        fleet = ThreeHosts(mistakes={"facts": 1})
        called = asyncio.run(roll_call(fleet, HostsTable()))
        assert called.fitting == ["b"]
        assert called.refused["a"] == "facts is refused"

    def test_a_host_that_another_study_holds_is_not_asked(self) -> None:
        asked: list[str] = []

        class Taken(ThreeHosts):
            async def reservations(self) -> Sequence[Held]:
                return [Held(AttemptKey("other", "v01-r01", 1), host, True, 8, 0) for host in "ac"]

            async def facts(self, node: Node, scratch: str) -> HostFacts:
                asked.append(node.host)
                return await super().facts(node, scratch)

        called = asyncio.run(roll_call(Taken(), HostsTable()))
        assert (asked, called.fitting, [*called.refused]) == (["b"], ["a", "b"], ["c"])


def started(folder: Path, fleet: ThreeHosts, out: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> StudyRun:
    """A campaign that was run on all hosts of the cluster; it is not analyzed."""

    async def three(_: str) -> ThreeHosts:
        return fleet

    async def analyzed(*_: object, **__: object) -> dict[str, str]:
        return {}

    monkeypatch.setattr(driver, "NODES_SECONDS", 0.02)
    monkeypatch.setattr("aging.app.study.call", analyzed)
    study = study_of(write_campaign(folder, 8101, 8102, duration="4s", warmup="1s"), None)
    return run_study(study, folder / "results", "auto", Console(file=out), three, on_all=True)


class ThreeHosts(Cluster):
    """Hosts a and b, and c, of which nothing can be reserved; attempts end at once."""

    def __init__(self, offset: float = 0.0, mistakes: dict[str, int] | None = None) -> None:
        super().__init__(mistakes=mistakes)
        self.offset = offset
        self.closed = False
        self.on: dict[str, AttemptKey] = {}

    async def nodes(self) -> Sequence[Node]:
        return [Node(host, f"{host}/0", alive=True, cpus=0 if host == "c" else 8) for host in "abc"]

    async def reserve(self, key: AttemptKey, node: Node, what: Reservation) -> bool:  # noqa: ARG002 - all of it
        return self.on.setdefault(node.host, key) == key

    async def release(self, key: AttemptKey) -> None:
        self.on = {host: one for host, one in self.on.items() if one != key}

    async def facts(self, node: Node, scratch: str) -> HostFacts:
        return replace(await super().facts(node, scratch), host=node.host, clock_offset=self.offset)

    async def close(self) -> None:
        self.closed = True


class Silent:
    """In place of the table that is drawn again and again, and removed at the end."""

    def __init__(self, *, transient: bool, **_: object) -> None:
        assert transient

    def __enter__(self) -> Silent:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def update(self, *_: object, **__: object) -> None:
        pass


class TestResume:
    @pytest.mark.parametrize("findings", [True, False])
    def test_of_a_finished_study(self, tmp_path: Path, findings: bool) -> None:
        """Every cell has a result, so a loop that tries again until exit 0 ends. No cluster is asked."""
        root = made(tmp_path, complete=True)
        if findings:
            (root / "findings.json").write_text("{}")
        before, out = (root / "ledger.jsonl").read_bytes(), io.StringIO()
        run = resume_study(root, None, Console(file=out, width=200), refuse)
        assert (run.outcome, run.exit_code) == ("completed", ExitCode.DONE)
        assert "nothing is left to do" in out.getvalue()
        assert ("aging analyze" in out.getvalue()) == (not findings)
        assert (root / "ledger.jsonl").read_bytes() == before

    def test_the_hosts_that_are_asked_are_named_first(self, root: Path) -> None:
        out = io.StringIO()
        with pytest.raises(AgingError, match="no cluster"):
            resume_study(root, None, Console(file=out, width=200), none)
        asked = next(line for line in out.getvalue().splitlines() if "asks" in line)
        assert HOSTS[-1] in asked
        assert "c," not in asked  # its cells have results


async def none(address: str) -> Cluster:
    raise AgingError(f"no cluster at {address}")


async def refuse(_: str) -> Cluster:
    raise AssertionError("a cluster is asked")


def test_a_url_is_no_folder_of_results(tmp_path: Path) -> None:
    write_campaign(tmp_path, 8101, 8102, duration="4s", warmup="1s")
    (tmp_path / "study.toml").write_text('name = "s"\ncampaign = "small.toml"\n')
    study = study_of(tmp_path / "study.toml", None)
    with pytest.raises(InputError, match="s3://bucket/folder"):
        results_folder(study.file, tmp_path, Path("s3://bucket/folder"))
    assert results_folder(study.file, tmp_path, Path("a/b:c")) == Path("a/b:c")


def test_a_url_is_no_folder_that_jobs_share(tmp_path: Path) -> None:
    file = write_campaign(tmp_path, 18001, 18002, duration="4s", warmup="1s")
    study = study_of(file, 1).file
    stored = study.model_copy(update={"results": "s3://bucket/folder"})
    for one, given in (study, Path("s3://bucket/folder")), (stored, None):
        with pytest.raises(InputError, match=r"s3://bucket/folder.*--results FOLDER"):
            shared_folder(one, tmp_path, given)
    assert shared_folder(stored, tmp_path, Path("shared")) == Path("shared")
    assert shared_folder(study.model_copy(update={"results": "out"}), tmp_path, None) == tmp_path / "out"
    assert shared_folder(study, tmp_path, None) == Path("results")
