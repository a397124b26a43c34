"""The study of comparisons in small: what is true is held, what differs is shown."""

from __future__ import annotations

import pytest

from aging.core.metrics import PRIMARY
from analysis.methods.comparison import CASES, _trial, _within, is_false, truth
from analysis.methods.study import generator


@pytest.mark.parametrize("case", ["no difference", "leak +4 KiB"])
def test_few_trials(case: str) -> None:
    assert case in CASES
    rng = generator("quick comparison", case)
    trials = [_trial(rng, case, 1) for _ in range(3)]
    known = [(one, true) for trial in trials for one in trial if (true := truth(one, case)) is not None]
    assert sum(_within(one, true) for one, true in known) > 0.85 * len(known)
    shown = [one for trial in trials for one in trial if one.shown]
    assert sum(is_false(one, case) for one in shown) <= 3
    memory = [one for one in shown if (one.indicator, one.statistic) == (PRIMARY, "per_request")]
    assert len(memory) == (3 if case.startswith("leak") else 0)
