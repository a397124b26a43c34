"""What a notebook shows of a result directory."""

from __future__ import annotations

from html import escape

from aging.api.contents import Contents
from aging.core.format import readable_duration
from aging.findings.html import findings_html
from aging.findings.settings import AS_CAMPAIGN


def results_html(contents: Contents) -> str:
    """The directory, its runs, and its findings where they are known: to show them nothing is computed."""
    stored, state = contents.stored, contents.stored.state
    judged = f"; judged with {contents.settings}" if contents.settings != AS_CAMPAIGN else ""
    head = (
        f"<p><b>{escape(stored.name)}</b> in {escape(str(stored.layout.root))} ({escape(contents.phase)}{judged})</p>"
    )
    runs = [run for run in state.runs.values() if run.load_start is not None]
    planned = max((run.planned_seconds or 0.0 for run in runs), default=0.0)
    size = f"<p>{len(stored.deployments)} deployments, {len(runs)} runs of {readable_duration(planned)} of load</p>"
    known = contents.known_findings
    if known is None:
        names = ", ".join(map(escape, stored.deployments))
        return f"{head}{size}<p>{names}</p><p>Not analyzed yet: call findings().</p>"
    return head + size + findings_html(known)
