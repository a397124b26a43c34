"""What the whole pipeline says of recorded servers, healthy and leaking, watched for 3 minutes to an hour.

The recordings of ``results/recordings``, from their first sample on, with the count of answers beside the memory. Of a
healthy server a verdict of ``aging`` is a false accusation; but while its caches still fill, its memory grows as
a leak's does, and no method can tell: a server that grows by more than a third as fast in the rest of its hour as
it did in the window is listed apart, as filling. Of a leaking server ``bounded`` and ``stable`` are false
all-clears. The rules were chosen on the half ``tune``; the half ``held-out`` was looked at once.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd

from aging.stats import Trend, trend_test
from analysis.methods.study import conduct, on_all_cores, progress
from analysis.recordings.dataset import Recording, load
from analysis.recordings.programs import Half

LENGTHS = (180, 360, 600, 1200, 2400, 3600)
VERDICTS = ("aging", "bounded", "step", "cyclic", "stable", "inconclusive")
_HALVES: tuple[Half, ...] = ("tune", "held-out")
_STILL = 1 / 3


def watched(recording: Recording, seconds: float) -> Trend | None:
    """Return the trend of a recording's first ``seconds``; None where it is shorter or, of a leak, leaked too late."""
    t = recording.t - recording.t[0]
    if t[-1] < 0.97 * seconds:
        return None
    kept = t <= seconds
    leak = recording.leak
    if leak is not None and leak.start - recording.t[0] > seconds / 2:
        return None
    requests = recording.requests[kept].astype(np.float64)
    return trend_test(recording.t[kept], recording.memory[kept], work={"requests": requests})


def is_filling(recording: Recording, seconds: float) -> bool:
    """Whether memory grows in the rest of the recording at more than a third of its rate in the window so far."""
    t = recording.t - recording.t[0]
    now = int(np.searchsorted(t, seconds, side="right")) - 1
    if t[-1] - t[now] < seconds / 4:
        return recording.truth == "fills"
    edge = max(now // 20, 1)
    first, last = (float(np.median(recording.memory[k : k + edge])) for k in (edge, max(now - edge, 0)))
    rest = recording.memory[now:]
    later = float(np.median(rest[-max(rest.size // 20, 1) :]))
    return bool((later - last) / (t[-1] - t[now]) > _STILL * max(last - first, 0.0) / seconds > 0)


def kind_of(recording: Recording, seconds: float) -> str:
    """Return ``leak``, ``filling`` or ``healthy``, as it is in the window."""
    if recording.truth == "leak":
        return "leak, staircase" if recording.leak is not None and recording.leak.staircase else "leak"
    return "filling" if is_filling(recording, seconds) else "healthy"


def measure(full: bool) -> pd.DataFrame:
    """One row a half, kind and length."""
    lengths = LENGTHS if full else LENGTHS[:3]
    rows = [row for part in on_all_cores(_rows, [(half, lengths, full) for half in _HALVES]) for row in part]
    return pd.DataFrame(rows)


def _rows(cell: tuple[Half, tuple[int, ...], bool]) -> list[dict[str, object]]:
    half, lengths, full = cell
    recordings = load(half=half)
    found: dict[tuple[str, int], Counter[str]] = {}
    for recording in recordings if full else recordings[:10]:
        for seconds in lengths:
            trend = watched(recording, seconds)
            if trend is not None:
                found.setdefault((kind_of(recording, seconds), seconds), Counter())[trend.verdict] += 1
    progress(f"{half}: {len(recordings)} recordings")
    return [
        {"half": half, "kind": kind, "seconds": seconds, "recordings": sum(counts.values())}
        | {verdict: counts[verdict] for verdict in VERDICTS}
        for (kind, seconds), counts in sorted(found.items())
    ]


if __name__ == "__main__":
    conduct("recorded_servers", __doc__, measure)
