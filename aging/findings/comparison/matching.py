"""Which result directories and which deployments in them are compared, and every mistake in asking for it at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from aging.core.errors import Mistake, MistakeCode, MistakesError, ResultsError
from aging.core.plain_text import one_line, shortened
from aging.findings.comparison.side import Facing, Source
from aging.findings.comparison.types import Allowance
from aging.stats.trend_tests.base import TrendTest
from aging.store.results import Results, open_results

_SUBJECT = "compare"
_LONGEST_LABEL = 60


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be compared, and in spite of which mismatches.

    ``deployments`` are the only ones compared; of one directory the first is the baseline. ``pairs`` are names of the
    baseline's deployments with the names that they have elsewhere. ``fdr`` is the level of false-discovery control, by
    default that of the baseline's campaign.
    """

    deployments: Sequence[str] = ()
    pairs: Mapping[str, str] = field(default_factory=dict)
    allowed: Collection[Allowance] = ()
    fdr: float | None = None


def refused(mistakes: Sequence[Mistake]) -> MistakesError:
    """All mistakes, each once and in one line: names come from files."""
    lines = [Mistake(one_line(one.where), one_line(one.what), one.code) for one in mistakes]
    return MistakesError(_SUBJECT, list(dict.fromkeys(lines)))


AS_GIVEN = Asked()
"""Deployments of equal names, nothing allowed."""


def opened(paths: Sequence[Path], baseline: Path | None = None) -> list[Results]:
    """The result directories, the baseline first. Raises MistakesError with every path that is none."""
    mistakes, found = [], []
    for path in paths:
        try:
            results = open_results(path)
            results.manifest  # noqa: B018 - raise now for an invalid manifest
            found.append(results)
        except ResultsError as error:
            what = str(error).removeprefix(f"{path}: ")
            mistakes.append(Mistake(str(path), what, MistakeCode.UNREADABLE_FILE))
    if baseline is not None:
        known = [path.resolve() for path in paths]
        if baseline.resolve() not in known:
            named = ", ".join(map(str, paths))
            what = f"{baseline} is not one of the directories that are compared; give one of {named}"
            mistakes.append(Mistake("--baseline", what, MistakeCode.UNKNOWN_NAME))
    if mistakes:
        raise refused(mistakes)
    if baseline is not None:
        found.sort(key=lambda one: one.layout.root.resolve() != baseline.resolve())
    return found


def sources(results: Sequence[Results], tests: Mapping[str, TrendTest]) -> list[Source]:
    """The directories with labels of their own. Raises MistakesError where one is given twice, or a copy of it."""
    mistakes: list[Mistake] = []
    if not results:
        mistakes.append(Mistake("", "give at least one result directory", MistakeCode.MISSING_KEY))
    once = "give each once; to compare two deployments of it give it once, with --deployments A,B"
    seen: dict[bytes, Path] = {}
    for one in results:
        root = one.layout.root
        if one.content.get("smoke"):
            what = "is a smoke run of a minute, which measures no growth; give the directory of a campaign"
            mistakes.append(Mistake(str(root), what))
        journal = one.layout.journal.read_bytes()
        earlier = seen.setdefault(journal, root)
        if earlier is not root:
            same = earlier.resolve() == root.resolve()
            what = f"is given twice; {once}" if same else f"is a copy of {earlier} (their journals are equal); {once}"
            mistakes.append(Mistake(str(root), what, MistakeCode.DUPLICATE_NAME))
    if mistakes:
        raise refused(mistakes)
    labels = _labels(results)
    return [Source(label, one, tests) for label, one in zip(labels, results, strict=True)]


def facing(found: Sequence[Source], asked: Asked) -> list[Facing]:
    """Every deployment with its baseline. Raises MistakesError that says what to give."""
    return _of_one(found[0], asked) if len(found) == 1 else _of_several(found, asked)


def unmatched(found: Sequence[Source], faced: Sequence[Facing]) -> list[tuple[str, str]]:
    """The deployments that have no counterpart, each after the label of its directory."""
    used = {(one.source.label, one.name) for pair in faced for one in (pair.baseline, pair.other)}
    every = [(source.label, name) for source in found for name in source.results.deployments]
    return [one for one in every if one not in used]


def _of_one(source: Source, asked: Asked) -> list[Facing]:
    names = source.results.deployments
    mistakes = _unknown("--deployments", asked.deployments, names)
    if asked.pairs:
        mistakes.append(Mistake("--pair", "needs two result directories; of one give --deployments A,B"))
    if len(set(asked.deployments)) < 2 and not mistakes:
        example = ",".join(names[:2])
        if len(names) < 2:
            what = f"{source.results.layout.root} has one deployment, {_listed(names)}; give a second result directory"
        else:
            what = f"of one result directory name at least two of {_listed(names)}, like --deployments {example}"
        mistakes.append(Mistake("--deployments", what, MistakeCode.MISSING_KEY))
    mistakes += _twice("--deployments", asked.deployments)
    if mistakes:
        raise refused(mistakes)
    first, *others = (source.side(name) for name in asked.deployments)
    return [Facing(first, other, place) for place, other in enumerate(others, start=1)]


def _of_several(found: Sequence[Source], asked: Asked) -> list[Facing]:
    base, others = found[0], found[1:]
    own = base.results.deployments
    elsewhere = tuple(dict.fromkeys(name for one in others for name in one.results.deployments))
    mistakes = _unknown("--pair", asked.pairs, own) + _unknown("--pair", asked.pairs.values(), elsewhere)
    mistakes += _unknown("--deployments", asked.deployments, (*own, *elsewhere))
    mistakes += _twice("--deployments", asked.deployments) + _twice("--pair", list(asked.pairs.values()))
    wanted = set(asked.deployments)
    faced = []
    for place, source in enumerate(others, start=1):
        theirs = source.results.deployments
        named = ((name, asked.pairs[name] if asked.pairs.get(name) in theirs else name) for name in own)
        matched = [(name, other) for name, other in named if other in theirs and (not wanted or wanted & {name, other})]
        faced += [Facing(base.side(name), source.side(other), place) for name, other in matched]
        if not matched and not mistakes:
            among = " among those of --deployments" if wanted else ""
            what = (
                f"no deployment has the same name in {base.label}{among}: it has {_listed(theirs)}, "
                f"{base.label} has {_listed(own)}; say which belong together, "
                f"like --pair {own[0] if own else 'OLD'}={theirs[0] if theirs else 'NEW'}"
            )
            mistakes.append(Mistake(source.label, what, MistakeCode.UNKNOWN_NAME))
    if mistakes:
        raise refused(mistakes)
    return faced


def _unknown(option: str, given: Collection[str], known: Sequence[str]) -> list[Mistake]:
    mistakes = []
    for name in given:
        if name not in known:
            close = get_close_matches(name, known, 1)
            hint = f"did you mean {close[0]}?" if close else f"there are {_listed(known)}"
            mistakes.append(Mistake(option, f"there is no deployment {name}; {hint}", MistakeCode.UNKNOWN_NAME))
    return mistakes


def _twice(option: str, given: Sequence[str]) -> list[Mistake]:
    return [
        Mistake(option, f"{name} is given twice", MistakeCode.DUPLICATE_NAME)
        for name in dict.fromkeys(given)
        if given.count(name) > 1
    ]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"


def _labels(results: Sequence[Results]) -> list[str]:
    """The names of the campaigns where these differ, else the shortest ends of the paths that do."""
    names = [shortened(one_line(one.name), _LONGEST_LABEL) for one in results]
    if len(set(names)) == len(names) and all(names):
        return names
    parts = [one.layout.root.resolve().parts for one in results]
    for length in range(1, max(map(len, parts)) + 1):
        labels = ["/".join(one[-length:]) for one in parts]
        if len(set(labels)) == len(labels):
            return [one_line(label) for label in labels]
    return [str(one.layout.root) for one in results]
