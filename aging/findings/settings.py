"""Settings of an analysis in place of those of the campaign file: how far a verdict depends on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Literal

from aging.campaign.errors import suggestion, validate_table
from aging.campaign.schema import AnalysisTable
from aging.core.errors import Mistake, MistakeCode, MistakesError
from aging.core.units import parse_warmup
from aging.stats.series.lengths import LEAST_FOR_INTERVAL
from aging.stats.trend_tests.base import TrendTest
from aging.store.results import Results

_AUTO: Literal["auto"] = "auto"


@dataclass(frozen=True, slots=True)
class Settings:
    """Warm-up (seconds, or ``auto``) and grid (seconds), trend test and rate of false discoveries.

    None: as in the campaign.
    """

    warmup: float | Literal["auto"] | None = None
    grid: float | None = None
    test: str | None = None
    q: float | None = None

    @property
    def given(self) -> Mapping[str, float | str]:
        """Those that differ, by their names."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def __str__(self) -> str:
        seconds = ("warmup", "grid")
        return ", ".join(
            f"{name} = {value:g} s" if name in seconds and isinstance(value, float) else f"{name} = {value}"
            for name, value in self.given.items()
        )


AS_CAMPAIGN = Settings()


def checked_settings(
    given: Mapping[str, Any], results: Results, tests: Mapping[str, TrendTest], option: str = ""
) -> Settings:
    """The settings that were ``given`` (None: not given), as a campaign file is checked.

    Times are text with a unit, seconds or timedeltas. Raises MistakesError with all mistakes; ``option`` comes before
    the names of the settings, such as ``--``.
    """
    mistakes: list[Mistake] = []
    written = {name: _written(value) if name == "grid" else value for name, value in given.items()}
    table = {name: written[name] for name in ("grid", "q", "test") if written.get(name) is not None}
    checked: AnalysisTable | None = validate_table(AnalysisTable, table, "", mistakes)
    test = table.get("test")
    if isinstance(test, str) and test not in tests:
        what = f"unknown trend test {test!r}; {suggestion(test, tests)}"
        mistakes.append(Mistake("test", what, MistakeCode.UNKNOWN_NAME))
    warmup: float | Literal["auto"] | None = None
    try:
        if given.get("warmup") is not None:
            seconds = parse_warmup(_written(given["warmup"]))
            warmup = _AUTO if seconds is None else seconds
    except ValueError as error:
        mistakes.append(Mistake("warmup", str(error)))
    if not mistakes and checked is not None:
        found = Settings(warmup, *(getattr(checked, name) if name in table else None for name in ("grid", "test", "q")))
        mistakes += _of_window(found, results)
        if not mistakes:
            return found
    raise MistakesError(
        str(results.layout.root), [Mistake(f"{option}{one.where}", one.what, one.code) for one in mistakes]
    )


def with_settings(results: Results, settings: Settings) -> Results:
    """The same rows, judged with these settings; ``results`` itself where there are none."""
    if settings == AS_CAMPAIGN:
        return results
    manifest = results.manifest
    analysis = {
        key: value
        for key, value in (("grid_seconds", settings.grid), ("test", settings.test), ("q", settings.q))
        if value is not None
    }
    changed: dict[str, Any] = {"analysis": manifest.campaign.analysis.model_copy(update=analysis)}
    if settings.warmup is not None:
        changed["warmup_seconds"] = None if settings.warmup == _AUTO else settings.warmup
    return results.under(manifest.model_copy(update={"campaign": manifest.campaign.model_copy(update=changed)}))


def _written(value: Any) -> Any:
    """A time as a campaign file has it: a number is seconds."""
    if isinstance(value, timedelta):
        value = value.total_seconds()
    return f"{value:.9f}s" if isinstance(value, int | float) and not isinstance(value, bool) else value


def _of_window(settings: Settings, results: Results) -> Iterator[Mistake]:
    """What the longest run cannot show."""
    longest = max((run.planned_seconds or 0.0 for run in results.state.runs.values()), default=0.0)
    if not longest:
        return
    campaign = results.manifest.campaign
    begins = campaign.warmup_seconds if settings.warmup is None else settings.warmup
    warmup = begins if isinstance(begins, float | int) else 0.0
    if warmup >= longest:
        what = f"{warmup:g} s is not shorter than the longest run of {longest:g} s; shorten the warm-up"
        yield Mistake("warmup", what, MistakeCode.CONFLICT)
        return
    grid = settings.grid or campaign.analysis.grid_seconds
    points = int((longest - warmup) / grid) if grid else LEAST_FOR_INTERVAL
    if points < LEAST_FOR_INTERVAL:
        most = (longest - warmup) / LEAST_FOR_INTERVAL
        what = (
            f"{longest - warmup:g} s after the warm-up are {points} points of {grid:g} s; at least "
            f"{LEAST_FOR_INTERVAL} are needed: a grid of {most:.3g} s or less, or a shorter warm-up"
        )
        yield Mistake("grid" if settings.grid else "warmup", what, MistakeCode.CONFLICT)
