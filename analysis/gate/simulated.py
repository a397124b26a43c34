"""The simulated part: which servers are drawn, and what every rule says of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
from numpy.random import Generator

from analysis.gate.rules import RULES
from analysis.gate.series import BEYOND, CLEAN, LOOK_ALIKES, Setting, drawn, kind_of
from analysis.gate.verdict import judged, scores
from analysis.methods.study import generator, progress

Row = dict[str, object]

LENGTHS: dict[int, float] = {30: 512.0, 65: 512.0, 120: 256.0, 300: 64.0, 600: 32.0}
"""The limit in bytes per request by the budget in seconds; at 65 and 600 s half of the sizes that must be found."""

_MANY = {30: 12, 65: 20, 120: 12, 300: 8, 600: 16}
"""Servers of a family without a leak by the budget."""

SIZES = (16, 64, 256, 1024, 4096, 16384, 65536)
RATIOS = (1.0, 2.0, 4.0, 16.0)
LEAKS = ("leak", "leak, arena", "leak beside a cache", "leak, rough", "leak, glibc")
CHUNKS = ("leak", "leak, glibc", "leak, arena")
NOISES = (0.5, 2.0, 8.0, 32.0, 128.0)
"""Standard deviations of the level in pages."""


@dataclass(frozen=True, slots=True)
class Cell:
    """So many servers of one family under one setting; ``size`` is what a leak keeps of every request."""

    part: str
    family: str
    setting: Setting
    size: float | None
    replicates: int

    def generators(self, half: str) -> Iterator[Generator]:
        """One generator a server; those of ``reported`` are used for the reported figures alone."""
        for number in range(self.replicates):
            yield generator("gate", half, self.part, self.family, repr(self.setting), self.size, number)


def cells(full: bool) -> list[Cell]:
    """All cells of the study, or a few of them."""
    found = []
    for seconds in LENGTHS if full else (65,):
        minute = seconds == 65
        setting = Setting(seconds=seconds, limit=LENGTHS[seconds])
        many, some = (_MANY[seconds], 8 if minute else 4) if full else (1, 1)
        found += [Cell("no leak", family, setting, None, many) for family in (*CLEAN, *LOOK_ALIKES)]
        found += [Cell("beyond", family, setting, None, some) for family in BEYOND]
        sizes, ratios = (SIZES, RATIOS) if full else (SIZES[3:4], RATIOS[1:2])
        found += [
            Cell("size", family, setting, size, some) for family in CHUNKS[: 3 if minute else 1] for size in sizes
        ]
        for family in LEAKS[: 5 if minute else 3]:
            found += [Cell("ratio", family, setting, setting.limit * ratio, some) for ratio in ratios]
    return [*found, *_targets(), *_noises()] if full else found


def _targets() -> Iterator[Cell]:
    """Leaks that must be found: at the limit whose double they are, and at half of it."""
    for seconds, size, limit, many in ((60, 1024.0, 512.0, 30), (60, 1024.0, 256.0, 30), (600, 64.0, 32.0, 16)):
        for family in LEAKS:
            yield Cell("target", family, Setting(seconds=seconds, limit=limit), size, many)


def _noises() -> Iterator[Cell]:
    for noise in NOISES:
        setting = Setting(seconds=65, limit=512.0, noise=(noise, noise))
        yield Cell("noise", "clean", setting, None, 10)
        yield Cell("noise", "leak", setting, 1024.0, 10)


def rows(cell: Cell) -> list[Row]:
    """Judge every server of a cell."""
    found = [_row(cell, number, rng) for number, rng in enumerate(cell.generators("reported"))]
    progress(f"{cell.part}, {cell.family}, {cell.setting.seconds} s, size {cell.size}")
    return found


def _row(cell: Cell, number: int, rng: Generator) -> Row:
    setting = cell.setting
    server = drawn(cell.family, rng, setting, cell.size)
    said = judged(server, setting.limit, setting.seconds)
    return {
        "part": cell.part,
        "family": cell.family,
        "kind": kind_of(cell.family),
        "budget": setting.seconds,
        "limit": setting.limit,
        "size": cell.size or 0.0,
        "noise": 0.0 if setting.noise is None else setting.noise[1],
        "number": number,
        **said.row(),
    }


def thresholds(full: bool, error: float = 0.01) -> pd.DataFrame:
    """For every budget and rule, the threshold at which 1 % of the series without a leak are red; on other seeds."""
    table = []
    for seconds, limit in LENGTHS.items() if full else [(65, LENGTHS[65])]:
        setting = Setting(seconds=seconds, limit=limit)
        found = [
            scores(server)
            for family in (*CLEAN, *LOOK_ALIKES)
            for rng in Cell("no leak", family, setting, None, 100 if full else 5).generators("tune")
            for server in [drawn(family, rng, setting)]
        ]
        quantiles = pd.DataFrame(found).quantile(1 - error)
        table += [{"budget": seconds, "rule": rule.name, "usual": rule.usual, "calibrated": quantiles[rule.name]}
                  for rule in RULES]  # fmt: skip
    return pd.DataFrame(table)
