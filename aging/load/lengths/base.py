"""Distributions of prompt and output lengths, one a file: the base contract."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from aging.campaign.schema import LengthsOptions
from aging.load.schedule.rng import Draws

ENTRY_POINT_GROUP = "aging.lengths"

O = TypeVar("O", bound=LengthsOptions)  # noqa: E741

Tokens = NDArray[np.int64]
"""Token counts, one a request; shape (n,)."""


class Lengths(ABC, Generic[O]):
    """How many tokens requests have."""

    kind: ClassVar[str]
    options_table: ClassVar[type[LengthsOptions]]

    def __init__(self, options: O) -> None:
        self.options = options

    @abstractmethod
    def tokens(self, draws: Draws, count: int, traced: Tokens | None) -> Tokens:
        """Lengths of the next ``count`` requests, at least 1 each.

        ``traced`` are those that the same requests had in the trace which is replayed, if one is.
        """
