"""Conversations: which request is a turn of which, and the messages before it.

The arrivals stay as they are: a request that is to be a turn continues the conversation that
has waited longest, if one has waited for its time to think, and else begins one. Only
conversations that continue are kept, so that memory does not grow.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from aging.campaign.schema import Sessions


class Message(NamedTuple):
    """A user's message and its answer, in tokens; ``shared`` of them are those of the blocks ``prefix``."""

    tokens: int
    prefix: tuple[int, ...]
    shared: int
    answer: int


class Turn(NamedTuple):
    """Fields of a planned request: its conversation (−1: none), the turn, its prompt, and the messages before."""

    session: int
    turn: int
    prompt_tokens: int
    prefix: tuple[int, ...]
    shared: int
    history: tuple[int, ...]


class _Waiting(NamedTuple):
    ready: int
    last: Turn
    answer: int


class Conversations:
    """Assigns the requests of one class, in their order."""

    def __init__(self, options: Sessions) -> None:
        self._turns, self._think = options.turns, round(options.think * 1_000_000_000)
        self._most = options.max_tokens
        self._waiting: deque[_Waiting] = deque()
        self._begun = 0

    def turn(self, at: int, message: Message) -> Turn:
        """The turn that ``message`` is, at ``at`` nanoseconds. A conversation keeps the prefix that it began with."""
        turn = self._continued(at, message) or self._first(message)
        if turn.turn + 1 < self._turns:
            self._waiting.append(_Waiting(at + self._think, turn, message.answer))
        return turn

    def _first(self, message: Message) -> Turn:
        self._begun += 1
        return Turn(self._begun - 1, 0, message.tokens, message.prefix, message.shared, ())

    def _continued(self, at: int, message: Message) -> Turn | None:
        while self._waiting and self._waiting[0].ready <= at:
            _, last, answer = self._waiting.popleft()
            said = last.prompt_tokens + answer
            if self._most is None or said + message.tokens + message.answer <= self._most:
                history = (*last.history, last.prompt_tokens - sum(last.history), answer)
                prompt = said + message.tokens
                return last._replace(turn=last.turn + 1, prompt_tokens=prompt, history=history)
        return None
