"""The advice of `aging rejuvenate` in sentences and tables, as JSON, and as a picture of the cost curve."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from aging.core import format
from aging.core.errors import AgingError
from aging.findings.rejuvenation.advice import Advice
from aging.findings.rejuvenation.policies_compared import Replay
from aging.report import outlook
from aging.stats.renewal.optimum import Optimum

_BEYOND = 1.5
"""An age is extrapolated where it is this many times as long as what was measured."""

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
    if advice.reason in ("may_grow", "growth_open", "safe", "no_growth") and advice.outlook is not None:
        yield outlook.sentence(advice.indicator, replace(advice.outlook, limit_name=_limit_name(advice)))
    notes = zip(advice.note_codes, advice.notes, strict=True)
    yield from (note for code, note in notes if code == "may_still_fill")
    if advice.open:
        yield f"Not decided is whether these go on growing: {', '.join(advice.open)}."
    best = advice.optimum
    if best is not None and advice.answer in ("every", "provisional"):
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
    name, what, best = advice.deployment, advice.indicator, advice.optimum
    match advice.answer:
        case "every" if best is not None:
            return f"Restart {name} every {bounded_span(best.seconds, best.low, best.high)}."
        case "provisional" if best is not None:
            measured = f"{what} goes on growing as in the {span(advice.seen_seconds or 0.0)} measured"
            age = bounded_span(best.seconds, best.low, best.high)
            return f"No advice for {name} yet. If {measured}, restart it every {age}."
        case "never" if advice.reason == "costs":
            return f"No rejuvenation of {name} pays: a crash costs too little, or comes at any age alike. Let it run."
        case "never" if advice.reason == "safe":
            return f"No rejuvenation of {name} pays: {what} does not reach its limit before the horizon."
        case "never":
            return (
                f"No rejuvenation of {name} pays: {what} does not grow ({advice.verdict}). "
                "Do not restart it on a schedule."
            )
    return f"No advice for {name}: {_open(advice)}"


def _open(advice: Advice) -> str:
    """Why there is no advice, and what to do."""
    what, verdict = advice.indicator, advice.verdict
    match advice.reason:
        case "may_grow":
            return (
                f"{what} shows no growth ({verdict}), but a slow one that reaches its limit is not excluded. "
                "Measure longer."
            )
        case "growth_open":
            return (
                f"whether {what} goes on growing is not decided ({verdict}). Measure longer; until then restart by a "
                "threshold near the limit."
            )
        case "died":
            first = "" if advice.died_after is None else f", the first after {span(advice.died_after)}"
            return (
                f"{advice.failures} of {advice.generations} generations died{first}, earlier than {what} explains. "
                "Find out of what; if of this, give the level at which it died as the limit."
            )
        case "above_limit":
            return f"{what} was above {_limit_name(advice)} from the first samples on."
    return f"too few samples of {what}, or its run is broken. Measure longer."


def _growth(advice: Advice) -> str:
    """Why: the growth and when it meets the limit, or the failures."""
    life, limit = advice.lifetime, _limit_name(advice)
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
    """A condition where the limit is farther than what was seen."""
    if advice.lifetime is None or advice.seen_seconds is None or advice.lifetime[0] < _BEYOND * advice.seen_seconds:
        return ""
    times = f" That is {advice.lifetime[0] / advice.seen_seconds:,.2g} times as long as was measured"
    return f"{times}: measure at least a tenth of it." if advice.answer == "provisional" else f"{times}."


def _deaths(advice: Advice) -> str:
    after = "" if advice.died_after is None else f", the first after {span(advice.died_after)}"
    return f"{advice.failures} of {advice.generations} generations died{after}"


def _limit_name(advice: Advice) -> str:
    """The name of the limit; empty without one."""
    return "" if advice.limit is None else advice.limit.name


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
    ages = [each / size for each in (low, middle, high)]
    apart = 3 if low < middle < high else 2
    decimals = next((n for n in range(4) if len({f"{age:.{n}f}" for age in ages}) >= apart and ages[0] > 10**-n), 3)
    first, one, last = ("never" if math.isinf(age) else _number(age, decimals) for age in ages)
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
