"""How far a finding depends on the settings of the analysis."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Any

import pandas as pd

from aging.api.contents import Contents
from aging.api.variant import variant
from aging.core.errors import InputError
from aging.findings.frames import findings_frame

_SETTINGS = ("warmup", "grid", "test", "q")
_SHOWN = (
    *("deployment", "indicator", "verdict", "n", "slope_per_hour", "ci_per_hour_low", "ci_per_hour_high"),
    *("current_per_hour", "current_ci_per_hour_low", "current_ci_per_hour_high", "p", "q"),
)


def sensitivity(
    contents: Contents, deployment: str | None, indicator: str, given: Mapping[str, Sequence[Any]]
) -> pd.DataFrame:
    """A row for the campaign's own settings, and one for every combination of those ``given``.

    The columns ``warmup``, ``grid``, ``test`` and ``level`` (the rate of false discoveries) are the settings, None
    where the campaign's own; then those of the finding. All settings are checked before the first is tried.
    """
    choices = {name: _several(name, values) for name, values in given.items() if not _empty(values)}
    if not choices:
        raise InputError("sensitivity: give settings to compare, like warmup=['5m', '10m'] or grid=['30s', '2m']")
    contents.chosen_findings(deployment, indicator)
    combinations = [dict(zip(choices, values, strict=True)) for values in product(*choices.values())]
    tried = [contents, *(variant(contents.stored, combination) for combination in combinations)]
    return pd.concat([_rows(one, deployment, indicator) for one in tried], ignore_index=True)


def _rows(contents: Contents, deployment: str | None, indicator: str) -> pd.DataFrame:
    chosen = [
        one for one in contents.findings.findings if one.indicator == indicator and deployment in (None, one.deployment)
    ]
    frame = findings_frame(chosen)[list(_SHOWN)]
    for place, name in enumerate(_SETTINGS):
        frame.insert(place, "level" if name == "q" else name, [getattr(contents.settings, name)] * len(frame))
    return frame.astype(dict.fromkeys(("warmup", "grid", "test", "level"), "object"))


def _several(name: str, values: Any) -> list[Any]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise InputError(f"{name}: {values!r} is one setting; give a list of them, like [{values!r}]")
    return list(values)


def _empty(values: Any) -> bool:
    return isinstance(values, Sequence) and not isinstance(values, str) and not len(values)
