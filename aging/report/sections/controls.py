"""Controls: did the instrument see what it was given to see?"""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from aging.core.records import HARNESS
from aging.findings.types import Control
from aging.report import format, wording
from aging.report.html.context import Context
from aging.report.html.templates import render
from aging.report.sections.base import Section

_TEMPLATE = """
{% from "macros.html.j2" import chip, mark, measured %}
<p class="note">
{% if failed %}
<strong class="bad-text">{{ failed }} of {{ total }} controls came out otherwise than expected.
Explain that before relying on the verdicts above.</strong>
{% elif undecided %}
No control came out otherwise than expected, but {{ undecided }} of {{ total }} are undecided.
{% else %}
The instrument saw what it was given to see.
{% endif %}
A control is known beforehand: a reference server leaks a set amount or nothing, and the harness itself must not grow
while it measures.</p>
<table class="stacked">
<thead><tr><th scope="col">Control</th><th scope="col">Outcome</th><th scope="col" class="num">Expected</th>
<th scope="col" class="num">Measured</th><th scope="col">Verdict</th></tr></thead>
<tbody>
{% for control in controls %}
<tr>
<th scope="row">{{ control.deployment | shown_name }} <span class="sub">{{ control.indicator }}</span></th>
<td data-label="Outcome">
{% if control | undecided %}{{ mark("mute", "?", "undecided") }}
{% elif control.passed %}{{ mark("good", "✓", "as expected") }}
{% else %}{{ mark("bad", "✗", "not as expected") }}{% endif %}
<span class="sub">{{ control | outcome }}</span></td>
<td class="num" data-label="Expected"><span class="main">
{%- if control.expected == "aging" %}{{ slope(control.indicator, control.expected_per_hour, "h") }}
{%- else %}no ageing{% endif %}</span></td>
{{ measured("Measured", control.indicator, control.slope_per_hour, control.ci_per_hour, "h") }}
<td class="labelled" data-label="Verdict">{{ chip(control.verdict) }}</td>
</tr>
{% endfor %}
{% if harness %}
<tr>
<th scope="row">harness
<span class="sub">{{ harness | length }} of its own processes</span></th>
<td data-label="Outcome">
{% if harness_undecided %}{{ mark("mute", "?", harness_undecided ~ " undecided") }}
{% else %}{{ mark("good", "✓", "as expected") }}{% endif %}
<span class="sub">none called aging: <a href="#harness">see each</a></span></td>
<td class="num" data-label="Expected"><span class="main">no ageing</span></td>
<td class="num" data-label="Measured"><span class="main">{{ steepest }}</span>
<span class="sub">the steepest of them</span></td>
<td class="labelled" data-label="Verdict">{% for verdict in verdicts %}{{ chip(verdict) }} {% endfor %}</td>
</tr>
{% endif %}
</tbody>
</table>
"""


class Controls(Section):
    """Every control with what was expected, what was measured, and whether they agree."""

    kind = "controls"
    title = "Controls"
    order = 20

    def render(self, context: Context) -> Markup:
        controls = context.findings.controls
        if not controls:
            return Markup()
        # The harness's processes are many and dull: one row for all that passed.
        harness = [one for one in controls if one.deployment.startswith(f"{HARNESS}/") and one.passed]
        open_ = sum(wording.undecided(one) for one in controls)
        return render(
            _TEMPLATE,
            controls=[one for one in controls if one not in harness],
            failed=sum(not control.passed for control in controls),
            total=len(controls),
            undecided=open_,
            harness_undecided=sum(wording.undecided(one) for one in harness),
            harness=harness,
            steepest=_steepest(harness),
            verdicts=sorted({one.verdict for one in harness}),
        )


def _steepest(controls: Sequence[Control]) -> str:
    known = [one for one in controls if one.slope_per_hour is not None]
    if not known:
        return format.NONE
    steepest = max(known, key=lambda one: one.slope_per_hour or 0.0)
    return format.slope(steepest.indicator, steepest.slope_per_hour, "h")
