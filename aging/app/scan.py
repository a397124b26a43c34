"""A scan of a Prometheus server: asking, judging, and what is kept of it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from aging.findings.fleet.answers import Asked, Kept
from aging.findings.fleet.catalogue import Catalogue
from aging.findings.fleet.fetch import Fetch, Fleet
from aging.findings.fleet.judge import Judging, judge
from aging.findings.fleet.questions import Selector
from aging.findings.fleet.types import Scan
from aging.tables.prometheus import Prometheus, Window, usual_step

Progress = Callable[[str, int, int], None]

_FEWEST = 240
"""Values of the oldest series below which a range is asked for again, only as far as that reaches back."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a scan is to judge: selectors (none: everything), how far back and how densely (None: by the range)."""

    selectors: Sequence[Selector]
    seconds: float
    step: float | None = None
    judging: Judging = field(default_factory=Judging)


def scan(server: Prometheus, question: Question, known: Catalogue, folder: Path | None, progress: Progress) -> Scan:
    """Ask and judge. Answers are kept in ``folder``, from which an interrupted scan goes on.

    Raises :class:`~aging.core.errors.AgingError` where the selectors match nothing, and
    :class:`~aging.tables.prometheus.PrometheusError` where the server does not answer at all.
    """
    step = question.step or usual_step(question.seconds, None)
    asked = Asked(
        server.shown,
        tuple(map(str, question.selectors)),
        question.seconds,
        step,
        hashlib.sha256(repr(known).encode()).hexdigest()[:16],
    )
    kept = Kept.begin(folder, asked)
    fleet = Fetch(server, kept, question.selectors, progress).fleet(known)
    finer = None if question.step is not None else _finer(server, fleet, kept.window)
    if finer is not None:
        kept = replace(kept, window=finer)
        fleet = Fetch(server, kept, question.selectors, progress).fleet(known)
    found = judge(
        fleet, kept.window, server.shown, question.judging, lambda done, all_: progress("judging", done, all_)
    )
    kept.finish()
    reached = finer is None or finer.end - finer.start > question.seconds - step
    return found if reached else replace(found, asked_seconds=question.seconds)


def _finer(server: Prometheus, fleet: Fleet, window: Window) -> Window | None:
    """The time that the oldest series reaches back, more densely; None where it has enough values or no denser ones."""
    now = time.time()
    seconds = now - max(fleet.reaches_back(window), window.start)
    if not fleet.metrics or seconds >= _FEWEST * window.step:
        return None
    every = server.scraped_every(fleet.metrics[0], now)
    step = usual_step(seconds, every)
    return Window.last(seconds, step, now) if step < window.step else None
