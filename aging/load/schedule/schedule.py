"""The schedule: which request is due when, and what it asks. Pure, streamed, and equal for equal seeds.

Every aspect of every class (arrivals, lengths, streaming, options, faults, prompts) draws from a
separate generator, seeded by name, so that changing one leaves the others as they were.
Arrivals are drawn some thousands at a time; times are whole nanoseconds.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import count, islice, repeat
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from aging.campaign.schema import FaultShares, OptionShares, SharedPrefix
from aging.core.errors import require
from aging.load.arrivals.base import Arrived
from aging.load.lengths.base import Tokens
from aging.load.requests.written import WrittenRequest
from aging.load.schedule.arrival_times import SECOND, Times
from aging.load.schedule.classes import LoadClass
from aging.load.schedule.conversations import Conversations, Message, Turn
from aging.load.schedule.planned_request import BLOCK_TOKENS, CLASS_STRIDE, ClosedLoop, Fault, Option, PlannedRequest
from aging.load.schedule.rng import Draws

FAILED = "failed"
"""Class of a trace's failures where they are replayed."""

_OPTIONS: tuple[Option, ...] = get_args(Option)
_FAULTS: tuple[Fault, ...] = get_args(Fault)
_planned: Any = partial(tuple.__new__, PlannedRequest)  # a tenth of what PlannedRequest(…) takes


def merged(classes: Sequence[LoadClass], seed: int, duration: float) -> Iterator[PlannedRequest]:
    """Every request of the open loops that arrives before ``duration`` seconds, in order of time."""
    streams = [schedule(each, seed, duration) for each in classes if each.arrivals.places() is None]
    # Of two that are due together the earlier class's comes first: its numbers are the lower ones.
    return streams[0] if len(streams) == 1 else heapq.merge(*streams, key=lambda request: request[1::-1])


def closed_loops(classes: Iterable[LoadClass], seed: int, first: int = 0, after: float = 0.0) -> tuple[ClosedLoop, ...]:
    """The closed loops, each with its endless requests.

    ``first`` is the ordinal of the first request; none is due earlier than ``after`` seconds.
    """
    loops = []
    for each in classes:
        if (places := each.arrivals.places()) is not None:
            requests = schedule(each, seed, float("inf"))
            if first:
                requests = (one._replace(number=one.number + first, at=one.at + after) for one in requests)
            loops.append(ClosedLoop(requests, places.concurrency, places.think, places.yields_above))
    return tuple(loops)


def written_of(classes: Iterable[LoadClass]) -> tuple[WrittenRequest, ...]:
    """The plain requests of all classes, by their places."""
    return tuple(request for each in classes for request in each.written)


def class_draws(load_class: LoadClass, seed: int) -> Draws:
    """The generator that all those of a class are parts of."""
    return Draws(f"{seed}/{load_class.name}")


def schedule(load_class: LoadClass, seed: int, duration: float) -> Iterator[PlannedRequest]:
    """Every request of one class that arrives before ``duration`` seconds, in order."""
    draws = class_draws(load_class, seed)
    columns = _Columns(load_class, draws)
    end, number = duration * SECOND, load_class.position * CLASS_STRIDE
    for arrived in load_class.arrivals.arrived(draws.of("arrivals")):
        size = arrived.times.size
        if size == 0:
            continue
        due = size if arrived.times[-1] < end else int(np.searchsorted(arrived.times, end))
        requests = map(_planned, zip(count(number), *columns.of(arrived), strict=False))
        yield from islice(requests, due)
        if due < size:
            return
        number += size


class _Columns:
    """Draws the requests of one class in chunks: the fields of ``PlannedRequest`` except the number."""

    def __init__(self, load_class: LoadClass, draws: Draws) -> None:
        self._class = load_class
        self._prompt, self._output = draws.of("prompt"), draws.of("output")
        self._streaming, self._in_session = draws.of("streaming"), draws.of("sessions")
        self._options = _Options(load_class.options, draws.of("options"))
        self._faults = _Faults(load_class.faults, draws.of("faults"))
        shared, sessions = load_class.prompts.shared_prefix, load_class.prompts.sessions
        self._shared = None if shared is None else _Prefixes(shared, draws.of("prefixes"))
        self._sessions = None if sessions is None else Conversations(sessions)
        self._session_share = 0.0 if sessions is None else sessions.share
        self._written = _Written(load_class, draws.of("requests")) if load_class.written else None

    def of(self, arrived: Arrived) -> tuple[Iterable[Any], ...]:
        one, times, traced = self._class, arrived.times, arrived.traced
        size = times.size
        if self._written is not None:
            return self._of_written(self._written, times)
        options, is_long = self._options.next(size)
        prompt, output = require(one.prompt_tokens, "prompt_tokens"), require(one.output_tokens, "output_tokens")
        prompts = prompt.tokens(self._prompt, size, None if traced is None else traced.prompt_tokens)
        if is_long is not None:
            prompts = np.where(is_long, prompt.options.longest, prompts)
        outputs = output.tokens(self._output, size, None if traced is None else traced.output_tokens)
        streaming = self._streaming.uniform(size) < one.streaming_share
        names: Iterable[str] = repeat(one.name)
        prefixes: Iterable[tuple[int, ...]] = repeat(())
        sessions: Iterable[int] = repeat(-1)
        turns: Iterable[int] = repeat(0)
        shared: Iterable[int] = repeat(0)
        histories: Iterable[tuple[int, ...]] = repeat(())
        if traced is not None:
            sessions, prefixes = traced.sessions, traced.blocks
            shared = [min(BLOCK_TOKENS * len(ids), n) for ids, n in zip(prefixes, prompts.tolist(), strict=True)]
            if traced.failed.any():
                failed = f"{one.name}-{FAILED}" if one.name else FAILED
                names = [failed if each else one.name for each in traced.failed.tolist()]
        elif self._shared is not None:
            prefixes, shared = self._shared.next(prompts)
        whole: Iterable[int] = prompts.tolist()
        if self._sessions is not None:
            alone = list(zip(prompts.tolist(), islice(prefixes, size), islice(shared, size), strict=True))
            sessions, turns, whole, prefixes, shared, histories = self._in_sessions(times, outputs, alone)
        return (
            (times / SECOND).tolist(),
            whole,
            outputs.tolist(),
            streaming.tolist(),
            names,
            options,
            self._faults.next(size),
            prefixes,
            sessions,
            turns,
            repeat(one.priority),
            shared,
            histories,
            repeat(-1),
        )

    def _of_written(self, written: _Written, times: Times) -> tuple[Iterable[Any], ...]:
        """The columns of plain requests. Their answers are read as they come, like streams."""
        one = self._class
        return (
            (times / SECOND).tolist(),
            repeat(0),
            repeat(0),
            repeat(True),
            repeat(one.name),
            repeat(()),
            self._faults.next(times.size),
            repeat(()),
            repeat(-1),
            repeat(0),
            repeat(0),
            repeat(0),
            repeat(()),
            written.next(times.size),
        )

    def _in_sessions(
        self, times: Times, outputs: Tokens, alone: list[tuple[int, tuple[int, ...], int]]
    ) -> Iterator[tuple[Any, ...]]:
        """The columns of these requests, some of them turns of conversations; ``alone`` has those without any."""
        sessions = require(self._sessions, "a table of conversations")
        turns = [Turn(-1, 0, *each, ()) for each in alone]
        (talking,) = np.nonzero(self._in_session.uniform(times.size) < self._session_share)
        for k in talking.tolist():
            turns[k] = sessions.turn(int(times[k]), Message(*alone[k], int(outputs[k])))
        return zip(*turns, strict=True)


class _Written:
    """Which of the plain requests of a class is sent: by their weights."""

    def __init__(self, load_class: LoadClass, draws: Draws) -> None:
        weights = np.cumsum([request.weight for request in load_class.written])
        self._draws, self._bounds, self._first = draws, weights[:-1] / weights[-1], load_class.first_written

    def next(self, size: int) -> Iterable[int]:
        places: list[int] = np.searchsorted(self._bounds, self._draws.uniform(size), side="right").tolist()
        return (self._first + place for place in places)


class _Options:
    """What requests ask for, each option by a separate generator."""

    def __init__(self, shares: OptionShares, draws: Draws) -> None:
        self._drawn = {name: (draws.of(name), share) for name in _OPTIONS if (share := getattr(shares, name))}
        names = list(self._drawn)
        self._sets = [
            tuple(name for bit, name in enumerate(names) if code >> bit & 1) for code in range(1 << len(names))
        ]

    def next(self, size: int) -> tuple[Iterable[tuple[Option, ...]], NDArray[np.bool_] | None]:
        """The options of the next requests, and which of their prompts are long (None: none)."""
        if not self._drawn:
            return repeat(()), None
        code, is_long = np.zeros(size, dtype=np.int64), None
        for bit, (name, (draws, share)) in enumerate(self._drawn.items()):
            chosen = draws.uniform(size) < share
            code |= chosen.astype(np.int64) << bit
            is_long = chosen if name == "long" else is_long
        return [self._sets[each] for each in code.tolist()], is_long


class _Faults:
    """How requests are impolite, in one way each."""

    def __init__(self, shares: FaultShares, draws: Draws) -> None:
        self._draws = draws
        self._bounds = np.cumsum([getattr(shares, name.replace("-", "_")) for name in _FAULTS])

    def next(self, size: int) -> Iterable[Fault | Literal[""]]:
        if not self._bounds[-1]:
            return repeat("")
        names: tuple[Fault | Literal[""], ...] = (*_FAULTS, "")
        kinds = np.searchsorted(self._bounds, self._draws.uniform(size), side="right")
        return [names[kind] for kind in kinds.tolist()]


class _Prefixes:
    """Which prompts begin with which shared prefix. Their blocks have numbers below 0: those of traces have not."""

    def __init__(self, shared: SharedPrefix, draws: Draws) -> None:
        self._options, self._who, self._which = shared, draws.of("who"), draws.of("which")
        self._blocks = -(-shared.tokens // BLOCK_TOKENS)

    def next(self, prompts: Tokens) -> tuple[list[tuple[int, ...]], list[int]]:
        """The blocks that the next prompts begin with, and how many tokens of them: all but the prompt's last one."""
        o = self._options
        which = (self._which.uniform(prompts.size) * o.count).astype(np.int64)
        shared = np.where(self._who.uniform(prompts.size) < o.share, np.minimum(o.tokens, prompts - 1), 0)
        prefixes = [
            tuple(range(-1 - prefix * self._blocks, -1 - (prefix + 1) * self._blocks, -1)) if some else ()
            for prefix, some in zip(which.tolist(), shared.tolist(), strict=True)
        ]
        return prefixes, shared.tolist()


HASHED = 100_000
"""Requests of a schedule that its hash covers: they follow from the same generators as all later ones."""

_HASHED_OF_LOOP = 1000


class ScheduleHash:
    """SHA-256 over the first requests of a schedule; equal hashes mean equal loads.

    Those of closed loops are covered from the start, since the server determines when they are sent; the open
    loop's are added as they come. Plain requests are covered with their bodies.
    """

    def __init__(self, closed: Iterable[ClosedLoop] = (), written: Iterable[WrittenRequest] = ()) -> None:
        self._digest = hashlib.sha256()
        self.requests = 0
        for request in written:
            self._digest.update(request.line().encode())
        for loop in closed:
            self._digest.update(f"closed,{loop.concurrency},{loop.think},{loop.yields_above}\n".encode())
            for planned in islice(loop.requests, _HASHED_OF_LOOP):
                self._digest.update(planned.line().encode())

    def add(self, request: PlannedRequest) -> None:
        self.requests += 1
        if self.requests <= HASHED:
            self._digest.update(request.line().encode())

    def __str__(self) -> str:
        return self._digest.hexdigest()


def schedule_hash(classes: Sequence[LoadClass], seed: int, duration: float) -> str:
    """The hash of a load, drawn as far as the hash covers."""
    digest = ScheduleHash(closed_loops(classes, seed), written_of(classes))
    for request in islice(merged(classes, seed, duration), HASHED):
        digest.add(request)
    return str(digest)
