"""A cell: one combination of levels and one replicate of a study, as a campaign of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Cell:
    """One campaign of a study.

    ``name`` is unique in the study and names its folder, ``variant`` is what all replicates of one combination share;
    ``levels`` are by key path of the campaign file. ``campaign`` is the campaign file's text with these levels in
    place; ``seconds`` is how long it is planned to take, from start to end, without its analysis.
    """

    name: str
    variant: str
    replicate: int
    levels: Mapping[str, Any]
    campaign: str
    seconds: float
