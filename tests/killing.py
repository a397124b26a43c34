"""What must hold of a campaign whose runner was killed and which was taken up again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from aging.store.results import Results, open_results

SAMPLING_SECONDS = 0.2


def problems(results: Results) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(results.layout.findings.read_text())["problems"]
    return found


def assert_nothing_lost(
    root: Path,
    kills: Sequence[float],
    deployments: Sequence[str] = ("clean", "leak"),
    interval: float = SAMPLING_SECONDS,
) -> Results:
    """No sample older than a moment before a kill lost, no duplicate, and no gap without a reason."""
    results = open_results(root)
    absences = [
        (event.details["gone_since"], event.stamp.mono) for event in results.events if event.kind == "campaign_resumed"
    ]
    found = problems(results)
    assert not [problem for problem in found if problem["kind"] in ("lost", "trimmed", "schedule", "died")], found
    for name in deployments:
        requests = results.requests(name)
        assert requests.empty or requests["index"].is_unique
        if any(problem["kind"] == "short" and problem["deployment"] == name for problem in found):
            arrived = 0  # its time had passed before another runner came, which is reported
        else:
            finished = [event.details["requests"] for event in results.events if event.kind == "load_finished"]
            arrived = max(finished, default=0)  # none where its load was ended, too
        unsent = sum(
            int(problem["message"].split()[0])
            for problem in found
            if problem["kind"] == "unsent" and problem["deployment"] == name
        )
        assert len(requests) + unsent >= arrived - 1, "an arrival without a record or a reason"
        samples = results.samples(name, "process")
        times = samples["mono"].to_numpy()
        assert (times[1:] > times[:-1]).all()
        for (begin, end), missed in zip(pairwise(times), samples["missed"].to_numpy()[1:], strict=True):
            tolerated = (missed + 5) * interval  # a busy host: the row says so
            absent = any(begin < back and end > gone for gone, back in absences)
            assert end - begin < tolerated or absent, f"gap of {end - begin}"
        for kill in kills:
            begun = max(
                event.stamp.mono for event in results.events if "campaign" in event.kind and event.stamp.mono < kill
            )
            before = times[times < kill]
            if before.size and before.size < times.size and kill - begun > 2.0:
                missed = samples["missed"].to_numpy()[: before.size].max()
                assert kill - before[-1] < max(1.0, 2 * interval) + missed * interval, (
                    "samples before the kill were lost"
                )
    return results


def assert_the_leak_is_found(results: Results) -> None:
    """As undisturbed: what leaks is aging at its known rate, within the interval; what does not is not."""
    findings = json.loads(results.layout.findings.read_text())
    controls = {control["deployment"]: control for control in findings["controls"]}
    assert controls["clean"]["verdict"] != "aging"
    leak = controls["leak"]
    if leak["ci_per_hour"] is not None:
        low, high = leak["ci_per_hour"]
        margin = 0.1 * leak["expected_per_hour"]
        assert low - margin <= leak["expected_per_hour"] <= high + margin
        assert leak["verdict"] in ("aging", "inconclusive")
