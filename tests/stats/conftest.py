"""Series with known answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

DATA = Path(__file__).parent / "data"


@pytest.fixture
def nile() -> np.ndarray:
    """The annual flow of the Nile at Aswan, 1871 to 1970, in 10^8 m^3 (Cobb 1978), shape (100,)."""
    return np.loadtxt(DATA / "nile.csv")
