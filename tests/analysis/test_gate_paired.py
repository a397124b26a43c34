"""The study of paired A/B in small."""

from __future__ import annotations

from analysis.gate.paired import _Cell, _row


def test_common_noise_cancels() -> None:
    """What nearly all of the noise has in common leaves a difference that is seen at half the size, and is not moved
    where the noise has nothing in common.
    """
    alike = _row(_Cell(0.97, 6))
    assert alike["ratio"] <= 0.5
    apart = _row(_Cell(0.0, 6))
    assert 0.5 <= apart["ratio"] <= 2.0
