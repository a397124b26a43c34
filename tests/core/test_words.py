"""The vocabulary: equal on every machine, usable for prompts and for a tokenizer."""

from __future__ import annotations

import hashlib
import re

from aging.core.words import WORDS, text


def test_words_are_distinct() -> None:
    assert len(set(WORDS)) == len(WORDS) == 1024
    syllables = re.compile(r"(?:[bdfgklmnprstvz][aeiou])+[bdfgklmnprstvz]?")
    assert all(3 <= len(word) <= 7 and syllables.fullmatch(word) for word in WORDS)


def test_words_are_stable() -> None:
    """Prompts, the schedule hash and the names of models depend on every word."""
    assert WORDS[:5] == ("rad", "kedo", "zedot", "pidofo", "godonil")
    assert hashlib.sha256(" ".join(WORDS).encode()).hexdigest()[:16] == "98a8563d24c969fe"


def test_text_has_leading_spaces() -> None:
    assert text(WORDS[:3]) == " rad kedo zedot"
    assert len(text(WORDS).split()) == len(WORDS)
    assert text(()) == ""
