"""The CI gate: a campaign is run until the gate is decided, or a finished result is judged again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class GateRequest:
    """What a gate is asked: conditions as written, on which deployments, with which errors, within which time.

    ``budget`` is the longest load in seconds; None: the campaign's own duration. ``deployments`` empty: all that are
    no controls.
    """

    conditions: Sequence[str]
    deployments: Sequence[str] = ()
    alpha: float = 0.01
    beta: float = 0.05
    budget: float | None = None
    results: Path = Path("results")
