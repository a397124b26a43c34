"""What a cluster holds for attempts, with what their hosts say of them; and giving it back.

Of a study whose process and folder are gone, the cluster alone still knows which hosts it has.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from aging.core.errors import AgingError, InconclusiveError, InputError
from aging.study.fleet import AttemptKey, Fleet, Held, Look, Node

_STOP_SECONDS = 5.0
"""Between two calls that stop an attempt. A runner that drains is not interrupted again."""


@dataclass(frozen=True, slots=True)
class Holding:
    """A reservation. ``look`` is its attempt as the host has it, None where ``why`` says why that is not known.

    ``gone``: the host is not in the cluster.
    """

    held: Held
    look: Look | None = None
    why: str | None = None
    gone: bool = False

    @property
    def runs(self) -> bool:
        """Whether a runner of the attempt is alive, as far as its host can be asked."""
        return self.look is not None and self.look.state == "running"


class RunningError(AgingError):
    """Reservations that are not given back: their study is run, or runners of it are alive."""


def run_by(found: Sequence[Holding]) -> Sequence[str]:
    """The processes that run the studies of these reservations: ``process 71 on 10.0.0.9``."""
    ends = {(one.held.run_from, one.held.pid) for one in found if one.held.run_from is not None}
    return sorted(f"{'a process' if pid is None else f'process {pid}'} on {host}" for host, pid in ends)


async def holdings(fleet: Fleet, study: str | None = None) -> Sequence[Holding]:
    """What is reserved for attempts of a study, by default of all. Raises HostLostError without a cluster."""
    found = [one for one in await fleet.reservations() if study is None or one.key.study == study]
    nodes = {one.host: one for one in await fleet.nodes() if one.alive}
    return await asyncio.gather(*(_holding(fleet, one, nodes.get(one.host)) for one in found))


async def _holding(fleet: Fleet, held: Held, node: Node | None) -> Holding:
    if node is None:
        return Holding(held, why=f"host {held.host or 'unknown'} is not in the cluster", gone=True)
    if not held.scratch:
        return Holding(held, why="the release of aging that reserved it did not note its folder")
    try:
        (look,) = await fleet.look(node, [held.key], held.scratch)
    except AgingError as error:
        return Holding(held, why=str(error))
    return Holding(held, look)


async def give_back(fleet: Fleet, study: str, keep: Collection[AttemptKey] = ()) -> None:
    """Give back what is reserved for attempts of a study that do not run, but for those to ``keep``.

    One whose host does not answer is kept: it may run. So is one that another process holds, which runs the study now.
    Raises HostLostError without a cluster.
    """
    for one in await holdings(fleet, study):
        if one.held.pid not in (None, os.getpid()) or one.held.key in keep:
            continue
        if one.look is not None and not one.runs:
            await fleet.release(one.held.key)


async def free(fleet: Fleet, given: str, *, drain: bool, tell: Callable[[str], None]) -> None:
    """Give back all that is reserved for the study ``given`` as NAME/START, which no process runs any more.

    ``drain``: its attempts that run are stopped first, and their files stay on their hosts. A host that left the
    cluster cannot be asked, and holds nothing.

    Raises InputError where no such study holds anything, RunningError where a process runs it or, without ``drain``,
    where a runner of it is alive, and InconclusiveError where a host does not say whether one is. Nothing is given back
    then.
    """
    found = await _of_one_study(fleet, given)
    study = found[0].held.key.study
    if where := run_by(found):
        raise RunningError(
            f"--study {given}: {' and '.join(where)} runs it; stop it there: aging stop STUDYDIR. Where that folder is "
            "gone, its process ends by itself within seconds; one that does not is to be ended there (kill PID). Then "
            "give this command again"
        )
    if unknown := [one for one in found if one.look is None and not one.gone]:
        listed = "; ".join(f"{one.held.key} on {one.held.host}: {one.why}" for one in unknown)
        raise InconclusiveError(
            f"--study {given}: whether a runner of it is alive is not known, so nothing is given back ({listed}). "
            "Try again once the host answers"
        )
    if (running := [one for one in found if one.runs]) and not drain:
        listed = "; ".join(f"{one.held.key} on {one.held.host}{_pid(one)}" for one in running)
        raise RunningError(
            f"--study {given}: runners of it are alive ({listed}). Where its folder is: aging stop STUDYDIR, which "
            "also collects their files, or aging resume STUDYDIR, which goes on. To stop them and leave their files on "
            "the hosts, add --drain"
        )
    nodes = {one.host: one for one in await fleet.nodes() if one.alive}
    ends = [_free(fleet, one, nodes.get(one.held.host), tell) for one in found]
    outcomes = await asyncio.gather(*ends, return_exceptions=True)
    for error in outcomes:
        if isinstance(error, BaseException):
            raise error
    tell(f"{len(found)} of {len(found)} reservations of {study} are given back.")


async def _of_one_study(fleet: Fleet, given: str) -> Sequence[Holding]:
    """The reservations of the study of that id, or of that name and start."""
    held = [one.key.study for one in await fleet.reservations()]
    ids = sorted(set(held))
    matching = [one for one in ids if one == given] or [one for one in ids if one.startswith(f"{given}-")]
    if len(matching) == 1:
        return await holdings(fleet, matching[0])
    if matching:
        raise InputError(f"--study {given}: {len(matching)} studies begin so; name one: {', '.join(matching)}")
    others = f"these do: {', '.join(ids)}" if ids else "no study does"
    raise InputError(f"--study {given}: holds nothing on this cluster; {others}")


async def _free(fleet: Fleet, one: Holding, node: Node | None, tell: Callable[[str], None]) -> None:
    held, look = one.held, one.look
    if node is not None and look is not None and look.state in ("running", "abandoned"):
        look = await _stopped(fleet, node, held, tell)
    await fleet.release(held.key)
    left = ""
    if look is None:
        left = f"; {one.why}, so a runner there may still be alive: it then keeps its host to itself until it ends"
    elif look.directory is not None:
        left = f"; its attempt is {look.state}, its files stay there in {look.directory}"
    tell(f"{held.key}: {held.host or 'a host'} is given back{left}")


async def _stopped(fleet: Fleet, node: Node, held: Held, tell: Callable[[str], None]) -> Look:
    """Stop an attempt as one Ctrl-C would, and wait for its end. Raises HostLostError where its host is lost."""
    scratch = held.scratch or ""
    tell(f"{held.key}: stopping it on {held.host}; it drains and is sealed")
    look = await fleet.stop(node, held.key, scratch)
    while look.state == "running":
        await asyncio.sleep(_STOP_SECONDS)
        look = await fleet.stop(node, held.key, scratch)
    if look.state == "abandoned":
        raise InconclusiveError(f"{held.key}: what its runner left on {held.host} could not be ended: {look.why}")
    return look


def _pid(one: Holding) -> str:
    return "" if one.look is None or one.look.runner is None else f", process {one.look.runner}"
