"""The corpus: the same words everywhere, fit for prompts and for a tokenizer."""

from __future__ import annotations

import hashlib
import re

from aging.core.words import WORDS, text


def test_there_are_1024_distinct_pronounceable_words() -> None:
    assert len(set(WORDS)) == len(WORDS) == 1024
    syllables = re.compile(r"(?:[bdfgklmnprstvz][aeiou])+[bdfgklmnprstvz]?")
    assert all(3 <= len(word) <= 7 and syllables.fullmatch(word) for word in WORDS)


def test_the_words_are_the_same_everywhere() -> None:
    """Prompts, and so the schedule's hash and the models' names, depend on every one of them."""
    assert WORDS[:5] == ("rad", "kedo", "zedot", "pidofo", "godonil")
    assert hashlib.sha256(" ".join(WORDS).encode()).hexdigest()[:16] == "98a8563d24c969fe"


def test_a_prompt_has_a_space_before_each_word() -> None:
    assert text(WORDS[:3]) == " rad kedo zedot"
    assert len(text(WORDS).split()) == len(WORDS)
    assert text(()) == ""
