"""One length for all."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from aging.campaign.schema import LengthsOptions
from aging.load.lengths.base import Lengths, Tokens
from aging.load.schedule.rng import Draws


class FixedOptions(LengthsOptions):
    """A token count that is always the same."""

    kind: Literal["fixed"]
    tokens: int = Field(ge=1, le=1_000_000, description="the length, in tokens")

    @property
    def longest(self) -> int:
        return self.tokens


class Fixed(Lengths[FixedOptions]):
    """Nothing is drawn."""

    kind = "fixed"
    options_table = FixedOptions

    def tokens(self, draws: Draws, count: int, traced: Tokens | None) -> Tokens:  # noqa: ARG002 - nothing is drawn
        return np.full(count, self.options.tokens, dtype=np.int64)
