"""The lengths that the replayed requests had: prompt and output of one row stay together."""

from __future__ import annotations

from typing import Literal

from aging.campaign.schema import LengthsOptions
from aging.load.lengths.base import Lengths, Tokens
from aging.load.schedule.rng import Draws


class TraceLengthsOptions(LengthsOptions):
    """Token counts of the trace, for arrivals of kind `trace`, whose table has their bounds."""

    kind: Literal["trace"]


class TraceLengths(Lengths[TraceLengthsOptions]):
    """Nothing is drawn."""

    kind = "trace"
    options_table = TraceLengthsOptions

    def tokens(self, draws: Draws, count: int, traced: Tokens | None) -> Tokens:  # noqa: ARG002 - nothing is drawn
        if traced is None:
            raise ValueError('lengths of kind "trace" need arrivals of kind "trace"')
        return traced
