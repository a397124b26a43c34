"""The study of paired A/B in small."""

from __future__ import annotations

from analysis.gate.paired import _Cell, _row


def test_common_noise_cancels() -> None:
    """What nearly all of the noise has in common leaves a difference that spreads by less than half as much; where it
    has nothing in common, pairing makes it no worse.
    """
    alike, apart = (_row(_Cell(shared, 6)) for shared in (0.97, 0.0))
    assert alike["paired_spread"] <= 0.5 * alike["separate_spread"]
    assert alike["ratio"] <= 0.5
    assert apart["paired_spread"] <= 2 * apart["separate_spread"]
