"""The points of full factorial designs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aging.campaign.design.points import full_factorial


def test_full_factorial_order() -> None:
    points = full_factorial({"a": [0, 1], "b": ["x", "y", "z"]})
    assert [tuple(point.levels.values()) for point in points] == [
        (0, "x"),
        (1, "x"),
        (0, "y"),
        (1, "y"),
        (0, "z"),
        (1, "z"),
    ]
    assert [point.number for point in points] == [1, 2, 3, 4, 5, 6]


@given(st.lists(st.integers(2, 4), min_size=1, max_size=4))
def test_full_factorial_is_balanced(counts: list[int]) -> None:
    factors = {f"f{k}": list(range(count)) for k, count in enumerate(counts)}
    points = full_factorial(factors)
    assert len({tuple(point.levels.values()) for point in points}) == len(points)
    for name, levels in factors.items():
        often = [sum(point.levels[name] == level for point in points) for level in levels]
        assert set(often) == {len(points) // len(levels)}
