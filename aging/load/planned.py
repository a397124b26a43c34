"""What the schedule says of one request: the value that travels from the generators to the client."""

from __future__ import annotations

from typing import NamedTuple


class PlannedRequest(NamedTuple):
    """One request of the schedule.

    ``at`` is seconds from the start of load. ``load_class`` names the class it belongs
    to (empty: the load has only one). ``options`` are what it asks for beyond a plain
    completion, ``fault`` how it is impolite (empty: it is not). Its prompt begins with
    the shared blocks ``prefix``, if any; ``session`` and ``turn`` place it in a
    conversation (−1: it stands alone).
    """

    number: int
    at: float
    prompt_tokens: int
    output_tokens: int
    streaming: bool
    load_class: str = ""
    options: tuple[str, ...] = ()
    fault: str = ""
    prefix: tuple[int, ...] = ()
    session: int = -1
    turn: int = 0

    def line(self) -> str:
        """The request as the schedule hash sees it."""
        told = f"{self.number},{self.at:.6f},{self.prompt_tokens},{self.output_tokens},{int(self.streaming)}"
        more = (self.load_class, "+".join(self.options), self.fault, "+".join(map(str, self.prefix)))
        if any(more) or self.session >= 0:
            told += "," + ",".join((*more, str(self.session), str(self.turn)))
        return told + "\n"
