"""A campaign, run from Python: :func:`aging.run`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from aging.api.arguments import Span, written_duration
from aging.api.results import Results, load_results
from aging.core.errors import InconclusiveError, InputError


def run(
    campaign: str | os.PathLike[str],
    *,
    duration: Span | None = None,
    scale: float | None = None,
    results: str | os.PathLike[str] = "results",
    quiet: bool = False,
) -> Results:
    """Run a campaign to its end, as ``aging run`` does, and return its results.

    ``campaign`` is a campaign file, or its text (anything with a line break). ``duration`` (``"3m"``, or seconds) and
    ``scale`` replace those of the file; ``results`` is the folder that the result directory is made in. What
    ``aging run`` prints goes to ``sys.stdout``, unless ``quiet``.

    The campaign runs in a process of its own, so that this works in a notebook, beside a running event loop and in a
    thread; the call returns when it has ended. An interrupt drains and analyzes it, and is raised again then; a second
    one ends it at once. Raises AgingError: CampaignError or PreflightError before anything is started,
    InconclusiveError for a campaign in which nothing could be measured or that a watchdog halted.
    """
    from aging.app.child_run import run_in_child  # noqa: PLC0415
    from aging.campaign.load import CampaignText, read_campaign  # noqa: PLC0415

    if isinstance(campaign, str) and "\n" in campaign:
        written = CampaignText(campaign, "campaign")
    elif isinstance(campaign, str | os.PathLike) and str(campaign):
        written = read_campaign(Path(campaign))
    else:
        raise InputError(f"campaign must be a campaign file or its text, not {campaign!r}")
    overrides = {"duration": duration if duration is None else written_duration(duration), "scale": scale}
    ran = run_in_child(written, Path(results), overrides, _ignore if quiet else _show)
    found = load_results(ran.root)
    if ran.outcome in ("FAILED", "HALTED"):
        reasons = zip(found.runs["deployment"], found.runs["reasons"], strict=True)
        why = ran.decided or "; ".join(f"{name}: {reason}" for name, reason in reasons if reason)
        raise InconclusiveError(f"{ran.root}: the campaign {ran.outcome.lower()}: {why}")
    return found


def _show(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _ignore(line: str) -> None:
    del line
