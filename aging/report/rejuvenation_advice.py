"""The advice of `aging rejuvenate` in sentences and tables, as JSON, and as a picture of the cost curve."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from aging.core import format
from aging.core.errors import AgingError
from aging.findings.rejuvenation.advice import Advice
from aging.findings.rejuvenation.policies_compared import Replay
from aging.stats.renewal.optimum import Optimum

_FAR = 10.0
"""An age that is this many times as long as what was measured is a guess."""

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86_400.0
_UNITS = ((2 * _DAY, _DAY, "days"), (2 * _HOUR, _HOUR, "h"), (2 * _MINUTE, _MINUTE, "min"), (0.0, 1.0, "s"))


def show(found: Sequence[Advice], console: Console) -> None:
    """Print the advice for each deployment, its cost curve, and what each policy would have done."""
    for place, advice in enumerate(found):
        if place:
            console.print()
        for sentence in sentences(advice):
            console.print(sentence, soft_wrap=True)
        if advice.curve:
            console.print(_curve(advice))
        if advice.replay is not None:
            console.print(_extent(advice.replay), soft_wrap=True)
            console.print(_policies(advice.replay, advice.indicator))


def sentences(advice: Advice) -> Iterator[str]:
    """The answer, why, the costs, and what not to do."""
    yield _answer(advice)
    growth = _growth(advice)
    if growth:
        yield growth
    best = advice.optimum
    if best is not None and advice.answer == "every":
        saved = 1 - best.cost_rate / best.never
        share = f"{best.crashes * 100:.2g} %" if best.crashes >= 1e-4 else "< 0.01 %"
        yield (
            f"Of the generations {share} crash before; this costs {saved:.0%} less than running to the crash. "
            f"{_flat(best)} costs at most 5 % more than the best."
        )
    price = advice.price
    unit = f" {price.unit}" if price.unit else ""
    yield f"Costs: restart {price.costs.restart:,.3g}{unit}, crash {price.costs.crash:,.3g}{unit} ({price.source})."


def _answer(advice: Advice) -> str:
    name, best = advice.deployment, advice.optimum
    match advice.reason:
        case "growth" | "failures" | "at_limit" if best is not None:
            return f"Restart {name} every {bounded_span(best.seconds, best.low, best.high)}."
        case "costs":
            return f"No rejuvenation of {name} pays: a crash costs too little, or comes at any age alike. Let it run."
        case "no_growth":
            return (
                f"No rejuvenation of {name} pays: {advice.indicator} does not grow ({advice.verdict}). "
                "Do not restart it on a schedule."
            )
        case "may_grow":
            return (
                f"No advice for {name}: {advice.indicator} shows no growth ({advice.verdict}), but a slow one that "
                "reaches the limit is not excluded. Measure longer."
            )
        case "growth_open":
            return (
                f"No advice for {name}: whether {advice.indicator} goes on growing is not decided ({advice.verdict}). "
                "Measure longer; until then restart by a threshold near the limit."
            )
    return f"No advice for {name}: too few samples of {advice.indicator}, or its run is broken. Measure longer."


def _growth(advice: Advice) -> str:
    """Why: the growth and when it meets the limit, or the failures."""
    life, limit = advice.lifetime, "" if advice.limit is None else advice.limit.name
    if life is None:
        return ""
    age = bounded_span(*life)
    if advice.failures and advice.reason == "failures":
        return f"{advice.failures} of {advice.generations} generations died; half die before {age}."
    rate, limits = format.bounded(advice.indicator, advice.rate_per_hour, advice.rate_limits, "h")
    if advice.reason == "at_limit":
        return f"{advice.indicator} grows by {rate} [{limits}] and was at {limit} after {age}."
    return f"{advice.indicator} grows by {rate} [{limits}] and reaches {limit} at the age of {age}.{_far(advice)}"


def _far(advice: Advice) -> str:
    """A warning where the limit is many times as far as what was seen."""
    if advice.lifetime is None or advice.seen_seconds is None or advice.lifetime[0] < _FAR * advice.seen_seconds:
        return ""
    times = advice.lifetime[0] / advice.seen_seconds
    return (
        f" That is {times:,.0f} times the {span(advice.seen_seconds)} measured: measure longer before you rely on it."
    )


def _flat(best: Optimum) -> str:
    low, high = best.flat
    return f"Any age from {span(low)} on" if math.isinf(high) else f"Any age from {span(low)} to {span(high)}"


def _curve(advice: Advice) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("restart at age")
    for name in ("cost per day", "beside the best", "crash before"):
        table.add_column(name, justify="right")
    best = min(point.cost_per_hour for point in advice.curve)
    for point in advice.curve:
        table.add_row(
            "never" if math.isinf(point.seconds) else span(point.seconds),
            f"{point.cost_per_hour * 24:,.3g}",
            f"× {point.cost_per_hour / best:.2f}" if best else format.NONE,
            f"{point.crashes:.1%}",
        )
    return table


def _extent(shown: Replay) -> str:
    if shown.seconds <= shown.recorded * (1 + 1e-9):
        return f"What each policy would have done in the {span(shown.recorded)} recorded:"
    return (
        f"What each policy would have done in {span(shown.seconds)}, of which {span(shown.recorded)} are recorded and "
        "the rest is extrapolated (the same growth, the same noise):"
    )


def _policies(shown: Replay, indicator: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("policy")
    for name in ("restarts", "crashes", "without server", "peak", "cost", "beside hindsight"):
        table.add_column(name, justify="right")
    age = "never" if math.isinf(shown.hindsight_seconds) else f"every {span(shown.hindsight_seconds)}"
    for name, row in [*((row.name, row) for row in shown.rows), (f"best in hindsight: {age}", shown.hindsight)]:
        table.add_row(
            name,
            str(row.restarts),
            str(row.crashes),
            span(row.down_seconds),
            format.level(indicator, row.peak),
            f"{row.cost:,.4g}",
            f"× {row.cost / shown.hindsight.cost:.2f}" if shown.hindsight.cost else format.NONE,
        )
    return table


def span(seconds: float) -> str:
    """A length of time with two or three digits: ``31 h``, ``12 days``, ``4.5 min``."""
    if math.isinf(seconds):
        return "never"
    size, unit = _unit(seconds)
    return f"{_number(seconds / size, 0 if seconds / size >= 20 else 1)} {unit}"


def bounded_span(middle: float, low: float, high: float) -> str:
    """A length of time with its limits, in one unit and with as many decimals as tell them apart: ``31 h [24, 39]``."""
    if not low < high or math.isinf(middle):
        return span(middle)
    size, unit = _unit(middle)
    decimals = next((n for n in range(3) if f"{low / size:.{n}f}" != f"{high / size:.{n}f}" and low / size > 10**-n), 3)
    one, first, last = ("never" if math.isinf(each) else _number(each / size, decimals) for each in (middle, low, high))
    return f"{one} {unit} [{first}, {last}]"


def _unit(seconds: float) -> tuple[float, str]:
    return next((size, unit) for least, size, unit in _UNITS if seconds >= least)


def _number(value: float, decimals: int) -> str:
    return f"{value:,.0f}" if value == round(value) else f"{value:,.{decimals}f}"


def document(found: Sequence[Advice]) -> Mapping[str, Any]:
    """The advice as JSON has it: times in seconds, rates and costs per hour; null where a time is infinite."""
    return {"schema": 1, "advice": [_finite(_entry(one)) for one in found]}


def _entry(advice: Advice) -> dict[str, Any]:
    entry = asdict(advice)
    entry["sentences"] = list(sentences(advice))
    if advice.optimum is not None:
        entry["optimum"] |= {"pays": advice.optimum.pays}
    return entry


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_plot(found: Sequence[Advice], path: Path) -> None:
    """Draw the cost curves and the policies' costs. Raises AgingError where the file cannot be written."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - half a second, for --plot alone

    drawn = [one for one in found if one.curve]
    figure = Figure(figsize=(8, 2.8 * max(len(drawn), 1)), layout="constrained")
    for axes, one in zip(figure.subplots(max(len(drawn), 1), 1, squeeze=False)[:, 0], drawn, strict=False):
        known = [point for point in one.curve if math.isfinite(point.seconds)]
        size, unit = _unit(known[-1].seconds)
        axes.plot([p.seconds / size for p in known], [p.cost_per_hour * 24 for p in known], marker=".")
        axes.axhline(one.curve[-1].cost_per_hour * 24, color="0.6", linestyle=":", label="never restarted")
        if one.optimum is not None and math.isfinite(one.optimum.seconds):
            axes.axvspan(one.optimum.low / size, min(one.optimum.high, known[-1].seconds) / size, alpha=0.15)
            axes.axvline(one.optimum.seconds / size, color="C1", label="best age, with its 95 % limits")
        axes.set_title(one.deployment, loc="left", fontsize=10)
        axes.set_xlabel(f"age of a restart, {unit}")
        axes.set_ylabel("cost per day")
        axes.set_ylim(bottom=0)
        axes.legend(fontsize=8)
    try:
        figure.savefig(path, dpi=120)
    except (OSError, ValueError) as error:
        raise AgingError(f"{path}: cannot be written: {error}") from None
