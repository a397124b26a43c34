"""Durations and sizes with units."""

from __future__ import annotations

import pytest

from aging.core.quantities import parse_duration, parse_size


@pytest.mark.parametrize(
    ("text", "seconds"), [("45s", 45), ("3m", 180), ("1h30m", 5400), ("9d", 777_600), ("250ms", 0.25), ("1.5 h", 5400)]
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "3", "3 minuts", "m3", "-3m", "3m!", 3, None, "3mm", "16KiB"])
def test_invalid_duration(text: object) -> None:
    with pytest.raises(ValueError, match="is not a duration; write a number with its unit"):
        parse_duration(text)


@pytest.mark.parametrize(("text", "count"), [("4096B", 4096), ("16KiB", 16384), ("1.5GiB", 1610612736), ("2kB", 2000)])
def test_sizes(text: str, count: int) -> None:
    assert parse_size(text) == count


@pytest.mark.parametrize("text", ["16", "16K", "16 kib", 16, "-1KiB", "3m"])
def test_invalid_size(text: object) -> None:
    with pytest.raises(ValueError, match="is not a size"):
        parse_size(text)
