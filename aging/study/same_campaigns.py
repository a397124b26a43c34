"""Combinations of levels that give the same campaign: what differs in the file makes no difference to what is run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aging.campaign.schema import Campaign, LoadTable
from aging.core.errors import Mistake, MistakeCode
from aging.load.schedule.classes import arrival_kinds, at_rate

_INHERITED = (
    "arrivals",
    "prompt_tokens",
    "output_tokens",
    "requests",
    "streaming_share",
    "prompts",
    "options",
    "faults",
)
"""Keys of the load that each class may replace."""


def same_campaigns(variants: Sequence[tuple[Mapping[str, Any], Campaign]]) -> Iterator[Mistake]:
    """Two combinations of one campaign for every key, or set of keys, that has no effect.

    ``variants`` are the levels by key path, and the campaign with what was found by reading the files of its load.
    """
    first: dict[str, tuple[Mapping[str, Any], Campaign]] = {}
    reported: list[set[str]] = []
    for levels, campaign in variants:
        before, other = first.setdefault(_what_is_run(campaign), (levels, campaign))
        keys = {path for path in levels if repr(levels[path]) != repr(before[path])}
        if not keys or any(keys >= known for known in reported):
            continue
        reported.append(keys)
        paths = [path for path in levels if path in keys]
        combinations = f"{_text(before, paths)} and {_text(levels, paths)}"
        what = f"the combinations {combinations} give the same campaign ({_why(paths, other)}); keep one of them"
        where = f'matrix."{paths[0]}"' if len(paths) == 1 else "matrix"
        yield Mistake(where, what, MistakeCode.CONFLICT)


def _text(levels: Mapping[str, Any], paths: Sequence[str]) -> str:
    return ", ".join(f"{path} = {levels[path]!r}" for path in paths)


def _why(paths: Sequence[str], campaign: Campaign) -> str:
    if all("arrivals" in path.split(".") for path in paths) and all(one.rate for one in campaign.deployment):
        return f"{_no_effect(paths)}: every deployment has its own `rate`"
    classes = () if campaign.load is None else campaign.load.classes
    keys = [path.split(".")[1] for path in paths if path.startswith("load.")]
    if classes and len(keys) == len(paths) and all(_has(one, key) for one in classes for key in keys):
        return f"{_no_effect(paths)}: every class has its own"
    return "what differs has no effect"


def _no_effect(paths: Sequence[str]) -> str:
    return f"{', '.join(paths)} {'has' if len(paths) == 1 else 'have'} no effect"


def _has(table: Any, key: str) -> bool:
    return getattr(table, key, None) is not None


def _what_is_run(campaign: Campaign) -> str:
    """The campaign with the load of each deployment as it is sent; equal texts for equal campaigns."""
    loads = []
    for options in campaign.deployment:
        treatment = campaign.treatments.get(options.name)
        loads.append(_sent(campaign.load if treatment is None else treatment.load, options.rate))
    return repr((campaign.model_copy(update={"load": None}), loads))


def _sent(load: LoadTable | None, rate: float | None) -> Any:
    """What is sent to a deployment of this ``rate``, to tell it from other loads."""
    if load is None:
        return None
    classes = [
        {key: getattr(load, key) if getattr(one, key, None) is None else getattr(one, key) for key in _INHERITED}
        for one in load.classes or (None,)
    ]
    if rate is not None:
        kinds = arrival_kinds()
        arrivals = [kinds[each["arrivals"].kind](each["arrivals"]) for each in classes]
        for each, scaled in zip(classes, at_rate(arrivals, rate), strict=True):
            each["arrivals"] = _rounded(scaled.options.model_dump())
    own = [one.model_copy(update=dict.fromkeys(_INHERITED)) for one in load.classes]
    whole = load.model_copy(update={**dict.fromkeys(_INHERITED), "classes": ()})
    return whole, own, classes


def _rounded(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Numbers that scaling to one rate from different ones made equal but for rounding."""
    return {key: float(f"{value:.12g}") if isinstance(value, float) else value for key, value in options.items()}
