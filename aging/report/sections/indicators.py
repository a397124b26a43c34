"""All findings: every indicator of every deployment under test and control."""

from __future__ import annotations

from itertools import groupby

from markupsafe import Markup

from aging.core.records import HARNESS
from aging.report.html.context import Context
from aging.report.html.templates import render
from aging.report.sections.base import Section

_TEMPLATE = """
{% from "macros.html.j2" import chip, fold, wide %}
{% call fold(total ~ " indicators, each with its interval, q and n") %}
{% call wide("All indicators") %}<table class="findings">
<thead><tr><th scope="col">Indicator</th><th scope="col">Verdict</th><th scope="col">Shape</th>
<th scope="col" class="num">Per hour</th><th scope="col" class="num">95&nbsp;% interval</th>
<th scope="col" class="num">Per request</th><th scope="col" class="num">Detectable</th>
<th scope="col" class="num">q</th><th scope="col" class="num">n</th></tr></thead>
{% for deployment, findings in groups %}
<tbody>
<tr class="group"><th scope="rowgroup" colspan="9">{{ deployment | named }}</th></tr>
{% for finding in findings %}
<tr><th scope="row">{{ finding.indicator | named }}</th><td>{{ chip(finding.verdict) }}</td>
<td class="sub">{{ (finding.shape or NONE) | named }}</td>
<td class="num">{{ slope(finding.indicator, finding.slope_per_hour, "h", finding.ci_per_hour) }}</td>
<td class="num">{{ interval(finding.indicator, finding.ci_per_hour, "h") }}</td>
<td class="num">{{ slope(finding.indicator, finding.slope_per_request, "request") }}</td>
<td class="num">{{ size(finding.indicator, finding.minimum_detectable_per_hour, "h") }}</td>
<td class="num">{{ finding.q | probability }}</td><td class="num">{{ finding.n | count }}</td></tr>
{% endfor %}
</tbody>
{% endfor %}
</table>{% endcall %}
{% endcall %}
<p class="note">q is p after false-discovery control over the whole campaign; the 95th percentiles of latencies
are a separate family; n is the number of grid points.
A counter (<code>_total</code>) is analyzed as its rate per second.</p>
{% if unjudged %}
{% call fold("Series of metrics that are not judged") %}
{% call wide("Series of metrics that are not judged") %}<table class="findings">
<thead><tr><th scope="col">Deployment</th><th scope="col">Series</th><th scope="col" class="num">Last value</th>
<th scope="col">Reason</th></tr></thead>
<tbody>
{% for one in unjudged %}
<tr><td>{{ one.deployment | named }}</td><th scope="row">{{ one.series | named }}</th>
<td class="num">{{ level(one.series, one.value) }}</td><td>{{ one.reason }}</td></tr>
{% endfor %}
</tbody>
</table>{% endcall %}
{% endcall %}
{% endif %}
{% if tests %}
{% call fold("p of every trend test") %}
{% call wide("p of every trend test") %}<table class="findings">
<thead><tr><th scope="col">Indicator</th>
{% for test in tests %}<th scope="col" class="num">{{ test | replace("_", " ") }}</th>{% endfor %}</tr></thead>
{% for deployment, findings in groups %}
<tbody>
<tr class="group"><th scope="rowgroup" colspan="{{ 1 + tests | length }}">{{ deployment | named }}</th></tr>
{% for finding in findings %}
<tr><th scope="row">{{ finding.indicator | named }}</th>
{% for test in tests %}<td class="num">{{ finding.tests.get(test) | probability }}</td>{% endfor %}</tr>
{% endfor %}
</tbody>
{% endfor %}
</table>{% endcall %}
{% endcall %}
{% endif %}
"""


class Indicators(Section):
    """The full table; the harness has a separate section."""

    kind = "indicators"
    title = "All indicators"
    order = 60

    def render(self, context: Context) -> Markup:
        findings = [one for one in context.findings.findings if not one.deployment.startswith(f"{HARNESS}/")]
        if not findings:
            return Markup()
        order = {name: place for place, name in enumerate(context.results.deployments)}
        findings.sort(key=lambda one: order.get(one.deployment, len(order)))
        groups = [(name, list(group)) for name, group in groupby(findings, key=lambda one: one.deployment)]
        tests = sorted({test for finding in findings for test in finding.tests})
        return render(_TEMPLATE, groups=groups, tests=tests, unjudged=context.findings.unjudged, total=len(findings))
