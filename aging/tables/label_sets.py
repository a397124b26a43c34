"""Names with labels as Prometheus writes them: ``vllm:num_requests_running{model_name="m",engine="0"}``."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

_NAME = re.compile(r"^\s*([a-zA-Z_:][\w:]*)?\s*\{(.*)\}\s*$", re.DOTALL)
_LABEL = re.compile(r'\s*([a-zA-Z_]\w*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)')


@dataclass(frozen=True, slots=True)
class LabeledName:
    """A metric's name, possibly empty, with its labels."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)

    def with_labels(self, kept: Sequence[str]) -> str:
        """As Prometheus writes it, with these of its labels."""
        inside = ",".join(f'{label}="{self.labels[label]}"' for label in kept if label in self.labels)
        return f"{self.name}{{{inside}}}" if inside else self.name


def labeled_name(text: str) -> LabeledName | None:
    """The name and labels of a text; None for a text without a set of labels."""
    match = _NAME.match(text)
    if match is None:
        return None
    name, inside = match[1] or "", match[2]
    labels: dict[str, str] = {}
    at = 0
    while at < len(inside):
        label = _LABEL.match(inside, at)
        if label is None:
            return None
        labels[label[1]] = label[2]
        at = label.end()
    name = labels.pop("__name__", name)
    return LabeledName(name, labels) if labels or name else None


def shortened(names: Sequence[LabeledName]) -> list[str]:
    """The names with no more labels than tell those of one metric apart; of a metric with one series, with none.

    A name that would be empty keeps all its labels.
    """
    series: dict[str, list[LabeledName]] = {}
    for one in names:
        series.setdefault(one.name, []).append(one)
    kept = {name: _telling(of_name) for name, of_name in series.items()}
    return [one.with_labels(kept[one.name]) or one.with_labels(tuple(one.labels)) for one in names]


def _telling(names: Sequence[LabeledName]) -> tuple[str, ...]:
    """The first labels that make each name unique, each of which splits what those before it do not."""
    kept: tuple[str, ...] = ()
    groups = 1
    for label in dict.fromkeys(label for one in names for label in one.labels):
        now = len(Counter(tuple(one.labels.get(each) for each in (*kept, label)) for one in names))
        if now > groups:
            kept, groups = (*kept, label), now
        if groups == len(names):
            break
    return kept
