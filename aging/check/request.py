"""What a gate is asked, checked whole against the campaign that it is about, before anything is started."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aging.check.conditions import conditions_and_mistakes, name_mistakes
from aging.check.gate import FEWEST_SECONDS, Gate
from aging.check.stored_baseline import StoredBaseline
from aging.core.errors import Mistake, MistakeCode, MistakesError
from aging.core.format import readable_duration
from aging.core.metrics import indicators
from aging.stats.rate_test.design import planned_looks

_MOST_ERROR = 0.5


@dataclass(frozen=True, slots=True)
class GateRequest:
    """What a gate is asked: conditions as written, on which deployments, with which errors, within which time.

    ``budget`` is the longest load in seconds; None: the campaign's own duration. ``deployments`` empty: all that are
    no controls and no baselines. ``pairs`` name the baseline of a judged deployment: then the difference of the two is
    judged; those of the campaign itself (`baseline_of`) count as well. The rates of a ``stored`` baseline are
    subtracted. ``compared_with`` says in words what the baseline is. ``scale`` replaces that of the file.
    """

    conditions: Sequence[str]
    deployments: Sequence[str] = ()
    alpha: float = 0.01
    beta: float = 0.05
    budget: float | None = None
    results: Path = Path("results")
    pairs: Mapping[str, str] = field(default_factory=dict)
    stored: StoredBaseline | None = None
    compared_with: str | None = None
    scale: float | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What a request is checked against: the campaign that it is about, in messages ``source``."""

    source: str
    deployments: Sequence[str]
    controls: Sequence[str]
    classes: Sequence[str]
    warmup: float
    duration: float
    one_round: bool
    pairs: Mapping[str, str] = field(default_factory=dict)


def gate_for(request: GateRequest, known: Known) -> Gate:
    """What is to be judged, and when. Raises MistakesError with every mistake of the request."""
    conditions, mistakes = conditions_and_mistakes(request.conditions)
    pairs = {**known.pairs, **request.pairs}
    judged = list(request.deployments) or [
        name for name in known.deployments if name not in known.controls and name not in pairs.values()
    ]
    mistakes += [
        Mistake("--deployment", f"{name!r} is a baseline, and is not judged itself; leave it out", MistakeCode.CONFLICT)
        for name in request.deployments
        if name in pairs.values()
    ]
    mistakes += name_mistakes(conditions, request.deployments, known.deployments, indicators(known.classes))
    mistakes += [*number_mistakes(request), *_request_mistakes(request, known, judged)]
    if mistakes:
        raise MistakesError("check", mistakes)
    first = known.warmup + FEWEST_SECONDS
    looks = planned_looks(request.budget or known.duration, first=first)
    return Gate(
        conditions,
        judged,
        request.alpha,
        request.beta,
        looks,
        early=known.one_round,
        pairs={name: base for name, base in pairs.items() if name in judged},
        stored=() if request.stored is None else [one for one in request.stored.rates if one.deployment in judged],
        baseline=request.compared_with,
    )


def mistakes_without_campaign(request: GateRequest) -> list[Mistake]:
    """Every mistake of the request that shows without the campaign, of which something is wrong as well."""
    conditions, mistakes = conditions_and_mistakes(request.conditions)
    of_any_load = [one for one in conditions if not one.indicator.startswith("client_")]
    mistakes += name_mistakes(of_any_load, (), (), indicators())
    return [*mistakes, *number_mistakes(request), *_no_condition(request)]


def number_mistakes(request: GateRequest) -> Iterator[Mistake]:
    """The probabilities that are none."""
    for name, error, what in (("--alpha", request.alpha, "red"), ("--beta", request.beta, "green")):
        if not 0 < error < _MOST_ERROR:
            right = f"the probability of a false {what} lies between 0 and {_MOST_ERROR}, like 0.01"
            yield Mistake(name, f"{error:g} is out of range; {right}", MistakeCode.OUT_OF_RANGE)


def _no_condition(request: GateRequest) -> Iterator[Mistake]:
    if not request.conditions:
        yield Mistake("--fail", "no condition; write one like 'process_anon_swap_bytes:per_request > 256B'")


def _request_mistakes(request: GateRequest, known: Known, judged: Sequence[str]) -> Iterator[Mistake]:
    yield from _no_condition(request)
    if not judged:
        names = " ".join(f"--deployment {name}" for name in known.deployments)
        yield Mistake(
            known.source, f"every deployment is a control, and controls are not judged unless named; name them: {names}"
        )
    least = known.warmup + FEWEST_SECONDS
    seconds = known.duration if request.budget is None else request.budget
    if not seconds >= least:
        where = "duration" if request.budget is None else "--budget"
        after = f" after the warm-up of {readable_duration(known.warmup)}" if known.warmup else ""
        needs = f"a judgement needs {FEWEST_SECONDS:g} s of load{after}: give {least:g}s or more"
        what = f"{seconds:g} s is too short; {needs}"
        yield Mistake(where, what, MistakeCode.OUT_OF_RANGE)
