"""The contents of a result directory by name; a name that is not there is an InputError that says which are."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NoReturn

import numpy as np
import pandas as pd

import aging.stats.trend_tests
from aging.api.arguments import check_name, listed
from aging.api.judged import SINCE_LOAD, JudgedSeries
from aging.core.errors import InputError
from aging.core.metrics import indicators, is_engine_series
from aging.core.plugins import discover
from aging.core.records import HARNESS
from aging.findings.build import analyze
from aging.findings.current_findings import current_findings
from aging.findings.findings_file import written_since_the_end
from aging.findings.frames import utc_times
from aging.findings.series import SETTLING_SECONDS, Measured, Series, Window, load_classes
from aging.findings.settings import AS_CAMPAIGN, Settings
from aging.findings.types import Finding, Findings
from aging.stats.trend_tests.base import TrendTest
from aging.store.results import Results

SINCE_FIRST = "seconds_since_first_row"
"""The name of an index of times where no load has begun."""

_REQUESTS = "requests"
_ALWAYS = ("wall", "mono", "entity", "generation")


@dataclass(frozen=True)
class Contents:
    """What a result directory holds, judged with these ``settings``; what is computed of it is computed once."""

    stored: Results
    settings: Settings = AS_CAMPAIGN

    @cached_property
    def tests(self) -> Mapping[str, TrendTest]:
        """Every trend test by its kind."""
        return discover(aging.stats.trend_tests, TrendTest)

    @cached_property
    def measured(self) -> Measured:
        """Windows and series."""
        return Measured(self.stored)

    @cached_property
    def findings(self) -> Findings:
        """Those of the file where the campaign has ended since, else computed; computed under other settings."""
        if self.settings != AS_CAMPAIGN:
            return analyze(self.stored, self.tests, self.measured)
        return current_findings(self.measured, self.tests)

    @property
    def known_findings(self) -> Findings | None:
        """The findings, where they need not be computed; else None."""
        if "findings" in vars(self):
            return self.findings
        return written_since_the_end(self.stored) if self.settings == AS_CAMPAIGN else None

    @property
    def phase(self) -> str:
        """How far the campaign was."""
        return self.stored.state.phase

    @cached_property
    def processes(self) -> tuple[str, ...]:
        """The harness's own processes, as owners of series."""
        return tuple(dict.fromkeys(one.owner for one in self.measured.harness))

    def finding(self, deployment: str, indicator: str) -> Finding | None:
        """The finding of one indicator; None where it has none."""
        of_it = (one for one in self.findings.findings if (one.deployment, one.indicator) == (deployment, indicator))
        return next(of_it, None)

    def chosen_findings(self, deployment: str | None, indicator: str | None) -> list[Finding]:
        """Those of one deployment (or process of the harness) and one indicator; None: of all."""
        if deployment is not None:
            self.check_owner(deployment)
        every = self.findings.findings
        of_it = [one for one in every if deployment in (None, one.deployment)]
        if deployment is not None and not of_it:
            raise InputError(f"{deployment} has no findings yet (the campaign is {self.phase})")
        if indicator is None:
            return of_it
        chosen = [one for one in of_it if one.indicator == indicator]
        if not chosen:
            there = dict.fromkeys(one.indicator for one in of_it)
            if deployment is not None and any(one.indicator == indicator for one in every):
                raise InputError(f"{deployment} has no finding of {indicator}; it has: {listed(there)}")
            check_name(indicator, there, f"there is no finding of {indicator!r}")
        return chosen

    def common_indicators(self, deployments: Sequence[str]) -> list[str]:
        """Indicators of these deployments without the series that are an engine's own."""
        found = dict.fromkeys(one.indicator for one in self.findings.findings if one.deployment in deployments)
        return [one for one in found if not is_engine_series(one)] or list(found)

    def subject(self, deployment: str | None) -> str:
        """The deployment that is meant: the only one where none is named."""
        if deployment is not None:
            return deployment
        if len(self.stored.deployments) == 1:
            return self.stored.deployments[0]
        raise InputError(f"name one of the deployments: {listed(self.stored.deployments)}")

    def check_owner(self, deployment: str) -> None:
        """Raise for a name that is neither a deployment nor a process of the harness."""
        if isinstance(deployment, str) and deployment in self.stored.deployments:
            return
        what = (
            "harness process" if isinstance(deployment, str) and deployment.startswith(f"{HARNESS}/") else "deployment"
        )
        there = (*self.stored.deployments, *self.processes)
        check_name(deployment, there, f"{self.stored.layout.root}: there is no {what} {deployment!r}")

    def check_run(self, deployment: str, replica: int, more: Iterable[str] = ()) -> None:
        """Raise where there is no such deployment, or no such replica of it; ``more`` are names beside deployments."""
        stored = self.stored
        there = (*stored.deployments, *more)
        check_name(deployment, there, f"{stored.layout.root}: there is no deployment {deployment!r}")
        left = stored.replicas(deployment) if deployment in stored.deployments else (1,)
        if replica not in left:
            begun = f"it has: {listed(left)}" if left else f"it has not begun yet (the campaign is {self.phase})"
            raise InputError(f"{deployment} has no replica {replica!r}; {begun}")

    def rows(self, deployment: str, source: str, replica: int) -> pd.DataFrame:
        """Rows of one source of one run; ``_harness`` is an owner, too."""
        self.check_run(deployment, replica, (HARNESS,))
        folder = self.stored.layout.run(deployment, replica)
        there = [one.name for one in sorted(folder.glob("*")) if one.is_dir() and one.name != "logs"]
        if source == _REQUESTS and source not in there:
            raise InputError(f"{deployment} has no requests: {self._why_no_requests(deployment)}")
        check_name(source, there, f"{deployment} left no rows of {source!r}")
        frame = self.stored.samples(deployment, source, replica)
        if frame.empty:
            raise InputError(f"{deployment} has no rows of {source!r} yet (the campaign is {self.phase})")
        return frame

    def _why_no_requests(self, deployment: str) -> str:
        if deployment == HARNESS:
            return f"the harness receives none; name one of: {listed(self.stored.deployments)}"
        if self.stored.manifest.load_of(deployment) is None:
            return "the campaign only watched it and sent none"
        return f"none has ended yet (the campaign is {self.phase})"

    def columns(self, frame: pd.DataFrame, names: Sequence[str], whose: str) -> pd.DataFrame:
        """These columns of a source's rows beside those of every row; each must have been read at least once."""
        if isinstance(names, str):
            raise InputError(f"columns: {names!r} is one name; give a list of names, like [{names!r}]")
        for name in names:
            check_name(name, frame.columns, f"{whose} has no column {name!r}")
            if frame[name].isna().all():
                raise InputError(f"{whose} never has a value of {name!r}, in {len(frame)} rows{_reason(frame, name)}")
        return frame[[name for name in frame.columns if name in (*_ALWAYS, *names)]]

    def indexed(self, frame: pd.DataFrame, deployment: str, replica: int, time: str) -> pd.DataFrame:
        """The same rows, indexed by the seconds of load of their column ``time``."""
        runs = self.stored.state.runs
        starts = [
            run.load_start
            for (name, number), run in runs.items()
            if run.load_start is not None and (deployment == HARNESS or (name, number) == (deployment, replica))
        ]
        origin, name = (min(starts), SINCE_LOAD) if starts else (float(frame[time].iloc[0]), SINCE_FIRST)
        indexed = frame.set_index(pd.Index(frame[time].to_numpy(dtype=np.float64) - origin, name=name))
        return indexed.assign(wall=utc_times(indexed["wall"])) if "wall" in indexed else indexed

    def of_run(self, deployment: str, replica: int) -> Sequence[Series]:
        """The series of one run, or of a process of the harness (``_harness/runner``)."""
        if isinstance(deployment, str) and deployment.startswith(f"{HARNESS}/"):
            self.check_owner(deployment)
            self.check_run(deployment, replica, self.processes)
            return [one for one in self.measured.harness if one.owner == deployment]
        self.check_run(deployment, replica, self.processes)
        return self.measured.of(deployment, replica)

    def judged(self, deployment: str, indicator: str, replica: int = 1, generation: int | None = None) -> JudgedSeries:
        """One generation of an indicator, the longest unless one is named, as the findings judge it."""
        found = self.of_run(deployment, replica)
        mine = {one.generation: one for one in found if one.indicator == indicator and one.t.size}
        if not mine:
            self.no_series(deployment, replica, indicator, found)
        if generation is not None and generation not in mine:
            raise InputError(
                f"{deployment} has no series of {indicator} of generation {generation!r}; it has: {listed(mine)}"
            )
        longest = max(mine.values(), key=lambda one: one.t.size)
        one = longest if generation is None else mine[generation]
        reasons = []
        if one.generation != longest.generation:
            reasons.append(f"the finding is about the longest generation, {longest.generation}")
        replicas = self.stored.replicas(deployment) if deployment in self.stored.deployments else (1,)
        if len(replicas) > 1:
            reasons.append(f"the finding pools {len(replicas)} replicas; its by_replica has this one")
        return JudgedSeries(one, self._window(deployment, replica), "; ".join(reasons) or None)

    def _window(self, deployment: str, replica: int) -> Window:
        if deployment in self.stored.deployments:
            return self.measured.windows[deployment, replica]
        window = self.measured.harness_window
        return replace(window, warmup=max(window.warmup, SETTLING_SECONDS))

    def no_series(self, deployment: str, replica: int, indicator: str, found: Sequence[Series]) -> NoReturn:
        """Raise, for an ``indicator`` of which a run left no series among those ``found``."""
        there = dict.fromkeys(one.indicator for one in found if one.t.size)
        if not there:
            raise InputError(
                f"{deployment} has no series yet: its load has not begun, or nothing was sampled after the warm-up "
                f"(the campaign is {self.phase})"
            )
        classes = load_classes(self.stored, deployment) if deployment in self.stored.deployments else ()
        if indicator not in indicators(classes):
            check_name(indicator, there, f"there is no indicator {indicator!r}")
        raise InputError(f"{deployment}, replica {replica}, has no series of {indicator}; it has: {listed(there)}")


def _reason(frame: pd.DataFrame, name: str) -> str:
    """Why a metric is missing, as its rows have it."""
    if "missing" not in frame:
        return ""
    said = Counter(
        str(why) for text in frame["missing"].dropna() if (why := _missing(text).get(name)) is not None
    ).most_common(1)
    return f": {said[0][0]}" if said else ""


def _missing(text: object) -> Mapping[str, object]:
    try:
        found = json.loads(str(text))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
