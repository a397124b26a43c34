"""The decision on every deployment under test: safe until when, what to do, why, and what weakens it."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from aging.report import wording
from aging.report.decision import Decision, decisions
from aging.report.html.context import Context
from aging.report.html.templates import render
from aging.report.sections.base import Section

_TEMPLATE = """
{% from "macros.html.j2" import fold, mark %}
{% macro listed(shown) %}
<ul class="decisions">
{% for one in shown %}
<li class="{{ one.tone }}">
<div class="who"><h3><a href="#{{ anchors[one.deployment] }}">{{ one.deployment | named }}</a></h3>
<p class="sub">{{ kinds[one.deployment] | named }}</p></div>
<div class="answer"><p class="big"><span class="glyph" aria-hidden="true">{{ one.glyph }}</span>{{ one.headline }}</p>
<p class="sub">{{ one.under }}</p></div>
<div class="do"><p>{{ one.actions | join(" ") }}</p>
{% for text in one.reasons %}<p class="sub">{{ text }}</p>
{% endfor %}
{% if one.doubts %}<p class="sub doubt"><strong>In doubt:</strong> {{ one.doubts | join("; ") }}.</p>
{% endif %}
</div>
</li>
{% endfor %}
</ul>
{% endmacro %}
{{ listed(first) }}
{% if rest %}{% call fold("The other " ~ rest | length ~ " deployments") %}{{ listed(rest) }}{% endcall %}{% endif %}
<p class="note">{{ sure }}</p>
"""

_MOST = 24
"""More decisions than these are in a closed fold."""


class DecisionSection(Section):
    """One entry per deployment, the most urgent first; controls are judged in a section of their own."""

    kind = "decision"
    title = "Decision"
    order = 1

    def render(self, context: Context) -> Markup:
        names = context.under_test or context.results.deployments
        if not names:
            return Markup()
        made = decisions(names, context.findings, context.advice, context.measured_seconds)
        return render(
            _TEMPLATE,
            first=made[:_MOST],
            rest=made[_MOST:],
            kinds={one.name: one.kind for one in context.manifest.deployments},
            anchors=context.anchors if context.findings.findings else dict.fromkeys(names, "decision"),
            sure=_how_sure(context, made),
        )


def _how_sure(context: Context, made: Sequence[Decision]) -> str:
    """What holds for every answer: the interval, the repeats, the controls."""
    replicas = {len(context.results.replicas(one.deployment)) for one in made} or {0}
    repeats = (
        "Each deployment was run once, so no repeat shows how far runs differ"
        if max(replicas) <= 1
        else f"Each deployment was run {'up to ' if len(replicas) > 1 else ''}{max(replicas)} times"
    )
    controls = context.findings.controls
    failed = sum(wording.failed(one) for one in controls)
    open_ = sum(wording.undecided(one) for one in controls)
    checked = "no control checked the instrument"
    if controls:
        word = f"{failed} failed: explain that first" if failed else f"{len(controls) - open_} passed"
        checked = f"of {len(controls)} controls {word}{f', {open_} undecided' if open_ else ''}"
    both = any(" now: " in reason for one in made for reason in one.reasons)
    now = " A rate now is that at the end; the verdicts below have the rate over all of the window." if both else ""
    return (
        "Times are those of the bounds of a 95 % interval of the growth, at the load that was sent. "
        f"{repeats}; {checked}.{now}"
    )
