"""The gate: what `aging check` decided, condition by condition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from aging.core.sparkline import sparkline
from aging.findings.gate import ConditionResult, GateResult
from aging.report.html.context import Context
from aging.report.html.templates import render
from aging.report.sections.base import Section

_TEMPLATE = """
{% from "macros.html.j2" import mark, measured %}
<p class="note"><strong>{{ word }}</strong> after {{ "%.3g" | format(gate.minutes) }} of
{{ "%.3g" | format(gate.budget_minutes) }} minutes of load (look {{ gate.look }} of {{ gate.looks }}).
A server at its limit fails with a probability of at most {{ gate.alpha }}, one at twice its limit passes with at most
{{ gate.beta }}.</p>
{% for failure in gate.server_failures %}
<p class="bad-text"><strong>{{ failure.deployment }}</strong> {{ failed[failure.code] }}: {{ failure.reason }}</p>
{% if failure.log %}<pre>{{ failure.log | join("\n") }}</pre>{% endif %}
{% endfor %}
{% if gate.conditions %}
<table class="stacked">
<thead><tr><th scope="col">Condition</th><th scope="col">Outcome</th><th scope="col" class="num">Measured</th>
<th scope="col" class="num">Limit</th><th scope="col" class="num">Smallest leak excluded</th>
<th scope="col">Course</th></tr></thead>
<tbody>
{% for row in rows %}
<tr class="{{ row.tone }}">
<th scope="row">{{ row.one.deployment }} <span class="sub">{{ row.one.condition }}</span></th>
<td data-label="Outcome">{{ mark(row.tone, row.glyph, row.one.outcome) }}
<span class="sub">{{ row.one.reason }}.</span>
{% for line in row.one.grew %}<span class="sub">{{ line }}</span>
{% endfor %}{% for line in row.sites %}<span class="sub">{{ line }}</span>
{% endfor -%}
</td>
{{ measured("Measured", row.one.indicator, row.one.estimate, row.one.interval, row.per) }}
<td class="num" data-label="Limit"><span class="main">{{ size(row.one.indicator, row.one.limit, row.per) }}</span></td>
<td class="num" data-label="Smallest leak excluded"><span class="main">
{{- size(row.one.indicator, row.one.smallest_excluded, row.per) if row.one.outcome == "passed" else NONE }}</span></td>
<td data-label="Course"><code>{{ row.course }}</code></td>
</tr>
{% endfor %}
</tbody>
</table>
{% endif %}
{% if gate.baseline %}<p class="note">Compared with {{ gate.baseline.what }} ({{ gate.baseline.kind }}).</p>{% endif %}
{% for doubt in gate.doubts %}<p class="bad-text">In doubt: {{ doubt }}</p>
{% endfor %}
{% for note in gate.notes %}<p class="note">{{ note }}</p>
{% endfor %}
"""

_PER = {"per_request": "request", "per_hour": "h", "growth_total": ""}
_TONES: Mapping[str, tuple[str, str]] = {"passed": ("good", "✓"), "failed": ("bad", "✗"), "inconclusive": ("mute", "?")}
_WORDS = {
    "passed": "Passed",
    "failed": "Failed",
    "inconclusive": "Inconclusive",
    "server-failed": "A server failed",
}
_FAILED = {"not-started": "did not start", "died": "died", "only-errors": "answered only errors"}


class Gate(Section):
    """One row per condition and deployment, the failed ones first."""

    kind = "gate"
    title = "Gate"
    order = 5

    def render(self, context: Context) -> Markup:
        gate: GateResult | None = context.findings.gate
        if gate is None:
            return Markup()
        order = ("failed", "inconclusive", "passed")
        rows = [_row(one) for one in sorted(gate.conditions, key=lambda one: order.index(one.outcome))]
        return render(_TEMPLATE, gate=gate, rows=rows, word=_WORDS[gate.outcome], failed=_FAILED)


def _row(one: ConditionResult) -> dict[str, Any]:
    tone, glyph = _TONES[one.outcome]
    return {
        "one": one,
        "tone": tone,
        "glyph": glyph,
        "per": _PER[one.quantity],
        "course": sparkline([value for _, value in one.points], width=24),
        "sites": [f"{site.bytes:,} B in {site.count:,} allocations: {' ← '.join(site.frames)}" for site in one.sites],
    }
