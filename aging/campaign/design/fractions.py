"""Regular fractions of two-level designs: generators, defining relation, resolution.

Box, Hunter and Hunter, *Statistics for Experimenters* (2005), chapter 6; the fractions are those of NIST/SEMATECH,
*e-Handbook of Statistical Methods*, 5.3.3.4.7, and Montgomery, *Design and Analysis of Experiments*, table 8.14.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, product

LETTERS = "ABCDEFGHJKLMNOPQRSTUVWXYZ"
"""Letters of factors by position; I is left out since it denotes the identity."""

ROMAN = ("", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI")

_GENERATOR = re.compile(r"\s*([A-HJ-Z])\s*=\s*([A-HJ-Z]{2,})\s*")

_KNOWN: dict[int, tuple[str, ...]] = {  # by number of factors, fewest runs first
    3: ("C=AB",),
    4: ("D=ABC",),
    5: ("D=AB E=AC", "E=ABCD"),
    6: ("D=AB E=AC F=BC", "E=ABC F=BCD", "F=ABCDE"),
    7: ("D=AB E=AC F=BC G=ABC", "E=ABC F=BCD G=ACD", "F=ABCD G=ABDE", "G=ABCDEF"),
    8: ("E=BCD F=ACD G=ABC H=ABD", "F=ABC G=ABD H=BCDE", "G=ABCD H=ABEF", "H=ABCDEFG"),
    9: (
        "E=ABC F=BCD G=ACD H=ABD J=ABCD",
        "F=BCDE G=ACDE H=ABDE J=ABCE",
        "G=ABCD H=ACEF J=CDEF",
        "H=ACDFG J=BCEFG",
    ),
    10: (
        "E=ABC F=BCD G=ACD H=ABD J=ABCD K=AB",
        "F=ABCD G=ABCE H=ABDE J=ACDE K=BCDE",
        "G=BCDF H=ACDF J=ABDE K=ABCE",
        "H=ABCG J=BCDE K=ACDF",
    ),
    11: (
        "E=ABC F=BCD G=ACD H=ABD J=ABCD K=AB L=AC",
        "F=ABC G=BCD H=CDE J=ACD K=ADE L=BDE",
        "G=CDE H=ABCD J=ABF K=BDEF L=ADEF",
        "H=ABCG J=BCDE K=ACDF L=ABCDEFG",
    ),
}

MOST_FACTORS = max(_KNOWN)

Word = frozenset[str]
"""An effect, as the letters of its factors: the main effect A, the interaction ABC."""


@dataclass(frozen=True, slots=True)
class Fraction:
    """A regular 2^(k−p) fraction of ``factors`` two-level factors; a generator is a letter and its word."""

    factors: int
    generators: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        generators = ", ".join(f"{letter} = {word}" for letter, word in self.generators)
        return f"2^({self.factors}-{len(self.generators)}) of resolution {ROMAN[self.resolution]}, {generators}"

    @property
    def basic(self) -> str:
        """The letters of the factors without a generator."""
        generated = {letter for letter, _ in self.generators}
        return "".join(letter for letter in LETTERS[: self.factors] if letter not in generated)

    @property
    def runs(self) -> int:
        return 1 << len(self.basic)

    @property
    def defining_relation(self) -> frozenset[Word]:
        """Every word that equals the identity: the words of the generators and all their products."""
        words = [frozenset(letter) ^ frozenset(word) for letter, word in self.generators]
        relation: set[Word] = set()
        for count in range(1, len(words) + 1):
            for chosen in combinations(words, count):
                product_word: Word = frozenset()
                for word in chosen:
                    product_word ^= word
                relation.add(product_word)
        return frozenset(relation)

    @property
    def resolution(self) -> int:
        """Length of the shortest word of the defining relation."""
        return min(len(word) for word in self.defining_relation)

    def rows(self) -> tuple[tuple[int, ...], ...]:
        """Shape (runs, factors): the level −1 or +1 of each factor, in standard order (the first changes fastest)."""
        words = dict(self.generators)
        rows = []
        for signs in product((-1, 1), repeat=len(self.basic)):
            of = dict(zip(self.basic, reversed(signs), strict=True))
            rows.append(tuple(_product(of, words.get(letter, letter)) for letter in LETTERS[: self.factors]))
        return tuple(rows)


def _product(signs: dict[str, int], word: str) -> int:
    sign = 1
    for letter in word:
        sign *= signs[letter]
    return sign


def smallest_fraction(factors: int, resolution: int) -> Fraction:
    """The regular fraction with the fewest runs that has at least this resolution.

    Raises ValueError with the nearest alternative.
    """
    known = [_fraction(factors, text) for text in _KNOWN.get(factors, ())]
    for fraction in known:
        if fraction.resolution >= resolution:
            return fraction
    if factors > MOST_FACTORS:
        raise ValueError(f"fractions are tabulated for up to {MOST_FACTORS} factors, got {factors}; add `generators`")
    what = f"no fraction of {factors} two-level factors has resolution {resolution}"
    full = f'`kind = "full"`, {2**factors} runs'
    if not known:
        raise ValueError(f"{what}, or any other; use {full}")
    best = known[-1]
    raise ValueError(f"{what}; the highest is {best.resolution}, in {best.runs} runs; or use {full}")


def given_fraction(factors: int, generators: Sequence[str]) -> Fraction:
    """The fraction with these generators, each a text such as ``"D = ABC"``.

    Raises ValueError that names the wrong generator and the reason.
    """
    letters = LETTERS[:factors]
    pairs: dict[str, str] = {}
    for text in generators:
        match = _GENERATOR.fullmatch(text)
        if match is None:
            raise ValueError(f'{text!r} is not a generator; write a letter and its word, like "D = ABC"')
        letter, word = match[1], match[2]
        if unknown := sorted({*letter, *word} - {*letters}):
            raise ValueError(f"{text!r} names {', '.join(unknown)}; the {factors} factors are {letters}")
        if letter in pairs or letter in word or len({*word}) < len(word):
            raise ValueError(f"{text!r} names a letter twice")
        pairs[letter] = word
    for letter, word in pairs.items():
        if twice := sorted({*word} & {*pairs}):
            raise ValueError(f"{letter} = {word} uses {', '.join(twice)}, which is itself generated")
    fraction = Fraction(factors, tuple(pairs.items()))
    if frozenset() in fraction.defining_relation:
        raise ValueError("two generators have the same word; use a different word for each factor")
    return fraction


def _fraction(factors: int, text: str) -> Fraction:
    return given_fraction(factors, text.split())
