"""The centre of two levels of a factor."""

from __future__ import annotations

from typing import Any

import pytest

from aging.campaign.factor_levels import centre


@pytest.mark.parametrize(
    ("levels", "halfway"),
    [
        ([0, 64], 32),
        ([1.0, 4.0], 2.5),
        ([1, 4.0], 2.5),
        (["16KiB", "64KiB"], "40960B"),
        (["0B", "1KiB"], "512B"),
        (["10s", "1m"], "35s"),
    ],
)
def test_centre(levels: list[Any], halfway: Any) -> None:
    assert centre(levels) == halfway


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        (["a", "b"], "only quantities have one"),
        ([False, True], "only quantities have one"),
        ([1, 4], "no whole number halfway between 1 and 4"),
        ([1, 2, 3], "requires two levels"),
        (["10s", "1KiB"], "not quantities of one kind"),
    ],
)
def test_levels_without_centre(levels: list[Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        centre(levels)
