"""What this measurement could not see."""

from __future__ import annotations

from markupsafe import Markup

from aging.report.blind_spots import Facts, blind_spots, smallest
from aging.report.html.context import Context
from aging.report.html.templates import render
from aging.report.outlook import time_text
from aging.report.sections.base import Section

_TEMPLATE = """
{% from "macros.html.j2" import chip, wide %}
<div class="columns">
<div>
<h3>Smallest leak that would have been found</h3>
<p class="note">With a probability of 80&nbsp;%, in memory. A leak just below it adds, in {{ horizon }}:</p>
{% call wide("Smallest detectable leak of each deployment") %}
<table class="findings plain">
<thead><tr><th scope="col">Deployment</th><th scope="col" class="num">Smallest leak</th>
<th scope="col" class="num">in {{ horizon }}</th></tr></thead>
<tbody>
{% for row in rows %}
<tr><th scope="row">{{ row.deployment | named }}</th><td class="num">{{ row.per_hour }}</td>
<td class="num">{{ row.per_horizon }}</td></tr>
{% endfor %}
</tbody></table>
{% endcall %}
</div>
<div>
<dl class="spots">
{% for one in spots %}
<dt>{{ one.title }}</dt>
<dd>{{ one.text }}{% if one.anchor in shown %}{{ " " }}
<a href="#{{ one.anchor }}">See {{ links[one.anchor] }}</a>{% endif %}</dd>
{% endfor %}
</dl>
</div>
</div>
"""

_LINKED = {
    "indicators": "all indicators",
    "map": "all indicators at a glance",
    "problems": "the problems",
    "controls": "the controls",
    "runs": "the runs",
}


class BlindSpots(Section):
    """The smallest detectable leak of every deployment, then a list."""

    kind = "blind-spots"
    title = "What this measurement could not see"
    order = 34

    def render(self, context: Context) -> Markup:
        campaign, findings = context.manifest.campaign, context.findings
        names = context.under_test or context.results.deployments
        if not names:
            return Markup()
        outlooks = [one.outlook.horizon_hours for one in findings.findings if one.outlook is not None]
        horizon = outlooks[0] if outlooks else campaign.analysis.horizon_seconds / 3600
        facts = Facts(
            seconds=context.measured_seconds,
            warmup=campaign.warmup_seconds is None or campaign.warmup_seconds > 0,
            replicas=max((len(context.results.replicas(name)) for name in names), default=0),
            loaded=campaign.load is not None,
        )
        there = {
            "controls": bool(findings.controls),
            "runs": bool(findings.runs),
            "indicators": bool(findings.findings),
            "map": bool(findings.findings),
            "problems": True,
        }
        return render(
            _TEMPLATE,
            rows=smallest(names, context.found, horizon),
            spots=list(blind_spots(findings, names, context.results.events, facts)),
            horizon=time_text(horizon),
            shown=[anchor for anchor, is_there in there.items() if is_there],
            links=_LINKED,
        )
