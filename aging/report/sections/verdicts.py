"""Verdicts: the primary indicator of every deployment."""

from __future__ import annotations

from markupsafe import Markup

from aging.core.format import readable_duration
from aging.core.metrics import PRIMARY
from aging.findings.problem_kinds import ProblemKind
from aging.report import wording
from aging.report.html.context import Context
from aging.report.html.templates import render
from aging.report.sections.base import Section
from aging.store.manifest import CampaignSettings

_HOUR = 3600.0

_TEMPLATE = """
{% from "macros.html.j2" import chip, fold, measured %}
<p class="note">Growth of anonymous memory plus swap of each process tree
{%- if window %}, measured over {{ window }} {{ 'of load after warm-up' if loaded else 'of watching' }}{% endif %}
{%- if extrapolated %} and extrapolated to an hour{% endif %}, with its 95&nbsp;% confidence interval.
The smallest detectable leak would have been found with 80&nbsp;% probability.</p>
<table class="verdicts stacked">
<thead><tr>
<th scope="col">Deployment</th><th scope="col">Verdict</th><th scope="col" class="num">Growth per hour</th>
<th scope="col" class="num">Growth per request</th><th scope="col" class="num">Smallest detectable leak</th>
</tr></thead>
<tbody>
{% for row in rows %}
{% set found = row.finding %}
<tr class="{{ row.tone }}">
<th scope="row"><a href="#{{ row.anchor }}">{{ row.name | named }}</a>
<span class="sub">{{ row.kind }}{% if row.control %} · <a href="#controls">control</a>{% endif %}</span></th>
<td data-label="Verdict">
{% if found %}{{ chip(found.verdict) }}{% else %}<span class="chip mute">no data</span>{% endif %}
<span class="sub">{{ row.meaning }}</span>
{% if row.died %}<span class="sub bad-text">It died during the campaign: <a href="#problems">see problems</a>.</span>
{% endif %}{% if row.details %}{% call fold("Evidence") %}<ul>
{% for detail in row.details %}<li>{{ detail }}</li>
{% endfor %}</ul>{% endcall %}{% endif %}</td>
{% if found %}
{{ measured("Growth per hour", found.indicator, found.slope_per_hour, found.ci_per_hour, "h") }}
{{ measured("Growth per request", found.indicator, found.slope_per_request, found.ci_per_request, "request") }}
<td class="num{{ " none" if found.verdict == "aging" }}" data-label="Smallest detectable leak">
<span class="main">{{ row.detectable }}</span></td>
{% else %}
<td class="num none">{{ NONE }}</td><td class="num none">{{ NONE }}</td><td class="num none">{{ NONE }}</td>
{% endif %}
</tr>
{% endfor %}
</tbody>
</table>
"""


class Verdicts(Section):
    """One row per deployment, those under test before the controls."""

    kind = "verdicts"
    title = "Verdicts"
    order = 10

    def render(self, context: Context) -> Markup:
        kinds = {one.name: one.kind for one in context.manifest.deployments}
        names = [*context.under_test, *(name for name in context.results.deployments if name in context.known_aging)]
        died = {problem.deployment for problem in context.findings.problems if ProblemKind.DIED.of(problem)}
        rows = []
        for name in names:
            finding = context.found.get((name, PRIMARY))
            rows.append(
                {
                    "name": name,
                    "anchor": context.anchors[name] if context.findings.findings else "verdicts",
                    "kind": kinds.get(name, ""),
                    "control": name in context.known_aging,
                    "finding": finding,
                    "died": name in died,
                    "tone": wording.TONE.get(finding.verdict, "mute") if finding else "mute",
                    "meaning": wording.explanation(finding),
                    "details": wording.details(finding),
                    "detectable": wording.detectable(finding),
                }
            )
        window = _window(context.manifest.campaign)
        return render(
            _TEMPLATE,
            rows=rows,
            window=readable_duration(window) if window else None,
            loaded=context.manifest.campaign.load is not None,
            extrapolated=bool(window) and window < _HOUR,
        )


def _window(campaign: CampaignSettings) -> float:
    """Planned seconds of load that are analyzed, 0 where the manifest has no duration."""
    return max(campaign.duration_seconds - (campaign.warmup_seconds or 0.0), 0.0)
