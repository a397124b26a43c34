from __future__ import annotations

from aging.core.sparkline import sparkline


def test_sparkline() -> None:
    assert sparkline([]) == ""
    assert sparkline([1.0, 1.0]) == "▁▁"
    assert sparkline([0.0, 3.5, 7.0]) == "▁▅█"
    assert len(sparkline(list(range(1000)))) == 20
    assert sparkline([0.0, 1.0], least_span=100.0) == "▁▁"
