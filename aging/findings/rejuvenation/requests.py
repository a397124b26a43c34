"""The requests of a run around its rejuvenations."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aging.findings.latencies import latencies
from aging.findings.series import Floats
from aging.findings.types import FirstTokens
from aging.load.schedule.planned_request import CLASS_STRIDE

NO_RECORD = "no-record"
"""Kind of the loss of a request that left no record."""

_OF_UNKNOWN_KIND = "error"


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a rejuvenation reaches, in monotonic seconds: from its ``begin`` to its ``end``, and ``until`` the last
    request that it held is sent and answered. ``drained``: until it is sent.
    """

    begin: float
    end: float
    drained: float
    until: float


@dataclass(frozen=True)
class Requests:
    """The request records of a run in the order in which they were due, as arrays of shape (n,).

    Times are monotonic seconds; ``ttft`` counts from when a request was sent, or due where it was held, NaN where it
    has none. ``expected`` leaves out client faults, which are meant to fail.
    """

    index: NDArray[np.int64] | None
    due: Floats
    sent: Floats
    finished: Floats
    ttft: Floats
    failed: NDArray[np.bool_]
    ok: NDArray[np.bool_]
    dropped: NDArray[np.bool_]
    held: NDArray[np.bool_]
    expected: NDArray[np.bool_]
    failure: NDArray[np.object_]

    @classmethod
    def of(cls, records: pd.DataFrame) -> Requests:
        """Of the request records of a run."""
        rows = records.sort_values("scheduled", kind="stable") if len(records) else _NONE
        status = rows["status"].to_numpy()
        faults = rows["fault"].fillna("").to_numpy() if "fault" in rows else np.full(len(rows), "")
        kinds = rows["failure"] if "failure" in rows else pd.Series(None, index=rows.index, dtype=object)
        return cls(
            index=rows["index"].to_numpy(dtype=np.int64) if "index" in rows else None,
            due=rows["scheduled"].to_numpy(dtype=np.float64),
            sent=rows["sent"].to_numpy(dtype=np.float64),
            finished=rows["finished"].to_numpy(dtype=np.float64),
            ttft=latencies(rows, "waited")["ttft"].to_numpy(dtype=np.float64),
            failed=np.isin(status, ("error", "dropped")),
            ok=status == "ok",
            dropped=status == "dropped",
            held=rows["held"].to_numpy(dtype=bool),
            expected=faults == "",
            failure=kinds.to_numpy(dtype=object),
        )

    def __len__(self) -> int:
        return self.due.size

    def between(self, begin: float, end: float) -> slice:
        """Those that were due from ``begin`` until before ``end``."""
        first, last = np.searchsorted(self.due, (begin, end), side="left")
        return slice(int(first), int(last))

    def reach(self, begin: float, end: float, following: float) -> Reach:
        """How far a rejuvenation from ``begin`` to ``end`` reaches; the next one begins at ``following``."""
        part = self.between(begin, following)
        held = self.held[part]
        if not held.any():
            return Reach(begin, end, end, end)
        sent, finished = self.sent[part][held], self.finished[part][held]
        drained = np.where(np.isnan(sent), finished, sent).max()
        return Reach(begin, end, max(end, float(drained)), max(end, float(finished.max())))

    def touched(self, reach: Reach, following: float) -> NDArray[np.int64]:
        """Places of the requests that a rejuvenation touched.

        They were due or in flight while it lasted, or waited because of it, or were dropped while those were answered.
        """
        part = self.between(reach.begin - self._longest, max(following, reach.end))
        due, finished = self.due[part], self.finished[part]
        while_it_lasted = (due <= reach.end) & (finished >= reach.begin)
        waited = self.held[part] & (due >= reach.begin)
        crowded_out = self.dropped[part] & (due >= reach.begin) & (due <= reach.until)
        places: NDArray[np.int64] = np.flatnonzero(while_it_lasted | waited | crowded_out) + part.start
        return places

    def lost(self, places: NDArray[np.int64], following: float) -> Mapping[str, int]:
        """How many of these failed before the next rejuvenation began at ``following``, by kind."""
        gone = places[self.failed[places] & self.expected[places] & (self.finished[places] < following)]
        kinds = Counter(
            "dropped" if self.dropped[one] else str(kind) if isinstance(kind := self.failure[one], str) else None
            for one in gone
        )
        return {kind or _OF_UNKNOWN_KIND: count for kind, count in kinds.most_common()}

    def waits(self, places: NDArray[np.int64]) -> Floats:
        """How long those of these that were held waited, in seconds."""
        held = places[self.held[places]]
        until: Floats = np.where(np.isnan(self.sent[held]), self.finished[held], self.sent[held]) - self.due[held]
        return until

    def without_record(self, reach: Reach) -> frozenset[int]:
        """The numbers that are missing from the last request before it to the first that was due after it.

        Where none was due after it, that of requests after the last is not known.
        """
        missing: set[int] = set()
        for due, numbers in self._by_class:
            first = max(int(np.searchsorted(due, reach.begin, side="left")) - 1, 0)
            around = numbers[first : int(np.searchsorted(due, reach.drained, side="right")) + 1]
            if around.size:
                missing |= set(range(int(around.min()), int(around.max()))) - set(around.tolist())
        return frozenset(missing)

    def next_due(self, reach: Reach) -> float:
        """When the first request with a record was due after it; infinite without one."""
        place = int(np.searchsorted(self.due, reach.drained, side="right"))
        return float(self.due[place]) if place < len(self.due) else math.inf

    @cached_property
    def _longest(self) -> float:
        """No request took longer from when it was due, so that few need to be looked at."""
        return float((self.finished - self.due).max(initial=0.0))

    @cached_property
    def _by_class(self) -> Sequence[tuple[Floats, NDArray[np.int64]]]:
        """When the requests of each class were due, and their numbers."""
        if self.index is None:
            return ()
        classes = self.index // CLASS_STRIDE
        return [(self.due[classes == one], self.index[classes == one]) for one in np.unique(classes)]

    def duplicated(self, places: NDArray[np.int64]) -> int:
        """Records of requests of these beyond the first of each; of those that were sent."""
        if self.index is None:
            return 0
        sent = self.index[places][~np.isnan(self.sent[places])]
        return int(sent.size - np.unique(sent).size)

    def first_tokens(self, part: slice) -> FirstTokens:
        """Times to first token of a stretch."""
        return first_tokens(self.ttft[part])

    def failing_seconds(self, reach: Reach) -> float:
        """The longest stretch in which every request failed, from when its first to when its last was due."""
        part = self.between(reach.begin, np.nextafter(reach.until, np.inf))
        due, bad = self.due[part], self.failed[part] & self.expected[part]
        edges = np.flatnonzero(np.diff(bad.astype(np.int8), prepend=0, append=0))
        stretches = due[edges[1::2] - 1] - due[edges[::2]]
        return float(stretches.max(initial=0.0))


def first_tokens(seconds: Floats) -> FirstTokens:
    """Of times to first token in seconds, NaN where there is none."""
    known = seconds[np.isfinite(seconds)]
    if not known.size:
        return FirstTokens(0, None, None)
    middle, tail = np.quantile(known, (0.5, 0.99))
    return FirstTokens(int(known.size), float(middle), float(tail))


_NONE = pd.DataFrame(
    {
        "scheduled": pd.Series(dtype=float),
        "sent": pd.Series(dtype=float),
        "finished": pd.Series(dtype=float),
        "first_token": pd.Series(dtype=float),
        "last_token": pd.Series(dtype=float),
        "output_tokens": pd.Series(dtype=float),
        "status": pd.Series(dtype=object),
        "streaming": pd.Series(dtype=bool),
        "held": pd.Series(dtype=bool),
    }
)
"""A run without requests."""
