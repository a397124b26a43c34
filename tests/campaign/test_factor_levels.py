"""What lies halfway between two levels of a factor."""

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
def test_quantities_have_a_centre(levels: list[Any], halfway: Any) -> None:
    assert centre(levels) == halfway


@pytest.mark.parametrize(
    ("levels", "told"),
    [
        (["a", "b"], "only quantities have a centre"),
        ([False, True], "only quantities have a centre"),
        ([1, 4], "no whole number halfway between 1 and 4"),
        ([1, 2, 3], "needs two levels"),
        (["10s", "1KiB"], "not quantities of one kind"),
    ],
)
def test_what_has_no_centre_is_told(levels: list[Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        centre(levels)
