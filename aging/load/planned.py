"""What the schedule says of one request: the value that travels from the generators to the client."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

Option = Literal["chat", "n", "logprobs", "stop", "structured", "long"]
"""What a request may ask for beyond a plain completion; several at once."""

Fault = Literal["abort", "timeout", "disconnect", "probe", "oversized", "malformed", "not-found"]
"""How a request may be impolite: what real leaks come from. One at a time."""


class PlannedRequest(NamedTuple):
    """One request of the schedule.

    ``at`` is seconds from the start of load. ``load_class`` names the class it belongs
    to (empty: the load has only one). ``options`` are what it asks for beyond a plain
    completion, ``fault`` how it is impolite (empty: it is not). Its prompt begins with
    the shared blocks ``prefix``, if any; ``session`` and ``turn`` place it in a
    conversation (−1: it stands alone). ``priority`` is told to engines that schedule
    by it (lower is served first; 0: not told).
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

    def line(self) -> str:
        """The request as the schedule hash sees it."""
        told = f"{self.number},{self.at:.6f},{self.prompt_tokens},{self.output_tokens},{int(self.streaming)}"
        more = (self.load_class, "+".join(self.options), self.fault, "+".join(map(str, self.prefix)))
        if any(more) or self.session >= 0 or self.priority:
            told += "," + ",".join((*more, str(self.session), str(self.turn), str(self.priority)))
        return told + "\n"


@dataclass(frozen=True, slots=True)
class ClosedLoop:
    """Requests that are sent as places come free: ``concurrency`` at a time, ``think`` seconds after an answer.

    A request's ``at`` is the earliest it may be sent. While ``yields_above`` or more requests of the open loop are in
    flight, none is sent: work that is done in the troughs of other load (None: it never yields).
    """

    requests: Iterator[PlannedRequest]
    concurrency: int
    think: float = 0.0
    yields_above: int | None = None
