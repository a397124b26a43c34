"""Why a selector matches nothing, and one that would: from the labels of the targets that the server scrapes."""

from __future__ import annotations

from collections.abc import Sequence

from aging.core.format import readable_duration
from aging.findings.fleet.questions import Labels, Selector
from aging.tables.prometheus import Prometheus, PrometheusError, Window

_TARGETS = "up"
_MOST_NAMED = 3


def unmatched(server: Prometheus, selectors: Sequence[Selector], window: Window) -> str:
    """The message for selectors without a series in the window. Raises no error of the server."""
    try:
        targets = server.series(_TARGETS, window)
    except PrometheusError:
        targets = []
    past = readable_duration(window.end - window.start)
    found = [f"--match {str(one)!r}: matches no series of the last {past}{_hint(one, targets)}" for one in selectors]
    return "\n".join(found)


def _hint(selector: Selector, targets: Sequence[Labels]) -> str:
    if not selector.matchers:
        fitting = sorted({name for labels in targets for name, value in labels.items() if value == selector.name})
        named = "it is the name of a metric"
        label = fitting[0] if fitting else "service"
        return f"; {named}, a label is matched as in --match '{{{label}=\"{selector.name}\"}}'"
    known = sorted({f'{{job="{job}"}}' for labels in targets if (job := labels.get("job"))})
    if not known:
        return ""
    more = f" and {len(known) - _MOST_NAMED} more" if len(known) > _MOST_NAMED else ""
    return f"; there are {', '.join(known[:_MOST_NAMED])}{more}"
