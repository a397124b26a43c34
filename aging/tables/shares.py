"""Shares of a whole: fractions of 1 are percent where the name or the source says so, and never by a word alone.

vLLM writes 0.46 under ``kv_cache_usage_perc``, "1 means 100 percent"; of another ``…_percent`` 0.46 may be either.
"""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from aging.core.measure import PLAIN, Measure
from aging.stats.note import Note
from aging.tables.cells import Cells
from aging.tables.names import bare, words

_PERCENT = Measure("%", "%")
_FRACTIONS = re.compile(
    r"(?:.*[:_.])?cache_usage_perc"  # vLLM
    r"|(?:.*[:_.])?(?:gpu_|cpu_)?(?:prefix_)?cache_hit_rate"  # vLLM, SGLang
    r"|sglang[:_](?:\w+_)?token_usage"
    r"|nv_[gc]pu_utilization"  # Triton
    r"|dcgm_fi_prof_\w+_active"
    r"|.+_ratio"  # the base unit of shares by Prometheus' rules for names
)
_HELP = re.compile(
    r"\b1(?:\.0)? (?:means|is|equals|=) 100 ?(?:%|percent)"
    r"|\b0(?:\.0+)?\s*(?:-|–|to|and|\.\.\.?)\s*1(?:\.0+)?(?![\d.]*\d)"
    r"|\bas a (?:fraction|ratio)\b",
    re.IGNORECASE,
)
_USED = {"usage", "used"}
_OF_ROOM = {"cache", "token", "memory", "mem", "heap", "swap", "disk", "storage", "fds", "filesystem"}


def is_fraction_by_help(text: str) -> bool:
    """Whether a metric's HELP says that it holds fractions of 1."""
    return _HELP.search(text) is not None


def as_share(cells: Cells, name: str, *, known: bool) -> Cells:
    """A column of plain numbers as percent, where it holds fractions of 1; ``known``: by its source.

    The limit of what is used of a room is 100 %. Fractions under a name that merely says percent are plain numbers,
    with a note.
    """
    values = cells.values[np.isfinite(cells.values)]
    percent = cells.measure.base == "%"
    if not (percent or cells.measure == PLAIN) or not values.size or values.min() < 0.0 or values.max() > 1.0:
        return cells
    if known or _FRACTIONS.fullmatch(bare(name)):
        note = Note("fractions", f"{name}: fractions of 1, shown in percent.")
        used = bool(_USED & set(words(name)) and _OF_ROOM & set(words(name)))
        return Cells(cells.values * 100.0, _PERCENT, 100.0 if used else cells.limit, (*cells.notes, note))
    if percent and "%" not in name and bool(np.any((values > 0.0) & (values < 1.0))):
        text = f"{name}: no value is above 1: read as plain numbers, fractions or percent; 1 may be 100 %."
        return replace(cells, measure=PLAIN, notes=(*cells.notes, Note("fractions_open", text)))
    return cells
