"""The words of a request, drawn from the seed when needed: the same on every machine.

Words are named, and a name's words are always the same: those of a shared block, of a
message of a conversation, or of a request that stands alone. They come from SHAKE-128 of the
name, so that any of them can be made without those before; 2¹⁰ words take ten bits each.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import shake_128

import numpy as np

from aging.core.words import WORDS, text
from aging.load.schedule.planned_request import BLOCK_TOKENS, CLASS_STRIDE, PlannedRequest

_SPACED = np.array([text((word,)) for word in WORDS], dtype=object)


def messages(request: PlannedRequest, seed: int) -> tuple[str, ...]:
    """The conversation so far, user and assistant in turn, the user's newest message last.

    The words are the corpus's, one token each with a model of :mod:`aging.deployments.models.gguf`; together they are
    ``request.prompt_tokens``. The assistant's messages are invented: no answer is waited for.
    """
    home = f"{seed}/{request.load_class}"
    lengths = (*request.history, request.prompt_tokens - sum(request.history))
    if request.session < 0:
        own = f"{home}/words/{request.number % CLASS_STRIDE}"
        return (_blocks(request, home) + words(own, lengths[0] - request.shared),)
    said = [f"{home}/session/{request.session}/{turn}" for turn in range(len(lengths))]
    first = _blocks(request, home) + words(said[0], lengths[0] - request.shared)
    return (first, *(words(name, length) for name, length in zip(said[1:], lengths[1:], strict=True)))


def words(name: str, count: int) -> str:
    """The first ``count`` words of this name, a space before each."""
    drawn = np.frombuffer(shake_128(name.encode()).digest(2 * count), dtype="<u2") & 1023
    return "".join(_SPACED[drawn].tolist())


def _blocks(request: PlannedRequest, home: str) -> str:
    return "".join(_each_block(request, home)) if request.shared else ""


def _each_block(request: PlannedRequest, home: str) -> Iterator[str]:
    left = request.shared
    for block in request.prefix:
        yield words(f"{home}/block/{block}", min(left, BLOCK_TOKENS))
        left -= BLOCK_TOKENS
        if left <= 0:
            return
