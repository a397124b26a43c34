"""Controls: deployments and harness processes whose aging is known, with the outcome of each."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from aging.core import format
from aging.core.records import HARNESS
from aging.findings.types import Control
from aging.report import wording
from aging.report.html.context import Context
from aging.report.html.templates import render
from aging.report.sections.base import Section

_TEMPLATE = """
{% from "macros.html.j2" import chip, mark, measured %}
<p class="note">
{% if failed %}
<strong class="bad-text">{{ failed }} of {{ total }} controls failed.
Explain that before you rely on the verdicts above.</strong>
{% elif undecided %}
{{ total - undecided }} of {{ total }} controls passed, {{ undecided }} undecided.
{% else %}
All {{ total }} controls passed.
{% endif %}
The aging of a control is known: a reference server leaks a set amount or nothing, and the harness must not grow while
it measures.</p>
<table class="stacked">
<thead><tr><th scope="col">Control</th><th scope="col">Outcome</th><th scope="col" class="num">Expected</th>
<th scope="col" class="num">Measured</th><th scope="col">Verdict</th></tr></thead>
<tbody>
{% for control in controls %}
<tr>
<th scope="row">{{ control.deployment | shown_name }} <span class="sub">{{ control.indicator }}</span></th>
<td data-label="Outcome">
{% if control | undecided %}{{ mark("mute", "?", "undecided") }}
{% elif control.passed %}{{ mark("good", "✓", "passed") }}
{% else %}{{ mark("bad", "✗", "failed") }}{% endif %}
<span class="sub">{{ control | outcome }}</span></td>
<td class="num" data-label="Expected"><span class="main">
{%- if control.expected == "aging" %}{{ slope(control.indicator, control.expected_per_hour, "h") }}
{%- else %}no aging{% endif %}</span></td>
{{ measured("Measured", control.indicator, control.slope_per_hour, control.ci_per_hour, "h") }}
<td class="labelled" data-label="Verdict">{{ chip(control.verdict) }}</td>
</tr>
{% endfor %}
{% if harness %}
<tr>
<th scope="row">harness
<span class="sub">{{ harness | length }} processes</span></th>
<td data-label="Outcome">
{% if harness_undecided %}{{ mark("mute", "?", harness_undecided ~ " undecided") }}
{% else %}{{ mark("good", "✓", "passed") }}{% endif %}
<span class="sub">0 called aging: <a href="#harness">see each</a></span></td>
<td class="num" data-label="Expected"><span class="main">no aging</span></td>
<td class="num" data-label="Measured"><span class="main">{{ steepest }}</span>
<span class="sub">the steepest</span></td>
<td class="labelled" data-label="Verdict">{% for verdict in verdicts %}{{ chip(verdict) }} {% endfor %}</td>
</tr>
{% endif %}
</tbody>
</table>
"""


class Controls(Section):
    """Every control: expected, measured, outcome."""

    kind = "controls"
    title = "Controls"
    order = 20

    def render(self, context: Context) -> Markup:
        controls = context.findings.controls
        if not controls:
            return Markup()
        # The processes of the harness are many: one row for all that passed.
        harness = [one for one in controls if one.deployment.startswith(f"{HARNESS}/") and one.passed]
        open_ = sum(wording.undecided(one) for one in controls)
        return render(
            _TEMPLATE,
            controls=[one for one in controls if one not in harness],
            failed=sum(wording.failed(control) for control in controls),
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
