"""Empirical lengths: drawn from those that a column of a file has, each as likely."""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from aging.campaign.schema import LengthsOptions
from aging.core.errors import AgingError
from aging.load.lengths.base import Lengths, Tokens
from aging.load.schedule.rng import Draws
from aging.load.schedule.text_reader import UnreadableError, csv_rows, tokens
from aging.load.traces.base import Wrong


class EmpiricalOptions(LengthsOptions):
    """Token counts as often as in a column of a CSV file; values outside `[min, max]` are clipped to it."""

    kind: Literal["empirical"]
    file: str = Field(
        min_length=1,
        description="a CSV file with names in its first line; a relative path is one from where `aging` is started",
    )
    column: str = Field(min_length=1, description="the column of the token counts, like `ContextTokens`")
    min: int = Field(1, ge=1, description="smallest count; shorter ones are raised to it")
    max: int = Field(ge=1, le=1_000_000, description="largest count; longer ones are cut to it")

    @model_validator(mode="after")
    def _ordered(self) -> EmpiricalOptions:
        if self.min > self.max:
            raise ValueError(f"`min` must not be above `max`, got {self.min} and {self.max}")
        return self

    @property
    def longest(self) -> int:
        return self.max


def counts(options: EmpiricalOptions) -> tuple[Counter[int], list[str]]:
    """How often each count is in the column, clipped, and the first things that are wrong with the file."""
    seen: Counter[int] = Counter()
    wrong: list[str] = []
    path = Path(options.file)
    if not path.is_file():
        return seen, [f"there is no file {options.file!r}"]
    try:
        for each in csv_rows(path, (options.column,)):
            if isinstance(each, Wrong):
                wrong.append(f"{path}, line {each.line}: {each.what}")
            else:
                line, cells = each
                try:
                    seen[min(max(tokens(cells[0], options.column), options.min), options.max)] += 1
                except UnreadableError as error:
                    wrong.append(f"{path}, line {line}: column {error.column!r}: {error.what}")
            if len(wrong) >= _MOST_TOLD:
                break
    except OSError as error:
        wrong.append(f"{path} cannot be read: {error.strerror}")
    if not seen and not wrong:
        wrong.append(f"{path}: there is no length in column {options.column!r}")
    return seen, wrong


_MOST_TOLD = 10


class Empirical(Lengths[EmpiricalOptions]):
    """Prompt and output lengths are drawn independently: only a replay keeps the pairs of a trace."""

    kind = "empirical"
    options_table = EmpiricalOptions

    def tokens(self, draws: Draws, count: int, traced: Tokens | None) -> Tokens:  # noqa: ARG002 - drawn, not replayed
        values, cumulative = self._table
        places = np.searchsorted(cumulative, draws.uniform(count) * float(cumulative[-1]), side="right")
        return values[places]

    @cached_property
    def _table(self) -> tuple[Tokens, NDArray[np.int64]]:
        seen, wrong = counts(self.options)
        if wrong:
            raise AgingError(wrong[0])
        values = sorted(seen)
        return np.array(values, dtype=np.int64), np.cumsum([seen[value] for value in values], dtype=np.int64)
