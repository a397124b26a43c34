"""An artificial vocabulary of pronounceable words for prompts, generated at import and equal on every machine.

It requires no download, and ``aging.deployments.models.gguf`` makes a tokenizer with one token per word, so that a
prompt of n words has n tokens.
"""

from __future__ import annotations

from collections.abc import Iterable

_CONSONANTS = "bdfgklmnprstvz"
_VOWELS = "aeiou"
_SHORTEST, _LONGEST = 3, 7
_STRIDE = 7919
"""A prime that divides no number of patterns, so that steps of this size visit every pattern once."""


def _pattern(number: int, length: int) -> str:
    """The ``number``-th word of ``length`` letters, alternating consonants and vowels."""
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
    start = 1 + 211 * extra  # otherwise the words of one turn would have equal beginnings
    return _pattern((start + turn) * _STRIDE % _patterns(length), length)


WORDS: tuple[str, ...] = tuple(_word(index) for index in range(1024))
"""1,024 distinct lower-case words of three to seven letters, in turn."""


def text(words: Iterable[str]) -> str:
    """A prompt of these words, each after a space, as the tokenizer expects."""
    return "".join(f" {word}" for word in words)
