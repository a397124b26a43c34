"""Simulated guards, closed at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.guard.simulation import Simulation

Simulate = Callable[..., Simulation]


@pytest.fixture
def simulate(tmp_path: Path) -> Iterator[Simulate]:
    """Makes a simulated guard in the test's folder."""
    made: list[Simulation] = []

    def make(**options: object) -> Simulation:
        made.append(Simulation(tmp_path, **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for one in made:
        one.close()
