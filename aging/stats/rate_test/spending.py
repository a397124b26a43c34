"""How much of an error a look may use, so that all looks together keep it."""

from __future__ import annotations

from collections.abc import Sequence


def level_at(looks: Sequence[float], look: int, error: float, after: float = 0.0) -> float:
    """Return the one-sided level of a look, counted from 1, of ``looks`` at these times, the last at the planned end.

    The error that may be spent by the time t is ``error`` t / T (Kim and DeMets 1987, the power family with exponent
    1), and a look spends what has been added since the one before. Looks before the share ``after`` of T decide
    nothing and spend nothing. Levels are the increments themselves: by Bonferroni they hold whatever the looks have in
    common. The recursive integration of Lan and DeMets (1983) needs estimates with independent increments, which those
    of windows that are chosen anew at each look are not.
    """
    before = looks[look - 2] if look > 1 else 0.0
    spent = before if before >= after * looks[-1] else 0.0
    return error * (looks[look - 1] - spent) / looks[-1]
