"""The manifest: the campaign, the host, the versions."""

from __future__ import annotations

from markupsafe import Markup

from aging.report.html.context import Context
from aging.report.html.templates import render
from aging.report.sections.base import Section

_TEMPLATE = """
{% from "macros.html.j2" import fold, tree %}
{% call fold("Run and host") %}
<div class="columns">
<div><h3>Run</h3>{{ tree(run) }}</div>
{% if host %}<div><h3>Host</h3>{{ tree(host) }}</div>{% endif %}
</div>
{% endcall %}
{% if text %}{% call fold("Campaign file, verbatim") %}<pre>{{ text }}</pre>{% endcall %}{% endif %}
{% if campaign %}{% call fold("Campaign with its defaults filled in") %}{{ tree(campaign) }}{% endcall %}{% endif %}
{% for deployment in deployments %}
{% call fold("Deployment " ~ deployment.name) %}
{% if deployment.command %}<pre>{{ deployment.command }}</pre>{% endif %}
{{ tree(deployment.rest) }}
{% endcall %}
{% endfor %}
{% if packages %}
{% call fold("Packages of the harness (" ~ packages | length ~ ")") %}{{ tree(packages) }}{% endcall %}
{% endif %}
"""

_SHOWN_APART = frozenset({"campaign", "deployments", "packages", "host"})


class Manifest(Section):
    """All of ``manifest.json``, unknown keys included, and the campaign file verbatim."""

    kind = "manifest"
    title = "Manifest"
    order = 80

    def render(self, context: Context) -> Markup:
        manifest = context.manifest.as_json()
        return render(
            _TEMPLATE,
            run={key: value for key, value in manifest.items() if key not in _SHOWN_APART},
            host=manifest.get("host"),
            campaign=manifest.get("campaign"),
            packages=dict(sorted(manifest.get("packages", {}).items())),
            deployments=[
                {
                    "name": one["name"],
                    "command": " ".join(map(str, one.get("command") or ())),
                    "rest": {key: value for key, value in one.items() if key not in ("name", "command")},
                }
                for one in manifest["deployments"]
            ],
            text=_campaign_file(context),
        )


def _campaign_file(context: Context) -> str:
    path = context.results.layout.campaign
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
