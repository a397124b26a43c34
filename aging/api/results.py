"""A result directory as a caller sees it: names, frames, series, findings, plots."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

import pandas as pd

from aging.api.arguments import Span, check_name, cost_of, limit_of, listed
from aging.api.contents import Contents
from aging.api.html import results_html
from aging.api.plots import Plots
from aging.api.sensitivity import sensitivity
from aging.api.trend_result import TrendResult
from aging.campaign.errors import suggestion
from aging.core.errors import InputError, MistakesError
from aging.core.metrics import PRIMARY
from aging.core.parts import REPORT
from aging.findings.frames import events_frame, findings_frame, runs_frame
from aging.findings.latencies import Base, latencies
from aging.findings.settings import AS_CAMPAIGN, Settings
from aging.findings.types import Findings
from aging.store.events import KINDS
from aging.store.manifest import Manifest
from aging.store.results import Results as StoredResults
from aging.store.results import open_results as open_stored

if TYPE_CHECKING:
    import xarray

    from aging.findings.rejuvenation.advice import Advice


def load_results(path: str | os.PathLike[str]) -> Results:
    """Open a result directory, complete or of a campaign that still runs.

    What is read later may be newer, but deployments, runs and events are as they were at this moment: call it again to
    see a running campaign go on. Raises AgingError for a path that is no result directory.
    """
    if not isinstance(path, str | os.PathLike) or not str(path):
        raise InputError(f"load_results: {path!r} is not a path; name a result directory")
    return Results(open_stored(Path(path)))


open_results = load_results
"""The former name of :func:`load_results`."""


@dataclass(frozen=True, repr=False)
class Results:
    """A result directory. A name that is not there is an AgingError that says which are.

    ``settings`` are those that its series are judged with in place of the campaign's (:func:`aging.analyze`).
    """

    stored: StoredResults
    settings: Settings = AS_CAMPAIGN

    @property
    def path(self) -> Path:
        """The result directory."""
        return self.stored.layout.root

    @property
    def phase(self) -> str:
        """How far the campaign was: ``running``, ``completed``, …"""
        return self.stored.state.phase

    @property
    def deployments(self) -> tuple[str, ...]:
        """Names of the deployments under test, in the campaign's order."""
        return self.stored.deployments

    @property
    def manifest(self) -> Manifest:
        """What exactly was run: campaign, deployments, host, versions, seed."""
        return self.stored.manifest

    @property
    def runs(self) -> pd.DataFrame:
        """One row a run: ``validity``, ``reasons``, and ``start`` and ``end`` of its load (UTC; NaT: not yet)."""
        return runs_frame(self.stored)

    def samples(
        self, deployment: str, source: str, replica: int = 1, columns: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """Rows of one sampler, indexed by seconds of load; ``wall`` is the time (UTC), ``mono`` the host's clock.

        ``deployment`` may be ``"_harness"``: the harness's own processes, the host, the devices. ``columns`` reads no
        others beside ``wall``, ``mono``, ``entity`` and ``generation``; one without any value is an error. Before the
        load the index is negative; where no load has begun it counts from the first row, and its name says so
        (``seconds_since_first_row``).
        """
        if source == "requests":
            raise InputError(f"samples: 'requests' is not a sampler; call requests({deployment!r})")
        contents = self._contents
        frame = contents.rows(deployment, source, replica)
        if columns is not None:
            frame = contents.columns(frame, columns, f"{source} of {deployment}")
        return contents.indexed(frame, deployment, replica, "mono")

    def requests(self, deployment: str, replica: int = 1, base: Base = "sent") -> pd.DataFrame:
        """One row a request, indexed by the seconds of load at which it ended, with latencies in seconds.

        ``ttft`` (time to first token) and ``e2e`` (to the last) count from ``base``: ``"sent"`` is the server's part
        alone, ``"scheduled"`` includes the wait in the client's queue, ``"waited"`` counts from when it was sent, or
        due where a rejuvenation held it back. ``tpot`` is the time per further token, ``stall`` the longest wait for
        one. NaN where a request has none: it failed, or was not streamed. They are those of
        ``aging.findings.latencies``; the indicators of the findings count from ``"sent"``.
        """
        if base not in (known := ("sent", "scheduled", "waited")):
            raise InputError(f"base: {base!r} is unknown; {suggestion(base, known)}")
        frame = self._contents.rows(deployment, "requests", replica)
        seconds = latencies(frame, base)
        return self._contents.indexed(
            frame.assign(**{str(name): seconds[name] for name in seconds}), deployment, replica, "finished"
        )

    def series(self, deployment: str, indicator: str, replica: int = 1, generation: int | None = None) -> pd.Series:
        """The aligned series that is judged, indexed by seconds since its load began, the warm-up left out.

        It is of one generation (one life of the server process): the longest, which stands for the run, unless another
        is named. Counters (``…_total``) are rates per second, and named so. ``attrs`` have the deployment, indicator,
        replica and generation, ``units``, ``grid_seconds``, ``warmup_seconds``, ``load_seconds``, ``window_seconds``
        (first and last time), the ``work`` counted until each time, and ``differs``: why the finding is another one.
        ``aging.trend`` of it, unchanged, has the rates of the finding.
        """
        return self._contents.judged(deployment, indicator, replica, generation).as_pandas()

    def trend(self, deployment: str, indicator: str, replica: int = 1, generation: int | None = None) -> TrendResult:
        """The trend of :meth:`series`: what ``by_replica`` of the finding has, with everything that it rests on."""
        found = self._contents.judged(deployment, indicator, replica, generation).result()
        if found.analysis.trend is None:
            raise InputError(f"{deployment}, {indicator}: {'; '.join(found.notes)}")
        return found

    def events(
        self, event: str | None = None, *, deployment: str | None = None, replica: int | None = None
    ) -> pd.DataFrame:
        """The journal: ``wall`` (UTC), ``seconds`` since the campaign began, ``event``, ``deployment``, ``details``.

        Those of one kind of ``event``, of one ``deployment`` and of one ``replica`` alone, where they are named; the
        frame is empty where no event of a known kind happened.
        """
        frame = events_frame(self.stored)
        if event is not None:
            check_name(event, sorted({*KINDS, *frame["event"].unique()}), f"there is no event {event!r}")
            frame = frame[frame["event"] == event]
        if deployment is not None:
            check_name(deployment, self.deployments, f"{self.path}: there is no deployment {deployment!r}")
            frame = frame[frame["deployment"] == deployment]
        if replica is not None:
            if replica not in (there := sorted({number for _, number in self.stored.state.runs})):
                raise InputError(f"there is no replica {replica!r}; there are: {listed(there)}")
            frame = frame[frame["replica"] == replica]
        return frame

    @overload
    def findings(
        self, deployment: str | None = None, indicator: str | None = None, *, raw: Literal[False] = False
    ) -> pd.DataFrame: ...
    @overload
    def findings(
        self, deployment: str | None = None, indicator: str | None = None, *, raw: Literal[True]
    ) -> Findings: ...
    def findings(
        self, deployment: str | None = None, indicator: str | None = None, *, raw: bool = False
    ) -> pd.DataFrame | Findings:
        """One row for every indicator of every deployment and of the harness, with the keys of ``findings.json``.

        Those of one ``deployment`` and of one ``indicator`` alone, where they are named. An interval is in two columns,
        such as ``ci_per_hour_low`` and ``ci_per_hour_high``. ``raw`` gives the whole of ``findings.json`` as
        dataclasses: findings, controls, problems, runs, objectives, experiments. They are read from the file where the
        campaign has ended since, else computed from what there is; nothing is written.
        """
        if not isinstance(raw, bool):
            raise InputError(f"raw: {raw!r} is neither True nor False")
        chosen = self._contents.chosen_findings(deployment, indicator)
        return replace(self._contents.findings, findings=chosen) if raw else findings_frame(chosen)

    def sensitivity(  # noqa: PLR0913 - each is a setting
        self,
        deployment: str | None = None,
        indicator: str = PRIMARY,
        *,
        warmup: Sequence[Span] = (),
        grid: Sequence[Span] = (),
        test: Sequence[str] = (),
        q: Sequence[float] = (),
    ) -> pd.DataFrame:
        """How far a finding depends on the settings of the analysis: one row for every combination of those given.

        Each combination is analyzed whole (false discoveries are controlled over all findings), which takes as long as
        :func:`aging.analyze`. The first row has the campaign's own settings. Nothing is written.
        """
        return sensitivity(
            self._contents, deployment, indicator, {"warmup": warmup, "grid": grid, "test": test, "q": q}
        )

    def to_xarray(self, indicators: Sequence[str] = ()) -> xarray.Dataset:
        """The series as judged as an xarray Dataset: a variable an indicator, by deployment, replica and time.

        ``time`` is seconds of load; where a run has no value it is NaN. Of a run its longest generation counts.
        ``attrs`` of a variable have its units. By default the indicators under common names. Raises AgingError without
        xarray.
        """
        from aging.api.dataset import dataset  # noqa: PLC0415

        return dataset(self._contents, indicators)

    def restart_advice(
        self,
        deployment: str,
        *,
        limit: float | str | None = None,
        cost_restart: float | None = None,
        cost_crash: float | None = None,
        indicator: str | None = None,
    ) -> Advice:
        """How often to restart a deployment, as ``aging rejuvenate`` says it: the age that costs least, and why.

        ``limit`` is where the server fails (``"8GiB"``, or a number in the unit of the ``indicator``), by default what
        the results know. The costs are in any one unit, both or none: by default the requests that wait or are lost.
        """
        from aging.findings.rejuvenation.advice import Question, advise  # noqa: PLC0415 - the replay's policies
        from aging.stats.renewal.optimum import Costs  # noqa: PLC0415

        if (cost_restart is None) != (cost_crash is None):
            raise InputError("cost_restart, cost_crash: give both in one unit, or none of them")
        costs = None
        if cost_restart is not None and cost_crash is not None:
            costs = Costs(cost_of("cost_restart", cost_restart), cost_of("cost_crash", cost_crash))
        if indicator is not None and not isinstance(indicator, str):
            raise InputError(f"indicator: {indicator!r} is no name; write it as text, like 'process_fds'")
        check_name(deployment, self.deployments, f"there is no deployment {deployment!r}")
        question = Question(None if limit is None else limit_of(limit), indicator, costs, (deployment,))
        try:
            return advise(self._contents.measured, self._contents.tests, question, self._contents.findings.findings)[0]
        except MistakesError as error:
            raise InputError("; ".join(map(str, error.mistakes)).replace("--", "")) from None

    @property
    def plot(self) -> Plots:
        """The report's figures, such as ``plot.memory(name)``, ``plot.forest()`` and ``plot.heat_map()``."""
        REPORT.require("results.plot")
        return Plots(self._contents)

    def report(self, path: str | os.PathLike[str] | None = None) -> Path:
        """Write the report as one HTML file, to the result directory unless ``path`` names a place; where it is."""
        REPORT.require("results.report")
        from aging.report.html.page import write_report  # noqa: PLC0415 - its libraries take half a second

        if path is None and self.settings != AS_CAMPAIGN:
            raise InputError("report: these are other settings than the campaign's; name another file, report(path)")
        target = self.stored.layout.report if path is None else Path(path)
        if target.is_dir():
            target = target / self.stored.layout.report.name
        write_report(self._contents.measured, self._contents.findings, target)
        return target

    def __repr__(self) -> str:
        judged = f", judged with {self.settings}" if self.settings != AS_CAMPAIGN else ""
        return f"<aging.Results of {self.path} ({self.phase}{judged}): {', '.join(self.deployments)}>"

    def _repr_html_(self) -> str:
        return results_html(self._contents)

    @cached_property
    def _contents(self) -> Contents:
        return Contents(self.stored, self.settings)
