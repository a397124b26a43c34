"""One request of the schedule: the value that is passed from the generators to the client."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

Option = Literal["chat", "n", "logprobs", "stop", "structured", "long"]
"""Options of a request beyond a plain completion; it may have several."""

Fault = Literal["abort", "timeout", "disconnect", "probe", "oversized", "malformed", "not-found"]
"""How a request may be impolite: what real leaks come from. One at a time."""


CLASS_STRIDE = 10**12
"""Distance between the numbers of two classes: a class keeps its numbers whatever the others do."""

BLOCK_TOKENS = 512
"""Length of a shared block, as in the traces that know such blocks."""


class PlannedRequest(NamedTuple):
    """One request of the schedule.

    ``number`` counts the requests of its class, from the class's position times
    :data:`CLASS_STRIDE`. ``at`` is seconds from the start of load, ``prompt_tokens`` the whole prompt. ``load_class``
    names the class it belongs to (empty: the load has only one). ``options`` are its extras beyond a plain
    completion, ``fault`` how it is impolite (empty: it is not). The first ``shared`` tokens of its prompt are those of
    the blocks ``prefix``, :data:`BLOCK_TOKENS` each; ``session`` and ``turn`` place it in a conversation (−1: it stands
    alone), of which ``history`` are the lengths of the earlier messages, the user's and the assistant's in turn.
    ``priority`` is sent to engines that schedule by it (lower is served first; 0: not sent). ``written`` is the place
    of a plain request among those that the load has written out (−1: a completion).
    """

    number: int
    at: float
    prompt_tokens: int
    output_tokens: int
    streaming: bool
    load_class: str = ""
    options: tuple[Option, ...] = ()
    fault: Fault | Literal[""] = ""
    prefix: tuple[int, ...] = ()
    session: int = -1
    turn: int = 0
    priority: int = 0
    shared: int = 0
    history: tuple[int, ...] = ()
    written: int = -1

    def line(self) -> str:
        """The request as the schedule hash sees it."""
        line = f"{self.number},{self.at:.9f},{self.prompt_tokens},{self.output_tokens},{int(self.streaming)}"
        if self[5:] != _PLAIN:
            prefix, history = ("+".join(map(str, each)) for each in (self.prefix, self.history))
            more = (self.load_class, "+".join(self.options), self.fault, prefix, self.session, self.turn)
            line += "," + ",".join(map(str, (*more, self.priority, self.shared, history)))
        if self.written >= 0:
            line += f",{self.written}"
        return line + "\n"


_PLAIN = PlannedRequest(0, 0.0, 0, 0, False)[5:]


@dataclass(frozen=True, slots=True)
class ClosedLoop:
    """Requests that are sent as places come free: ``concurrency`` at a time, ``think`` seconds after an answer.

    A request's ``at`` is the earliest it may be sent. While ``yields_above`` or more requests of the open loop are in
    flight, no request is sent: work for the troughs of other load (None: it never yields).
    """

    requests: Iterator[PlannedRequest]
    concurrency: int
    think: float = 0.0
    yields_above: int | None = None
