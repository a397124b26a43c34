"""Effects of the factors of a designed experiment on the leak rate."""

from __future__ import annotations

from markupsafe import Markup

from aging.report.html.context import Context
from aging.report.html.templates import render
from aging.report.sections.base import Section

_TEMPLATE = """
<p class="note">The change of the rate from a factor's first level to its second, averaged over the levels of the
others, with its 95&nbsp;% interval; of an interaction, half the change of one factor's effect between
the levels of the other.
The error is the spread of repeated runs. q is p after false-discovery control over the terms of one table.</p>
{% for one in experiments %}
{% set per = "h" if one.per == "hour" else one.per %}
<h3>{{ one.deployment }}: growth per {{ one.per }}</h3>
<p class="note">{{ one.runs }} runs at {{ one.points }} points
{%- if one.mean is not none %}, {{ slope(one.indicator, one.mean, per) }} on average{% endif %}
{%- if one.error_sd is not none %}; repeated runs differ by
{{ size(one.indicator, one.error_sd, per) }} (standard deviation, {{ one.error_df }} degrees of freedom){% endif %}.
{% for note in one.notes %}{{ note }} {% endfor %}</p>
{% if one.effects %}
<table class="stacked">
<thead><tr><th scope="col">Term</th><th scope="col" class="num">Effect</th><th scope="col" class="num">p</th>
<th scope="col" class="num">q</th><th scope="col">Aliased with</th></tr></thead>
<tbody>
{% for effect in one.effects %}
<tr>
<th scope="row">{{ effect.term }}{% for level, mean in effect.means.items() %}
<span class="sub">{{ level }}: {{ slope(one.indicator, mean, per) }}</span>{% endfor %}</th>
<td class="num" data-label="Effect">
<span class="main">
{%- if effect.effect is none %}{{ NONE }}{% else %}{{ slope(one.indicator, effect.effect, per) }}{% endif %}</span>
{% if effect.ci %}<span class="sub">{{ interval(one.indicator, effect.ci, per) }}</span>{% endif %}</td>
<td class="num" data-label="p">{{ effect.p | probability }}</td>
<td class="num" data-label="q">{{ effect.q | probability }}</td>
<td data-label="Aliased with">{{ effect.aliases | join(", ") or NONE }}</td>
</tr>
{% endfor %}
</tbody>
</table>
{% endif %}
{% endfor %}
"""


class Effects(Section):
    """A table per base deployment, per hour and per request."""

    kind = "effects"
    title = "Effects of the factors"
    order = 12

    def render(self, context: Context) -> Markup:
        experiments = context.findings.experiments
        return render(_TEMPLATE, experiments=experiments) if experiments else Markup()
