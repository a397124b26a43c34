"""The head of a study against hosts that refuse, without a process; its pauses are cut short."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import shutil
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from aging.core.errors import AgingError, ExitCode, StorageError
from aging.core.package_code import ChangedCodeError
from aging.study import driver, events, supervision
from aging.study.cells import Cell
from aging.study.driver import GoneError, Head, Subject
from aging.study.fleet import (
    AttemptKey,
    AttemptState,
    Chunk,
    File,
    Held,
    HostFacts,
    HostLostError,
    Look,
    Node,
    Order,
    OtherCodeError,
    Reservation,
)
from aging.study.layout import StudyLayout
from aging.study.ledger import Ledger, read_ledger
from aging.study.schema import HostsTable
from aging.study.state import Fold, StudyState, fold
from aging.study.supervision import Plan
from tests.study.virtual_fleet import facts

CONTENT = b"all of it"
FILE = File("journal.jsonl", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())


class OneHost:
    """A host where every attempt ends at once with ``state``; ``mistakes`` are calls that it refuses, so many times."""

    def __init__(self, state: AttemptState = "completed", mistakes: Mapping[str, int] | None = None) -> None:
        self.state: AttemptState = state
        self.mistakes = dict(mistakes or {})
        self.error: Callable[[str], AgingError] = AgingError
        self.attempts: dict[AttemptKey, Look] = {}
        self.reserved: AttemptKey | None = None
        self.content = CONTENT

    def _may(self, call: str) -> None:
        if self.mistakes.get(call, 0) > 0:
            self.mistakes[call] -= 1
            raise self.error(f"{call} is refused")

    async def nodes(self) -> Sequence[Node]:
        self._may("nodes")
        return [Node("a", "a/0", alive=True, cpus=8)]

    async def reserve(self, key: AttemptKey, node: Node, what: Reservation) -> bool:  # noqa: ARG002 - the one host
        if self.reserved in (None, key):
            self.reserved = key
        return self.reserved == key

    async def release(self, key: AttemptKey) -> None:
        if self.reserved == key:
            self.reserved = None

    async def reservations(self) -> Sequence[Held]:
        return [] if self.reserved is None else [Held(self.reserved, "a", made=True, cpus=8, gpus=0, scratch="/s")]

    async def facts(self, node: Node, scratch: str) -> HostFacts:  # noqa: ARG002 - likewise
        self._may("facts")
        return facts("a", "disk")

    async def start(self, node: Node, order: Order) -> Look:  # noqa: ARG002 - likewise
        self._may("start")
        look = Look(order.key, self.state, sealed=(FILE,))
        return self.attempts.setdefault(order.key, look)

    async def resume(self, node: Node, key: AttemptKey, scratch: str) -> Look:  # noqa: ARG002 - likewise
        return self._look(key)

    async def stop(self, node: Node, key: AttemptKey, scratch: str) -> Look:  # noqa: ARG002 - likewise
        return self._look(key)

    async def look(self, node: Node, keys: Sequence[AttemptKey], scratch: str) -> Sequence[Look]:  # noqa: ARG002
        self._may("look")
        return [self._look(key) for key in keys]

    async def discard(self, node: Node, key: AttemptKey, scratch: str) -> None:  # noqa: ARG002 - likewise
        self._may("discard")
        self.attempts.pop(key, None)

    async def read(self, node: Node, key: AttemptKey, scratch: str, files: Sequence[File]) -> AsyncIterator[Chunk]:  # noqa: ARG002
        self._may("read")
        for one in files:
            yield Chunk(PurePosixPath(one.path), 0, self.content)

    def _look(self, key: AttemptKey) -> Look:
        return self.attempts.get(key, Look(key, "absent"))


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in (
        (driver, "NODES_SECONDS"),
        (driver, "_SHORTEST_WAIT_SECONDS"),
        (driver, "_LONGEST_WAIT_SECONDS"),
        (driver, "ROOM_SECONDS"),
        (driver, "RESERVATIONS_SECONDS"),
        (supervision, "FRESH_SECONDS"),
    ):
        monkeypatch.setattr(module, name, 0.02)


@pytest.fixture
def layout(tmp_path: Path) -> StudyLayout:
    return StudyLayout(tmp_path)


def run(
    layout: StudyLayout,
    fleet: OneHost,
    attempts: int = 2,
    patience: float = 0.5,
    hosts: HostsTable = HostsTable(),  # noqa: B008 - frozen
    *,
    tell: Callable[[str], None] = lambda _: None,
    replicates: int = 1,
) -> tuple[str, StudyState]:
    cells = [Cell("c" if one == 1 else f"c{one}", "v", one, {}, "", 60.0) for one in range(1, replicates + 1)]
    plan = Plan(cells, hosts, attempts, patience)
    with contextlib.closing(Ledger(layout.ledger)) as ledger:
        folded = Fold()
        for event in read_ledger(layout.ledger) if layout.ledger.stat().st_size else ():
            folded.add(event)
        head = Head(Subject("s", plan), layout, fleet, ledger=ledger, folded=folded, tell=tell)
        outcome = asyncio.run(asyncio.wait_for(head.run(), 60))
    return outcome, fold(read_ledger(layout.ledger))


class TestHead:
    @pytest.mark.parametrize("call", ["look", "discard", "read", "facts"])
    @pytest.mark.parametrize("error", [AgingError, HostLostError])
    def test_a_refusal_that_passes(self, layout: StudyLayout, call: str, error: type[AgingError]) -> None:
        fleet = OneHost(mistakes={call: 2})
        fleet.error = error
        outcome, state = run(layout, fleet)
        assert outcome == "completed"
        (attempt,) = state.cells["c"].attempts
        assert attempt.collected
        assert (layout.attempt("c", 1) / FILE.path).read_bytes() == CONTENT
        assert (fleet.attempts, fleet.reserved) == ({}, None)

    def test_a_start_that_is_refused_is_an_attempt(self, layout: StudyLayout) -> None:
        outcome, state = run(layout, OneHost(mistakes={"start": 1}))
        assert outcome == "completed"
        first, second = state.cells["c"].attempts
        assert (first.state, first.why) == ("refused", "start is refused")
        assert (second.state, state.cells["c"].counts) == ("completed", 2)

    @pytest.mark.parametrize("ended", ["refused", "failed", "died"])
    def test_attempts_are_used_up(self, layout: StudyLayout, ended: AttemptState) -> None:
        outcome, state = run(layout, OneHost(ended))
        assert outcome == "incomplete"
        assert [one.state for one in state.cells["c"].attempts] == [ended, ended]
        assert "all 2 attempts failed" in (state.cells["c"].given_up or "")

    def test_a_host_that_cannot_say_what_it_is(self, layout: StudyLayout) -> None:
        outcome, state = run(layout, OneHost(mistakes={"facts": 10**6}))
        assert outcome == "incomplete"
        assert state.hosts["a"].refused == "facts is refused"
        assert "facts is refused" in (state.cells["c"].given_up or "")

    def test_files_that_are_not_what_the_host_says(self, layout: StudyLayout) -> None:
        fleet = OneHost()
        fleet.content = CONTENT[:-1] + b"!"
        outcome, state = run(layout, fleet, attempts=1)
        assert outcome == "incomplete"
        (attempt,) = state.cells["c"].attempts
        assert "cannot be read" in (attempt.lost or "")
        assert not (layout.attempt("c", 1) / FILE.path).exists()
        assert fleet.attempts  # its files stay where they are

    def test_a_cluster_that_does_not_answer(self, layout: StudyLayout, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(driver, "CLUSTER_SECONDS", 0.2)
        fleet = OneHost(mistakes={"nodes": 10**6})
        fleet.error = HostLostError
        outcome, state = run(layout, fleet)
        assert (outcome, state.outcome) == ("cluster_lost", "cluster_lost")

    def test_a_ledger_that_cannot_be_written_ends_it(
        self, layout: StudyLayout, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(_: Ledger, event: object) -> None:
            raise StorageError(f"no room for {event}")

        monkeypatch.setattr(Ledger, "record", full)
        with pytest.raises(StorageError, match="no room"):
            run(layout, OneHost())

    @pytest.mark.parametrize("harm", ["removed", "replaced", "cut"])
    def test_a_ledger_that_is_lost_ends_it(self, layout: StudyLayout, harm: str) -> None:
        """While nothing is to be recorded: an attempt that runs is not looked at for long."""
        fleet = OneHost("running")
        plan = Plan([Cell("c", "v", 1, {}, "", 3600.0)], HostsTable(), 2, 0.5)

        async def lose(ledger: Ledger) -> None:
            begun = asyncio.Event()

            def tell(line: str) -> None:
                if "running" in line:
                    begun.set()

            head = Head(Subject("s", plan), layout, fleet, ledger=ledger, folded=Fold(), tell=tell)
            running = asyncio.create_task(head.run())
            await asyncio.wait_for(begun.wait(), 60)
            content = layout.ledger.read_bytes()
            if harm == "cut":
                layout.ledger.write_bytes(content[: content.rfind(b"\n", 0, -1) + 1])
            else:
                layout.ledger.unlink()
                if harm == "replaced":
                    layout.ledger.write_bytes(content)
            left = layout.ledger.read_bytes() if layout.ledger.exists() else None
            with pytest.raises(GoneError):
                await asyncio.wait_for(running, 60)
            assert (layout.ledger.read_bytes() if layout.ledger.exists() else None) == left

        with contextlib.closing(Ledger(layout.ledger)) as ledger:
            asyncio.run(lose(ledger))
        assert len(fleet.attempts) == 1  # it goes on

    def test_an_attempt_of_another_study_is_waited_for(self, layout: StudyLayout) -> None:
        class Busy(OneHost):
            asked = 0

            async def facts(self, node: Node, scratch: str) -> HostFacts:
                self.asked += 1
                return replace(await super().facts(node, scratch), busy="other" if self.asked < 4 else None)

        fleet = Busy()
        outcome, _ = run(layout, fleet)
        assert outcome == "completed"
        assert fleet.asked >= 4
        waits = [one for one in read_ledger(layout.ledger) if isinstance(one, events.HostBusy)]
        assert [(one.host, one.by) for one in waits] == [("a", "other"), ("a", None)]

    @pytest.mark.parametrize(
        ("exclusive", "shares", "waits"), [(False, True, False), (False, False, True), (True, True, True)]
    )
    def test_an_attempt_beside_another_study(
        self, layout: StudyLayout, *, exclusive: bool, shares: bool, waits: bool
    ) -> None:
        """Where both take a part of the host."""

        class Busy(OneHost):
            asked = started = 0

            async def facts(self, node: Node, scratch: str) -> HostFacts:
                self.asked += 1
                known = await super().facts(node, scratch)
                return replace(known, busy="other", shares=shares) if self.asked < 4 else known

            async def start(self, node: Node, order: Order) -> Look:
                self.started = self.asked
                return await super().start(node, order)

        fleet = Busy()
        outcome, _ = run(layout, fleet, hosts=HostsTable(exclusive=exclusive))
        assert outcome == "completed"
        assert (fleet.started > 3) == waits

    def test_a_host_whose_clock_was_set_right_is_used(self, layout: StudyLayout) -> None:
        class Late(OneHost):
            asked = 0

            async def facts(self, node: Node, scratch: str) -> HostFacts:
                self.asked += 1
                return replace(await super().facts(node, scratch), clock_offset=9.0 if self.asked < 3 else 0.0)

        outcome, state = run(layout, Late(), patience=30.0)
        assert outcome == "completed"
        assert state.hosts["a"].refused is None
        refused = [one for one in read_ledger(layout.ledger) if isinstance(one, events.HostRefused)]
        assert ["clock" in one.why for one in refused] == [True]

    def test_a_host_of_another_study_is_named_and_not_asked(self, layout: StudyLayout) -> None:
        """Asking it would cost a second of CPU of what is measured there."""

        class Shared(OneHost):
            asked = 0

            async def reservations(self) -> Sequence[Held]:
                self.asked += 1
                other = [Held(AttemptKey("x/1", "c", 1), host, made=True, cpus=8, gpus=0) for host in "ab"]
                return other if self.asked < 4 else []

            async def facts(self, node: Node, scratch: str) -> HostFacts:
                assert self.asked >= 4
                return await super().facts(node, scratch)

        outcome, state = run(layout, Shared())
        assert (outcome, state.hosts["a"].reserved_by) == ("completed", None)
        said = [one.by for one in read_ledger(layout.ledger) if isinstance(one, events.HostReserved)]
        assert said == ["study x/1", None]

    def test_a_host_that_another_program_has(self, layout: StudyLayout, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(driver, "UNRESERVED_SECONDS", 0.02)

        class Taken(OneHost):
            refusals = 0

            async def reserve(self, key: AttemptKey, node: Node, what: Reservation) -> bool:
                self.refusals += 1
                assert what.scratch == HostsTable().scratch
                return self.refusals > 2 and await super().reserve(key, node, what)

        outcome, state = run(layout, Taken())
        assert (outcome, state.hosts["a"].reserved_by) == ("completed", None)
        said = [one.by for one in read_ledger(layout.ledger) if isinstance(one, events.HostReserved)]
        assert said == ["another program", None]

    def test_a_host_without_an_answer_is_named(self, layout: StudyLayout) -> None:
        fleet = OneHost(mistakes={"facts": 20})
        fleet.error = HostLostError
        outcome, state = run(layout, fleet, patience=30.0)
        assert (outcome, state.hosts["a"].silent) == ("completed", None)
        said = [one.why for one in read_ledger(layout.ledger) if isinstance(one, events.HostSilent)]
        assert said == ["facts is refused", None]

    def test_a_host_that_left_is_not_silent_as_well(self, layout: StudyLayout) -> None:
        """Whether its call failed before the cluster missed it, or after."""

        class Leaving(OneHost):
            gone = False

            async def nodes(self) -> Sequence[Node]:
                return [] if self.gone else await super().nodes()

            async def facts(self, node: Node, scratch: str) -> HostFacts:  # noqa: ARG002 - it tells none
                self.gone = True
                raise HostLostError(f"Host {node.host}: The host is not in the cluster any more.")

        said: list[str] = []
        outcome, state = run(layout, Leaving(), tell=said.append)
        assert (outcome, state.hosts["a"].silent) == ("incomplete", None)
        assert "a left the cluster" in said
        assert not [one for one in said if "does not answer" in one]

    @pytest.mark.parametrize(("error", "words"), [(HostLostError, "does not answer"), (AgingError, "takes no cells")])
    def test_a_host_is_named_once(self, layout: StudyLayout, error: type[AgingError], words: str) -> None:
        class Named(OneHost):
            async def facts(self, node: Node, scratch: str) -> HostFacts:  # noqa: ARG002 - it tells none
                raise error(f"Host {node.host}: it said so.")

        said: list[str] = []
        run(layout, Named(), tell=said.append)
        assert f"a {words}: it said so" in said

    def test_too_few_hosts_are_told_of_once(self, layout: StudyLayout) -> None:
        said: list[str] = []
        outcome, state = run(layout, OneHost(), tell=said.append, replicates=3)
        assert (outcome, state.cells["c"].counts) == ("incomplete", 1)
        (told,) = [one for one in said if "different hosts" in one]
        assert told.startswith(
            "3 replicates need 3 different hosts (`hosts.apart`), and 1 host of the cluster fits: a;"
        )

    def test_a_host_is_asked_before_it_is_known(self, layout: StudyLayout) -> None:
        run(layout, OneHost())
        kinds = [type(one) for one in read_ledger(layout.ledger)]
        assert kinds.index(events.HostAsked) < kinds.index(events.HostSeen)
        assert kinds.count(events.HostAsked) == 1


class TestOtherCode:
    """A host with other code of this package, or a head whose own was changed: in words, and nothing is lost."""

    def test_a_host_is_refused(self, layout: StudyLayout) -> None:
        fleet = OneHost(mistakes={"facts": 10**6})
        fleet.error = OtherCodeError
        outcome, state = run(layout, fleet)
        assert outcome == "incomplete"
        assert state.hosts["a"].refused == "facts is refused"

    @pytest.mark.parametrize("call", ["look", "facts"])
    def test_a_host_where_a_cell_runs(self, layout: StudyLayout, call: str) -> None:
        """It can be continued once both have the same."""
        fleet = OneHost("running", mistakes={call: 10**6})
        fleet.error = OtherCodeError
        key = AttemptKey("s", "c", 1)
        fleet.attempts[key], fleet.reserved = Look(key, "running"), key
        with contextlib.closing(Ledger(layout.ledger)) as ledger:
            ledger.record(events.AttemptPlaced(cell="c", number=1, host="a"))
        with pytest.raises(OtherCodeError, match=f"aging resume {layout.root}") as caught:
            run(layout, fleet)
        assert caught.value.exit_code == ExitCode.INCONCLUSIVE
        state = fold(read_ledger(layout.ledger))
        assert (fleet.reserved, state.outcome) == (key, None)
        assert state.cells["c"].attempts[-1].lost is None

    @pytest.mark.parametrize("call", ["nodes", "facts", "start"])
    def test_its_own(self, layout: StudyLayout, call: str) -> None:
        fleet = OneHost(mistakes={call: 1})
        fleet.error = ChangedCodeError
        with pytest.raises(ChangedCodeError) as caught:
            run(layout, fleet)
        assert caught.value.exit_code == ExitCode.INCONCLUSIVE
        assert fleet.reserved is None


class TestDefect:
    """A head that ends with a defect: no next one may come, so what needs no host is given back."""

    def test_a_start_that_fails(self, layout: StudyLayout) -> None:
        class Broken(OneHost):
            async def start(self, node: Node, order: Order) -> Look:
                raise RuntimeError(f"a defect at {order.key} on {node.host}")

        fleet = Broken()
        with pytest.raises(RuntimeError, match="a defect"):
            run(layout, fleet)
        assert fleet.reserved is None

    @pytest.mark.parametrize("state", ["running", "completed"])
    def test_a_running_attempt_keeps_its_host(self, layout: StudyLayout, state: AttemptState) -> None:
        class Broken(OneHost):
            """The cluster's own answer is a defect as soon as an attempt is there."""

            async def nodes(self) -> Sequence[Node]:
                if self.attempts:
                    self.attempts = {key: replace(look, state=state) for key, look in self.attempts.items()}
                    self.reserved = next(iter(self.attempts))
                    self.broken += 1
                    if self.broken == 1:
                        raise RuntimeError("a defect")
                return await super().nodes()

            broken = 0

        fleet = Broken("running")
        with pytest.raises(RuntimeError, match="a defect"):
            run(layout, fleet)
        assert (fleet.reserved is not None) == (state == "running")

    def test_a_start_under_way_keeps_its_host(self, layout: StudyLayout) -> None:
        class Broken(OneHost):
            starting = False

            async def start(self, node: Node, order: Order) -> Look:
                self.starting = True
                await asyncio.sleep(3600)
                return await super().start(node, order)

            async def nodes(self) -> Sequence[Node]:
                if self.starting:
                    self.starting = False
                    raise RuntimeError("a defect")
                return await super().nodes()

        fleet = Broken()
        with pytest.raises(RuntimeError, match="a defect"):
            run(layout, fleet)
        assert fleet.reserved is not None

    def test_a_cluster_that_does_not_answer_any_more(
        self, layout: StudyLayout, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Broken(OneHost):
            async def start(self, node: Node, order: Order) -> Look:
                raise RuntimeError(f"a defect at {order.key} on {node.host}")

            async def reservations(self) -> Sequence[Held]:
                if self.reserved is not None:
                    await asyncio.sleep(3600)
                return ()

        monkeypatch.setattr(driver, "GIVE_BACK_SECONDS", 0.05)
        with pytest.raises(RuntimeError, match="a defect"):
            run(layout, Broken())


class TestFolderGone:
    """The study's folder is removed, moved or replaced under its head."""

    @pytest.mark.parametrize("how", ["removed", "moved", "ledger removed", "replaced"])
    @pytest.mark.parametrize("state", ["running", "completed"])
    def test_it_ends(self, tmp_path: Path, how: str, state: AttemptState) -> None:
        layout = StudyLayout(tmp_path / "s")
        layout.root.mkdir()

        class Host(OneHost):
            discarded = 0

            async def start(self, node: Node, order: Order) -> Look:
                match how:
                    case "removed":
                        shutil.rmtree(layout.root)
                    case "moved":
                        layout.root.rename(tmp_path / "other")
                    case "ledger removed":
                        layout.ledger.unlink()
                    case "replaced":
                        layout.root.rename(tmp_path / "other")
                        shutil.copytree(tmp_path / "other", layout.root)
                return await super().start(node, order)

            async def discard(self, node: Node, key: AttemptKey, scratch: str) -> None:
                self.discarded += 1
                await super().discard(node, key, scratch)

        fleet = Host(state)
        with pytest.raises(GoneError, match=r"aging stop --cluster .* --study s --drain") as caught:
            run(layout, fleet)
        assert caught.value.exit_code == ExitCode.INCONCLUSIVE
        assert str(layout.ledger) in str(caught.value)
        assert (fleet.reserved is not None) == (state == "running")  # what runs keeps its host
        assert fleet.discarded == 0  # its files are nowhere else
        assert not layout.cells.exists()  # it is not made again, without its ledger
        assert layout.root.exists() == (how in ("ledger removed", "replaced"))


def test_a_next_head_says_what_it_finds(layout: StudyLayout) -> None:
    """An attempt in the state in which it was: nothing is written, and all the same it is said."""
    with contextlib.closing(Ledger(layout.ledger)) as ledger:
        ledger.record(events.HostSeen(facts=facts("a", "disk")))
        ledger.record(events.AttemptPlaced(cell="c", number=1, host="a"))
        ledger.record(events.AttemptSeen(cell="c", number=1, state="halted"))
    fleet, told = OneHost(), list[str]()
    key = AttemptKey("s", "c", 1)
    fleet.attempts[key] = Look(key, "halted", sealed=(FILE,))
    run(layout, fleet, tell=told.append)
    assert any("attempt 1 is halted on a" in line for line in told)
