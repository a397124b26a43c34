"""Several result directories, each analyzed as ``aging analyze DIR`` does; one bad directory does not stop the others.

Which directories: the paths given; of a pattern such as ``results/**`` every folder below it that is a campaign's; of
the URL of a study in a store every attempt of it, which is fetched first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from glob import escape, glob, has_magic
from pathlib import Path
from typing import Any

from aging.app.analyze import derive, vary
from aging.app.study_store import fetched
from aging.core.errors import AgingError, ExitCode, InputError
from aging.core.parts import CLUSTER
from aging.findings.asked import AS_IN_CAMPAIGN, Asked
from aging.findings.indicator_analysis import Mapper, on_all_cores
from aging.findings.types import Findings
from aging.store.layout import Layout
from aging.store.manifest_file import is_smoke
from aging.study.layout import StudyLayout

_URL = "://"
NOTHING_MEASURED = "No series could be analyzed: the directory has no readable samples of a load."


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of every directory: outlook, and settings in place of the campaign's (then nothing is written)."""

    asked: Asked = AS_IN_CAMPAIGN
    given: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Selected:
    """The directories of a command line; ``smoke`` runs, which are left out; patterns that match no campaign.

    ``by_pattern`` are the directories that a pattern found, and that were not named themselves.
    """

    directories: Sequence[Path]
    smoke: Sequence[Path] = ()
    unmatched: Sequence[str] = ()
    by_pattern: Collection[Path] = ()


@dataclass(frozen=True, slots=True)
class Analyzed:
    """The outcome of one directory. ``why`` says why the code is not DONE."""

    directory: Path
    findings: Findings | None
    code: ExitCode = ExitCode.DONE
    why: str | None = None


def several(given: Sequence[str]) -> bool:
    """Whether a command line may mean more than one directory."""
    return len(given) > 1 or any(is_pattern(one) or _URL in one for one in given)


def study_folder(given: Sequence[str]) -> Path | None:
    """The folder of the one study that is given, as a folder or as a URL, which is fetched; None where none is.

    Raises ResultsError for a URL without a study, StorageError where its store does not answer, and InputError for a
    study beside other directories.
    """
    if len(given) == 1 and _URL in given[0]:
        return fetched(given[0])
    studies = [one for one in given if _URL not in one and StudyLayout(Path(one)).exists]
    if studies and len(given) > 1:
        raise InputError(f"{studies[0]}: is the folder of a study; analyze it by itself: aging analyze {studies[0]}")
    return Path(studies[0]) if studies else None


def is_pattern(text: str) -> bool:
    """Whether it is a pattern; a folder may have brackets in its name."""
    return has_magic(text) and not Path(text).exists()


def selected(given: Sequence[str]) -> Selected:
    """The directories of paths and patterns, each once, in order; a path is kept even where it is no result.

    Raises ResultsError for a URL without a study, StorageError where its store does not answer.
    """
    named: list[Path] = []
    found: list[Path] = []
    smoke: list[Path] = []
    unmatched: list[str] = []
    for text in given:
        if _URL in text:
            text = f"{escape(str(fetched(text)))}/cells/**"  # noqa: PLW2901 - the same study, now here
        elif not is_pattern(text):
            named.append(Path(text))
            found.append(Path(text))
            continue
        campaigns = [one for one in map(Path, sorted(glob(text, recursive=True))) if _is_campaign(one)]
        measured = [one for one in campaigns if not is_smoke(one)]
        smoke += [one for one in campaigns if one not in measured]
        found += measured
        if not campaigns:
            unmatched.append(text)
    directories = _once(found)
    return Selected(directories, _once(smoke), unmatched, set(directories) - set(named))


def analyzed(directory: Path, mapper: Mapper, question: Question) -> Analyzed:
    """Analyze one directory; a mistake or a directory that cannot be judged is in the outcome."""
    try:
        if question.given:
            _, findings = vary(directory, question.asked, question.given, mapper)
        else:
            findings = derive(directory, question.asked, mapper=mapper)
    except AgingError as error:
        return Analyzed(directory, None, error.exit_code, str(error))
    if not findings.findings:
        return Analyzed(directory, findings, ExitCode.INCONCLUSIVE, NOTHING_MEASURED)
    return Analyzed(directory, findings)


def each(directories: Sequence[Path], question: Question, cluster: str | None = None) -> Iterator[Analyzed]:
    """The outcome of every directory, in their order; on a ``cluster`` several at a time."""
    if cluster is None:
        for directory in directories:
            yield analyzed(directory, on_all_cores, question)
        return
    CLUSTER.require("--cluster")
    from aging.cluster.analysis import connected  # noqa: PLC0415 - an optional part

    with connected(cluster) as analysis:
        outcomes = analysis.each(directories, partial(analyzed, question=question))
        for directory, one in zip(directories, outcomes, strict=True):
            yield replace(one, directory=directory)  # a worker has it by its absolute path


@contextmanager
def mapper_of(cluster: str | None) -> Iterator[Mapper]:
    """Where the series of one directory are computed."""
    if cluster is None:
        yield on_all_cores
        return
    CLUSTER.require("--cluster")
    from aging.cluster.analysis import connected  # noqa: PLC0415 - an optional part

    with connected(cluster) as analysis:
        yield analysis.mapper


def worst(outcomes: Sequence[Analyzed], chosen: Selected) -> ExitCode:
    """Bad input (2) before what is missing or could not be judged (3) before done (0).

    Bad input is what the command line names: of a campaign that a pattern found, and that cannot be read, 3.
    """
    codes = {ExitCode.BAD_INPUT} if chosen.unmatched or not outcomes else set()
    for one in outcomes:
        missing = one.code == ExitCode.BAD_INPUT and one.directory in chosen.by_pattern
        codes.add(ExitCode.INCONCLUSIVE if missing else one.code)
    for code in (ExitCode.BAD_INPUT, ExitCode.INCONCLUSIVE):
        if code in codes:
            return code
    return max(codes)


def _is_campaign(directory: Path) -> bool:
    layout = Layout(directory)
    return layout.journal.is_file() and layout.manifest.is_file()


def _once(paths: Sequence[Path]) -> list[Path]:
    first: dict[Path, Path] = {}
    for path in paths:
        first.setdefault(path.resolve(), path)
    return list(first.values())
