"""The words of a request: made on the spot from the seed, the same on every machine."""

from __future__ import annotations

from random import Random

from aging.load.corpus import WORDS, text
from aging.load.planned import PlannedRequest


def messages(request: PlannedRequest, seed: int) -> tuple[str, ...]:
    """The conversation so far, user and assistant in turn, the user's newest message last.

    The words are the corpus's, one token each with a model of :mod:`aging.weights`.
    """
    words = Random(f"{seed}/words/{request.number}")
    return (text(words.choices(WORDS, k=request.prompt_tokens)),)
