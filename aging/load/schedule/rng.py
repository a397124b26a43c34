"""Random numbers that follow from a name: the same on every machine and with every numpy.

A name is a seed and what is drawn, such as ``7/interactive/arrivals``: every aspect of
a load has a separate generator, so that changing one leaves the others as they
were. numpy promises to keep the raw stream of a bit generator, not what its distributions make
of it, so all distributions are computed in this package.
"""

from __future__ import annotations

from hashlib import sha256

import numpy as np
from numpy.random import Philox
from numpy.typing import NDArray

from aging.load.schedule.portable_math import Floats, log


class Draws:
    """The generator of this name, from its start."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._bits = Philox(key=int.from_bytes(sha256(name.encode()).digest()[:16], "little"))

    def of(self, aspect: str) -> Draws:
        """The generator of a part of this one's subject; whatever was drawn here, it begins at its start."""
        return Draws(f"{self._name}/{aspect}")

    def uniform(self, count: int) -> Floats:
        """Independent uniform numbers in [0, 1), multiples of 2⁻⁵³."""
        raw: NDArray[np.uint64] = self._bits.random_raw(count)
        return (raw >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def exponential(self, count: int) -> Floats:
        """Independent exponential numbers of mean 1."""
        return -log(1.0 - self.uniform(count))

    def order(self, count: int) -> list[int]:
        """0 to ``count`` − 1 in random order."""
        order: list[int] = np.argsort(self.uniform(count), kind="stable").tolist()
        return order
