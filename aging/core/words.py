"""A small language of our own: pronounceable words for prompts, made on the spot and the same everywhere.

Nothing has to be downloaded, and a tokenizer can be built (``aging.deployments.models.gguf``)
for which one word is one token, so that a prompt of n words is n tokens.
"""

from __future__ import annotations

from collections.abc import Iterable

_CONSONANTS = "bdfgklmnprstvz"
_VOWELS = "aeiou"
_SHORTEST, _LONGEST = 3, 7
_STRIDE = 7919
"""A prime that divides no number of patterns: stepping by it meets every pattern before any comes twice."""


def _pattern(number: int, length: int) -> str:
    """The ``number``-th word of ``length`` letters, consonants and vowels in turn."""
    letters = []
    for position in range(length):
        alphabet = _VOWELS if position % 2 else _CONSONANTS
        number, index = divmod(number, len(alphabet))
        letters.append(alphabet[index])
    return "".join(letters)


def _patterns(length: int) -> int:
    vowels = length // 2
    return int(len(_CONSONANTS) ** (length - vowels) * len(_VOWELS) ** vowels)


def _word(index: int) -> str:
    turn, extra = divmod(index, _LONGEST - _SHORTEST + 1)
    length = _SHORTEST + extra
    start = 1 + 211 * extra  # or the words of one turn would all begin alike
    return _pattern((start + turn) * _STRIDE % _patterns(length), length)


WORDS: tuple[str, ...] = tuple(_word(index) for index in range(1024))
"""1,024 distinct lowercase words of three to seven letters, the lengths in turn."""


def text(words: Iterable[str]) -> str:
    """A prompt of these words, a space before each: the tokenizer's words begin with their space."""
    return "".join(f" {word}" for word in words)
