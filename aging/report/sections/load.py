"""The load: what was asked for, and what was sent to each server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from markupsafe import Markup

from aging.core import format
from aging.report.html.context import Context
from aging.report.html.templates import render
from aging.report.load_facts import Sent, asked, columns, sent
from aging.report.sections.base import Section
from aging.store.manifest import Load as LoadTable

_TEMPLATE = """
{% from "macros.html.j2" import wide %}
{% if loads %}
<p class="note">{{ same }} Seed {{ seed }}: the same seed and file give the same requests at the same times.</p>
{% else %}
<p class="note">No load was sent: the servers were watched under the load of their users.</p>
{% endif %}
{% for title, facts in loads %}
{% if title %}<h3>{{ title }}</h3>{% endif %}
<dl class="tree card">
{% for term, text in facts %}<div><dt>{{ term }}</dt><dd>{{ text }}</dd></div>
{% endfor %}
</dl>
{% endfor %}
{% if rows %}
{% call wide("Requests sent to each server") %}
<table class="findings">
<thead><tr><th scope="col">Deployment</th><th scope="col" class="num">Load for</th>
<th scope="col" class="num">Requests</th><th scope="col" class="num">Per second</th>
<th scope="col" class="num">Failed</th><th scope="col" class="num">Dropped</th>
{% if faults %}<th scope="col" class="num">Client faults</th>{% endif %}
<th scope="col" class="num">In flight, mean</th><th scope="col" class="num">most</th>
<th scope="col" class="num">Prompt tokens</th><th scope="col" class="num">Answer tokens</th></tr></thead>
<tbody>
{% for row in rows %}
<tr><th scope="row">{{ row.name | named }}{% if row.replica %} <small>replica {{ row.replica }}</small>{% endif %}</th>
{% for text, bad in row.cells %}<td class="num{{ " bad-text" if bad }}">{{ text }}</td>{% endfor %}</tr>
{% endfor %}
</tbody></table>
{% endcall %}
<p class="note">Token counts are means of the answered requests, as the server reported them.</p>
{% endif %}
"""


class Load(Section):
    """The load table in words, then a row per run."""

    kind = "load"
    title = "Load"
    order = 36

    def render(self, context: Context) -> Markup:
        loads = list(_loads(context))
        found = [one for run in context.runs if (one := _sent(context, *run)) is not None]
        if not loads and not found:
            return render(_TEMPLATE, loads=(), rows=(), faults=False, same="", seed=context.manifest.seed)
        faults = any(set(one.outcomes) & {"aborted", "refused"} for one in found)
        return render(
            _TEMPLATE,
            loads=loads,
            rows=[_row(context, one, faults=faults) for one in found],
            faults=faults,
            same=_same(context),
            seed=context.manifest.seed,
        )


def _loads(context: Context) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Each different load of the campaign, with the points that had it where there are several."""
    groups: dict[str, tuple[LoadTable, list[str]]] = {}
    for one in context.manifest.deployments:
        load = context.manifest.load_of(one.name)
        if load is not None:
            groups.setdefault(str(load.as_json()), (load, []))[1].append(one.name)
    for load, names in groups.values():
        more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
        facts = list(asked(load))
        own = {
            one.name: one.options.get("rate")
            for one in context.manifest.deployments
            if one.name in names and one.options.get("rate") is not None
        }
        facts += [(f"Rate of {name}", f"{rate} requests/s") for name, rate in own.items()]
        yield (", ".join(names[:_MOST_NAMED]) + more if len(groups) > 1 else "", facts)


_MOST_NAMED = 6


def _same(context: Context) -> str:
    hashes = set(context.manifest.schedule_hashes.values())
    if len(hashes) == 1 and len(context.manifest.schedule_hashes) > 1:
        return "Every server was sent the same requests at the same times."
    return ""


def _sent(context: Context, deployment: str, replica: int) -> Sent | None:
    return sent(deployment, replica, context.results.requests(deployment, replica, columns()))


def _row(context: Context, one: Sent, *, faults: bool) -> dict[str, Any]:
    failed, dropped = one.outcomes.get("error", 0), one.outcomes.get("dropped", 0)
    meant = one.outcomes.get("aborted", 0) + one.outcomes.get("refused", 0)
    cells = [
        (format.readable_duration(one.seconds), False),
        (format.count(one.requests), False),
        (format.NONE if one.rate is None else f"{one.rate:.3g}", False),
        (_of(failed, one.requests), bool(failed)),
        (_of(dropped, one.requests), bool(dropped)),
        *([(format.count(meant), False)] if faults else []),
        (format.NONE if one.in_flight_mean is None else f"{one.in_flight_mean:.2g}", False),
        (format.count(one.in_flight_most), False),
        (_tokens(one.prompt_tokens), False),
        (_tokens(one.output_tokens), False),
    ]
    several = len(context.results.replicas(one.deployment)) > 1
    return {"name": one.deployment, "replica": one.replica if several else None, "cells": cells}


def _of(part: int, whole: int) -> str:
    return "0" if not part else f"{part:,} ({format.share(part / whole)})"


def _tokens(mean: float | None) -> str:
    return format.NONE if mean is None else f"{mean:.1f}"
