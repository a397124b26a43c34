"""Regular fractions compared with the literature: resolutions, defining relations, unavailable fractions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aging.campaign.design.fractions import _KNOWN, LETTERS, given_fraction, smallest_fraction

# NIST/SEMATECH e-Handbook of Statistical Methods, 5.3.3.4.7: runs and resolution by number of factors.
NIST = {
    3: [(4, 3)],
    4: [(8, 4)],
    5: [(8, 3), (16, 5)],
    6: [(8, 3), (16, 4), (32, 6)],
    7: [(8, 3), (16, 4), (32, 4), (64, 7)],
    8: [(16, 4), (32, 4), (64, 5), (128, 8)],
    9: [(16, 3), (32, 4), (64, 4), (128, 6)],
    10: [(16, 3), (32, 4), (64, 4), (128, 5)],
    11: [(16, 3), (32, 4), (64, 4), (128, 5)],
}


def test_resolutions_of_nist_handbook() -> None:
    found = {
        factors: [(one.runs, one.resolution) for text in texts if (one := given_fraction(factors, text.split()))]
        for factors, texts in _KNOWN.items()
    }
    assert found == NIST


def test_half_fraction_of_four_factors() -> None:
    # Montgomery, Design and Analysis of Experiments, table 8.3: D = ABC, I = ABCD.
    half = smallest_fraction(4, 4)
    assert half.defining_relation == {frozenset("ABCD")}
    assert half.rows() == (
        (-1, -1, -1, -1),
        (1, -1, -1, 1),
        (-1, 1, -1, 1),
        (1, 1, -1, -1),
        (-1, -1, 1, 1),
        (1, -1, 1, -1),
        (-1, 1, 1, -1),
        (1, 1, 1, 1),
    )
    assert str(half) == "2^(4-1) of resolution IV, D = ABC"


def test_defining_relation_of_quarter_fraction() -> None:
    # Montgomery, Design and Analysis of Experiments, section 8.3: 2^(6-2), I = ABCE = BCDF = ADEF.
    quarter = given_fraction(6, ["E = ABC", "F=BCD"])
    assert quarter.defining_relation == {frozenset("ABCE"), frozenset("BCDF"), frozenset("ADEF")}
    assert quarter.resolution == 4


@pytest.mark.parametrize(("factors", "resolution"), [(k, r) for k in NIST for r in (3, 4, 5)])
def test_smallest_fraction_is_balanced(factors: int, resolution: int) -> None:
    enough = [runs for runs, found in NIST[factors] if found >= resolution]
    if not enough:
        with pytest.raises(ValueError, match=f"has resolution {resolution}; the highest is"):
            smallest_fraction(factors, resolution)
        return
    fraction = smallest_fraction(factors, resolution)
    assert fraction.resolution >= resolution
    assert fraction.runs == min(enough)
    rows = np.array(fraction.rows())
    assert (rows.T @ rows == fraction.runs * np.eye(factors)).all(), "main effects are orthogonal"
    assert (rows.sum(axis=0) == 0).all()


@pytest.mark.parametrize(
    ("generators", "message"),
    [
        (["D"], "is not a generator"),
        (["D = AXB"], "names X; the 4 factors are ABCD"),
        (["D = ABD"], "names a letter twice"),
        (["C = AB", "D = AC"], "D = AC uses C, which is itself generated"),
        (["C = AB", "C = AB"], "names a letter twice"),
    ],
)
def test_invalid_generator(generators: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        given_fraction(4, generators)


def test_unavailable_resolution() -> None:
    with pytest.raises(ValueError, match='the highest is 4, in 8 runs; or use `kind = "full"`, 16 runs'):
        smallest_fraction(4, 5)
    with pytest.raises(ValueError, match='or any other; use `kind = "full"`, 4 runs'):
        smallest_fraction(2, 3)
    with pytest.raises(ValueError, match="tabulated for up to 11 factors, got 12"):
        smallest_fraction(12, 3)


@given(st.integers(4, 8), st.data())
def test_defining_relation_is_a_group(factors: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(1, factors - 3))
    basic, generated = LETTERS[: factors - count], LETTERS[factors - count : factors]
    words = st.sets(st.sampled_from(basic), min_size=2).map(lambda letters: "".join(sorted(letters)))
    drawn = data.draw(st.lists(words, min_size=count, max_size=count, unique=True))
    fraction = given_fraction(factors, [f"{letter} = {word}" for letter, word in zip(generated, drawn, strict=True)])
    relation = fraction.defining_relation
    assert len(relation) == 2**count - 1
    assert all(one ^ other in relation for one in relation for other in relation if one != other)
    rows = np.array(fraction.rows())
    assert len({tuple(row) for row in rows.tolist()}) == fraction.runs
    for word in relation:  # every word of the relation is the identity in every run
        assert (rows[:, [LETTERS.index(letter) for letter in word]].prod(axis=1) == 1).all()
