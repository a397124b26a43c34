"""A cell: one combination of levels and one replicate of a study, as a campaign of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aging.campaign.timetable import timetable
from aging.study.load import Study

_UNSAFE = re.compile(r"[^A-Za-z0-9_.]+")
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")


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


def cells_of(study: Study) -> tuple[Cell, ...]:
    """The cells of a study: all combinations of the first replicate, then those of the second, and so on.

    The campaign's seed is the same in all of them, unless the study varies it: every host serves the identical load, so
    that hosts can be compared.
    """
    names = _variant_names([variant.levels for variant in study.variants])
    width = max(2, len(str(study.file.replicates)))
    lengths = [timetable(variant.campaign) for variant in study.variants]
    return tuple(
        Cell(
            name=f"{name}-r{replicate:0{width}d}",
            variant=name,
            replicate=replicate,
            levels=variant.levels,
            campaign=variant.text,
            seconds=length.load + length.pauses,
        )
        for replicate in range(1, study.file.replicates + 1)
        for name, variant, length in zip(names, study.variants, lengths, strict=True)
    )


def _variant_names(levels: Sequence[Mapping[str, Any]]) -> Sequence[str]:
    """A name for every combination: the words of its levels where all are short and differ, else a number."""
    words = ["-".join(_word(path, level) for path, level in one.items()) for one in levels]
    distinct = len({word.lower() for word in words}) == len(words)
    if distinct and all(_SAFE.fullmatch(word) and ".." not in word for word in words):
        return words
    width = max(2, len(str(len(levels))))
    return [f"v{number:0{width}d}" for number in range(1, len(levels) + 1)]


def _word(path: str, level: Any) -> str:
    if isinstance(level, str):
        return _UNSAFE.sub("-", level).strip("-")
    if isinstance(level, bool | int | float):
        return f"{path.rpartition('.')[2]}-{str(level).lower()}"
    if isinstance(level, list):
        return "-".join(_word(path, one) for one in level)
    return ""
