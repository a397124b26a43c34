"""A study from file to findings: ``aging run FILE --cluster``, ``aging resume`` and ``aging stop`` of its folder."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console
from rich.live import Live

from aging.app.prepare import new_folder
from aging.app.study_store import mirrored, send, store_of
from aging.campaign.load import read_campaign
from aging.core.clock import ticks
from aging.core.errors import AgingError, ExitCode, InconclusiveError, writing
from aging.core.package_code import check_unchanged
from aging.core.processes.ownership import is_running
from aging.core.processes.ownership import send as send_signal
from aging.core.tasks import cancel_all
from aging.core.worker import call
from aging.report.study.accounting import Accounting, accounting
from aging.report.study.folder import account_of, state_of
from aging.report.study.terminal import lines, table
from aging.runner.catalogue import Catalogue
from aging.store.lock import Lock, LockedError, Owner, owner_of
from aging.study.assignment import in_order
from aging.study.driver import Head, Outcome, Subject
from aging.study.events import StudyStarted
from aging.study.fleet import Fleet
from aging.study.layout import StudyLayout
from aging.study.ledger import Ledger, read_ledger
from aging.study.load import Study, is_study, load_study, on_hosts, study_of_campaign
from aging.study.plan_file import StudyPlan, read_plan, write_plan
from aging.study.roll_call import roll_call
from aging.study.state import Fold, StudyState
from aging.study.supervision import Plan

_ANALYSIS = "aging.app.study_analysis:analyze"
_REFRESH_SECONDS = 1.0
_PLAIN_SECONDS = 600.0
_POLL_SECONDS = 0.2
_MOST_NAMED = 12

EXIT_CODES: dict[Outcome, ExitCode] = {
    "completed": ExitCode.DONE,
    "incomplete": ExitCode.INCONCLUSIVE,
    "interrupted": ExitCode.INTERRUPTED,
    "cluster_lost": ExitCode.INCONCLUSIVE,
}


class ClosableFleet(Fleet, Protocol):
    """A fleet with a connection that ends."""

    async def close(self) -> None: ...


Connect = Callable[[str], Awaitable[ClosableFleet]]


@dataclass(frozen=True, slots=True)
class StudyRun:
    """A study that was run. ``address`` is the cluster that it ran on; ``unstopped`` are cells that may still run."""

    outcome: Outcome
    layout: StudyLayout
    account: Accounting
    address: str
    unstopped: Sequence[str] = ()

    @property
    def exit_code(self) -> ExitCode:
        return EXIT_CODES[self.outcome]


async def connect_to_ray(address: str) -> ClosableFleet:
    """The hosts of a Ray cluster. Raises MissingPartError without Ray, AgingError if no cluster answers."""
    from aging.cluster.fleet import connect  # noqa: PLC0415 - where a cluster is asked for

    return await connect(address)


def study_of(file: Path, hosts: int | None) -> Study:
    """A study file; or a campaign file as a study of one variant with a replicate on each of ``hosts`` hosts.

    Of a study file ``hosts`` is the most hosts used at a time. Raises CampaignError with every mistake.
    """
    kinds = Catalogue.discovered().kinds()
    if not is_study(file):
        return study_of_campaign(read_campaign(file).text, str(file), hosts, kinds)  # one host where none is said
    study = load_study(file, kinds)
    if hosts is None:
        return study
    table = study.file.hosts.model_copy(update={"count": hosts})
    return replace(study, file=study.file.model_copy(update={"hosts": table}))


def run_study(  # noqa: PLR0913 - what, where and how
    study: Study,
    results: Path,
    address: str,
    console: Console,
    connect: Connect = connect_to_ray,
    *,
    on_all: bool = False,
) -> StudyRun:
    """Run a study on a cluster to its end, and analyze it; ``on_all``: with a replicate on every host that fits.

    Raises AgingError if no cluster answers there, or no host of it fits.
    """

    async def go() -> StudyRun:
        async with _connected(connect, address) as fleet:
            planned = await _on_all_hosts(study, fleet, address, console) if on_all else study
            with writing(results / study.file.name):
                layout = StudyLayout(new_folder(results / study.file.name, time.time()))
            store = store_of(planned.file, layout)
            plan = write_plan(layout, planned)
            console.print(f"study: {layout.root}", highlight=False, soft_wrap=True)
            async with mirrored(store, layout.root, _teller(console)):
                return await _run(layout, plan, fleet, address, console=console)

    return _concluded(asyncio.run(go()), console)


async def _on_all_hosts(study: Study, fleet: Fleet, address: str, console: Console) -> Study:
    called = await roll_call(fleet, study.file.hosts)
    if not called.fitting:
        whys = "; ".join(f"{host}: {why}" for host, why in called.refused.items()) or "it has none"
        raise AgingError(f"--cluster {address}: no host of the cluster can run the campaign ({whys})")
    count = len(called.fitting)
    hosts = "the one host that fits" if count == 1 else f"all {count} hosts that fit"
    _teller(console)(f"hosts: {hosts} ({', '.join(called.fitting)}), a cell on each; for fewer: --hosts N")
    return on_hosts(study, count)


def resume_study(
    directory: Path, address: str | None, console: Console, connect: Connect = connect_to_ray, *, stopping: bool = False
) -> StudyRun:
    """Continue a study whose head has ended, on the cluster that it ran on or on the one at ``address``.

    ``stopping``: only to stop its cells. Of a study whose every cell has a result, only that is said. Raises
    ResultsError, LockedError, and AgingError if no cluster answers.
    """
    layout = StudyLayout(directory)
    plan = read_plan(layout)
    state = state_of(layout)
    account = account_of(layout, plan)
    if not stopping and not account.missing:
        done = f"{directory}: every cell has a result; nothing is left to do"
        _teller(console)(done if layout.findings.exists() else f"{done} but its findings: aging analyze {directory}")
        return StudyRun("completed", layout, account, address or state.cluster or "")
    _refuse_jobs(directory, state)
    if (owner := owner_of(directory)) is not None:
        raise LockedError(directory, owner)
    where = address or state.cluster
    if where is None:
        raise AgingError(f"{directory}: no cluster is known; name it: --cluster ADDRESS")

    store = store_of(plan.file, layout)

    if not stopping:
        console.print(f"resumes: {directory} ({len(account.missing)} of {len(plan.cells)} cells)", soft_wrap=True)
    if asked := _asked(state):
        _teller(console)(f"asks the cluster at {where}, then these hosts; that may take a minute or two: {asked}")

    async def go() -> StudyRun:
        async with _connected(connect, where) as fleet, mirrored(store, layout.root, _teller(console)):
            return await _run(layout, plan, fleet, where, console=console, stopping=stopping)

    return _concluded(asyncio.run(go()), console, stopping=stopping)


def stop_study(
    directory: Path, address: str | None, console: Console, connect: Connect = connect_to_ray
) -> Iterator[str]:
    """Stop the cells of a study; it can be resumed. Yields what is done.

    Raises ResultsError, AgingError if another host runs it or no cluster answers, and InconclusiveError if a cell may
    still run.
    """
    layout = StudyLayout(directory)
    read_plan(layout)  # a folder that is none is named first
    _refuse_jobs(directory, state_of(layout))
    owner = owner_of(directory)
    if owner is not None:
        yield from _stop_head(directory, owner)
    if owner is None or state_of(layout).outcome is None:  # it was killed before it had stopped its cells
        if state_of(layout).outcome == "completed":
            yield "The study has already ended."
            return
        yield "No process runs the study; asking its hosts."
        resume_study(directory, address, console, connect, stopping=True)
    if left := _unstopped(state_of(layout)):
        raise InconclusiveError(_not_stopped(directory, left))


def _refuse_jobs(directory: Path, state: StudyState) -> None:
    """Raise AgingError for a study whose cells are jobs, which no cluster knows and none may run a second time."""
    if not state.of_jobs:
        return
    cells = StudyLayout(directory).cells
    owners = [(name, owner) for name in state.cells if (owner := owner_of(cells / name)) is not None]
    running = [f"{name} by process {owner.pid} on {owner.host}" for name, owner in owners]
    now = f"; now runs {', '.join(running)}" if running else ""
    raise AgingError(
        f"{directory}: its cells are jobs of a batch system (--cell){now}. To continue one, submit its job again "
        f"(aging run STUDY.toml --cell N --study {directory.name}); to stop one, cancel its job. On a cluster run the "
        "study anew: aging run STUDY.toml --cluster ADDRESS"
    )


def _stop_head(directory: Path, owner: Owner) -> Iterator[str]:
    """Have the process that runs the study stop it. However often that is asked, it does not end at once."""
    if not owner.here:
        raise AgingError(f"{directory}: {owner}; stop it there")
    send_signal(owner.identity, signal.SIGTERM)
    yield f"Stopping the study (pid {owner.pid}); waiting for its cells to drain, and for their files."
    while is_running(owner.identity):
        time.sleep(_POLL_SECONDS)
    yield "The process of the study has ended."


def _asked(state: StudyState) -> str:
    """The hosts whose attempts may go on, by name; of many the first ones."""
    cells = (cell for cell in state.cells.values() if cell.result is None)
    hosts = sorted({one.host for cell in cells for one in cell.attempts if one.live})
    more = len(hosts) - _MOST_NAMED
    return ", ".join(hosts[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _unstopped(state: StudyState) -> Sequence[str]:
    return [f"{cell} on {one.host}" for cell, one in state.unstopped]


def _not_stopped(directory: Path, left: Sequence[str]) -> str:
    return (
        f"May still run: {', '.join(left)}. To stop them once the cluster has their hosts: aging stop {directory}; to "
        f"continue: aging resume {directory}"
    )


@contextlib.asynccontextmanager
async def _connected(connect: Connect, address: str) -> AsyncIterator[ClosableFleet]:
    fleet = await connect(address)
    try:
        yield fleet
    finally:
        await fleet.close()


async def _run(  # noqa: PLR0913 - a study, where it runs and how
    layout: StudyLayout, plan: StudyPlan, fleet: Fleet, address: str, *, console: Console, stopping: bool = False
) -> StudyRun:
    """Run the head in this process until the study ends."""
    with (
        contextlib.closing(Lock.take(layout.root, "study")) as lock,
        contextlib.closing(Ledger(layout.ledger)) as ledger,
    ):
        folded = Fold()
        with ledger.alone():  # a job that begins now sees that the study is run on a cluster, or is seen
            for event in read_ledger(layout.ledger):
                folded.add(event)
            _refuse_jobs(layout.root, folded.state)
            folded.add(ledger.record(StudyStarted(pid=lock.owner.pid, cluster=address)))
        table_ = plan.file.hosts
        cells = in_order(plan.cells, plan.file.seed)
        rules = Plan(cells, table_, plan.file.attempts, plan.file.patience, plan.file.seed)

        tell = _teller(console)
        head = Head(Subject(plan.id, rules, plan.files), layout, fleet, ledger=ledger, folded=folded, tell=tell)
        if stopping:
            head.stop()
        viewing = asyncio.create_task(_view(head, plan, lock.owner.pid, console))
        with _interrupts(head, tell):
            try:
                outcome = await head.run()
            finally:
                await cancel_all([viewing])
        account = accounting(plan.file.name, plan.cells, head.state, time.time(), hosts=plan.file.hosts)
        return StudyRun(outcome, layout, account, address, _unstopped(head.state))


@contextlib.contextmanager
def _interrupts(head: Head, tell: Callable[[str], None]) -> Iterator[None]:
    """Ctrl-C or SIGTERM stops the cells in order; Ctrl-C while they stop ends this process and lets them go on."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if not head.stopping:
            tell("Stopping every cell: it drains, is sealed and collected. Ctrl-C again ends this process at once.")
            head.stop()

    def interrupted() -> None:
        if head.stopping:
            head.abandon()
        else:
            stop()

    loop.add_signal_handler(signal.SIGINT, interrupted)
    loop.add_signal_handler(signal.SIGTERM, stop)
    try:
        yield
    finally:
        for one in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(one)


async def _view(head: Head, plan: StudyPlan, pid: int, console: Console) -> None:
    """Show the cells: a table on a terminal, else some lines now and then, beside what happens."""

    def account() -> Accounting:
        return accounting(plan.file.name, plan.cells, head.state, time.time(), pid, hosts=plan.file.hosts)

    if not console.is_terminal:
        async for _ in ticks(_PLAIN_SECONDS, time.monotonic() + _PLAIN_SECONDS):
            for line in lines(account()):
                console.print(line, highlight=False, markup=False, soft_wrap=True)
    with Live(console=console, auto_refresh=False, transient=True) as live:  # its last state is printed at the end
        async for _ in ticks(_REFRESH_SECONDS, time.monotonic()):
            live.update(table(account()), refresh=True)


def _teller(console: Console) -> Callable[[str], None]:
    def tell(line: str) -> None:
        console.print(line, highlight=False, markup=False, soft_wrap=True)

    return tell


def _concluded(run: StudyRun, console: Console, *, stopping: bool = False) -> StudyRun:
    """Analyze what is here, in a process of its own, and print where it is.

    ``stopping``: the caller says what could not be stopped.
    """

    say = _teller(console)
    for line in lines(run.account):
        say(line)
    if any(row.status == "counted" for row in run.account.rows):
        check_unchanged(f"The results are here; to have their findings: aging analyze {run.layout.root}")
        written: Any = asyncio.run(call(_ANALYSIS, str(run.layout.root), shown=True))
        unread = _show_findings(run, console)
        for name, path in written.items():
            say(f"{name}: {path}")
        for line in unread:
            say(line)
        if unread and run.outcome == "completed":
            run = replace(run, outcome="incomplete")
        if (store := store_of(read_plan(run.layout).file, run.layout)) is not None:
            send(store, run.layout.root, say)
    if run.unstopped and not stopping:
        say(_not_stopped(run.layout.root, run.unstopped))
    elif run.account.missing and not run.unstopped:
        say(f"To continue: aging resume {run.layout.root}")
    return run


def _show_findings(run: StudyRun, console: Console) -> list[str]:
    """Print what was found; the result of which cells could not be analyzed, a line each."""
    from aging.findings.study.file import read_study_findings  # noqa: PLC0415 - after the study, not beside it
    from aging.report.study.findings_text import show  # noqa: PLC0415 - as above

    findings = read_study_findings(run.layout.findings)
    if findings is None:
        return []
    show(findings, run.account, console)
    unread = [one for one in findings.cells if one.status == "no_findings"]
    again = f"Mend it, then: aging analyze {run.layout.root}"
    whys = {one.cell: (one.why or one.status).rstrip(".") for one in unread}
    return [f"{cell} has a result that cannot be analyzed: {why}. {again}" for cell, why in whys.items()]
