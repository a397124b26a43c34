"""Colors of figures outside of the page, by what is drawn in them. Series are those of Okabe and Ito."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Palette:
    """Colors as ``#rrggbb``."""

    ink: str
    muted: str
    rule: str
    data: str
    fit: str
    current: str
    bad: str
    good: str
    warn: str
    shade: str
    mark: str
    series: Sequence[str]


SCREEN = Palette(
    ink="#1b1f24",
    muted="#626a73",
    rule="#e2e4e7",
    data="#33658a",
    fit="#c2571a",
    current="#8c2d7a",
    bad="#b01030",
    good="#1f7a4d",
    warn="#8a5a00",
    shade="#eef0f2",
    mark="#7b5ea7",
    series=("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a6a00", "#555555"),
)
"""The page's light colors."""
