"""The journal: every event in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from aging.report.html.context import Context
from aging.report.html.templates import render
from aging.report.sections.base import Section
from aging.store.events import Event

_MOST = 1000
"""Of more events the first and the last are shown."""

_LONGEST = 300

_NOTHING: tuple[Any, ...] = (None, "", [], (), {})

_TEMPLATE = """
{% from "macros.html.j2" import fold, wide %}
{% call fold(total ~ " events") %}
{% call wide("Journal of the campaign") %}<table class="journal">
<thead><tr><th scope="col" class="num">Time</th><th scope="col">Event</th><th scope="col">Deployment</th>
<th scope="col">Details</th></tr></thead>
<tbody>
{% for row in rows %}
{% if row.left_out %}
<tr><td colspan="4">{{ row.left_out | count }} events are left out here; <code>journal.jsonl</code> has all</td></tr>
{% else %}
<tr><td class="num">{{ row.at | clock }}</td><td>{{ row.kind }}</td><td>{{ row.deployment or "" }}</td>
<td>{{ row.details }}</td></tr>
{% endif %}
{% endfor %}
</tbody></table>{% endcall %}
{% endcall %}
"""


class JournalTimeline(Section):
    """Every event on one line, in a closed fold."""

    kind = "journal"
    title = "Journal"
    order = 90

    def render(self, context: Context) -> Markup:
        events = context.results.events
        rows = [_row(context, event) for event in events[:_MOST]]
        if len(events) > _MOST:
            half = _MOST // 2
            left_out = {"left_out": len(events) - 2 * half}
            rows = [*rows[:half], left_out, *(_row(context, event) for event in events[-half:])]
        return render(_TEMPLATE, rows=rows, total=len(events)) if rows else Markup()


def _row(context: Context, event: Event) -> dict[str, Any]:
    return {
        "left_out": 0,
        "at": context.since_start(event),
        "kind": event.kind.replace("_", " "),
        "deployment": event.deployment,
        "details": _details(event.details),
    }


def _details(details: Mapping[str, Any]) -> str:
    text = " · ".join(f"{key} {_text(value)}" for key, value in details.items() if value not in _NOTHING)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.10g}"
    return " ".join(map(str, value)) if isinstance(value, Sequence) and not isinstance(value, str) else str(value)
