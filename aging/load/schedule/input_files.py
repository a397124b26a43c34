"""The files that a load reads: checked completely before anything is started, hashed, and summarized."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aging.campaign.schema import Campaign, ClassTable, LoadTable, RequestTable, SubjectOptions
from aging.core.errors import CampaignError, Mistake, MistakeCode
from aging.core.format import readable_duration
from aging.load.arrivals.trace import TraceOptions
from aging.load.lengths.empirical import EmpiricalOptions, counts
from aging.load.requests.written import UnreadableBodyError, body_of
from aging.load.schedule.scaling import scaled
from aging.load.schedule.trace_replay import Facts, TraceError, facts
from aging.load.traces.base import SECOND

_MOST_MISTAKES = 10
_MOST_COPIES = 1000


@dataclass(frozen=True, slots=True)
class Input:
    """A file that a load reads: its key in the campaign file, its name, its SHA-256, and a summary of its content."""

    where: str
    file: str
    sha256: str
    summary: str

    def manifest_entry(self) -> dict[str, str]:
        """The file's entry in ``load_files`` of manifest.json."""
        return {"where": self.where, "file": self.file, "sha256": self.sha256, "told": self.summary}


@dataclass(frozen=True, slots=True)
class Inputs:
    """A campaign whose files were read, with the values that had to be found by reading, at its own scale."""

    campaign: Campaign
    files: tuple[Input, ...]


def input_paths(campaign: Campaign) -> tuple[str, ...]:
    """The files that the loads of a campaign and of its design points read, as they are named, each once."""
    loads = [campaign.load, *(one.load for one in campaign.treatments.values())]
    owners: list[LoadTable | ClassTable] = []
    for load in loads:
        owners += [] if load is None else [load, *load.classes]
    tables = [getattr(owner, key) for owner in owners for key in ("arrivals", "prompt_tokens", "output_tokens")]
    files = [table.file for table in tables if isinstance(table, TraceOptions | EmpiricalOptions)]
    bodies = [one.body_file for owner in owners for one in owner.requests or () if one.body_file is not None]
    return tuple(dict.fromkeys([*files, *bodies]))


def found_from(campaign: Campaign, base: Path) -> Campaign:
    """The campaign with the files of its load where they are: relative paths begin at ``base``."""
    if campaign.load is None:
        return campaign
    treatments = {
        name: replace(one, load=None if one.load is None else _found_from(one.load, base))
        for name, one in campaign.treatments.items()
    }
    made = campaign.model_copy(update={"load": _found_from(campaign.load, base)})
    return made.with_treatments(campaign.deployment, treatments)


def with_bodies(campaign: Campaign, place: Callable[[str], str]) -> Campaign:
    """The campaign with every body file of its load at its ``place``."""

    def moved(load: LoadTable) -> LoadTable:
        classes = tuple(one.model_copy(update=_placed(one, place)) for one in load.classes)
        return load.model_copy(update=_placed(load, place) | {"classes": classes})

    if campaign.load is None:
        return campaign
    treatments = {
        name: replace(one, load=None if one.load is None else moved(one.load))
        for name, one in campaign.treatments.items()
    }
    made = campaign.model_copy(update={"load": moved(campaign.load)})
    return made.with_treatments(campaign.deployment, treatments)


def _placed(owner: LoadTable | ClassTable, place: Callable[[str], str]) -> dict[str, Any]:
    if not owner.requests:
        return {}
    requests = (
        one if one.body_file is None else one.model_copy(update={"body_file": place(one.body_file)})
        for one in owner.requests
    )
    return {"requests": tuple(requests)}


def _found_from(load: LoadTable, base: Path) -> LoadTable:
    def place(file: str) -> str:
        return str(base / file)

    def tables(owner: LoadTable | ClassTable) -> dict[str, Any]:
        named = {key: getattr(owner, key) for key in ("arrivals", "prompt_tokens", "output_tokens")}
        return {
            key: table.model_copy(update={"file": place(table.file)})
            for key, table in named.items()
            if isinstance(table, TraceOptions | EmpiricalOptions)
        } | _placed(owner, place)

    classes = tuple(one.model_copy(update=tables(one)) for one in load.classes)
    return load.model_copy(update=tables(load) | {"classes": classes})


def read_inputs(campaign: Campaign, source: str) -> Inputs:
    """Read every file that a campaign's load names. Raises :class:`CampaignError` with what is wrong, line by line."""
    if campaign.load is None:
        return Inputs(campaign, ())
    mistakes: list[Mistake] = []
    files: list[Input] = []
    load = _read(campaign, campaign.load, campaign.deployment, mistakes, files)
    treatments = dict(campaign.treatments)
    known = [(campaign.load, load)]
    for name, treatment in treatments.items():
        of_point = treatment.load
        if of_point is not None and of_point not in [written for written, _ in known]:
            under = [one for one in campaign.deployment if _load_of(campaign, one.name) == of_point]
            known.append((of_point, _read(campaign, of_point, under, mistakes, files)))
        read = next((read for written, read in known if written == of_point), None)
        treatments[name] = replace(treatment, load=read)
    if mistakes:
        raise CampaignError(source, list(dict.fromkeys(mistakes)))
    made = campaign.model_copy(update={"load": load}).with_treatments(campaign.deployment, treatments)
    return Inputs(scaled(made), tuple(dict.fromkeys(files)))


def _load_of(campaign: Campaign, name: str) -> LoadTable | None:
    treatment = campaign.treatments.get(name)
    return campaign.load if treatment is None else treatment.load


def _read(
    campaign: Campaign,
    load: LoadTable,
    deployments: Sequence[SubjectOptions],
    mistakes: list[Mistake],
    files: list[Input],
) -> LoadTable:
    """One load, the campaign's or that of points of its design, as reading has completed it for its deployments."""
    contexts = [one.longest_sequence for one in deployments if one.longest_sequence]
    reader = _Reader(campaign.duration, min(contexts, default=None), mistakes, files)
    whole = reader.tables(load, "load")
    classes = tuple(one.model_copy(update=reader.tables(one, f"load.class[{one.name}]")) for one in load.classes)
    return load.model_copy(update=whole | {"classes": classes})


class _Reader:
    """Reads the files of one campaign; appends to ``mistakes`` and ``files``."""

    def __init__(self, duration: float, context: int | None, mistakes: list[Mistake], files: list[Input]) -> None:
        self._duration, self._context = duration, context
        self._mistakes, self._files = mistakes, files

    def tables(self, owner: LoadTable | Any, where: str) -> dict[str, Any]:
        """The tables of a load or a class that reading has completed."""
        for place, request in enumerate(owner.requests or ()):
            self._body(request, f"{where}.request[{place}]")
        for key in ("prompt_tokens", "output_tokens"):
            if isinstance(lengths := getattr(owner, key), EmpiricalOptions):
                self._lengths(lengths, f"{where}.{key}")
        if isinstance(owner.arrivals, TraceOptions):
            return {"arrivals": self._trace(owner.arrivals, f"{where}.arrivals")}
        return {}

    def _lengths(self, options: EmpiricalOptions, where: str) -> None:
        seen, wrong = counts(options)
        self._mistakes.extend(Mistake(f"{where}.file", what) for what in wrong)
        if not wrong:
            summary = f"{Path(options.file).name}: {seen.total():,} lengths in column {options.column!r}"
            self._files.append(Input(where, Path(options.file).name, _sha256(Path(options.file)), summary))

    def _body(self, request: RequestTable, where: str) -> None:
        if request.body_file is None:
            return
        try:
            body = body_of(request)
        except UnreadableBodyError as error:
            self._mistakes.append(Mistake(f"{where}.body_file", str(error), MistakeCode.UNREADABLE_FILE))
            return
        name = Path(request.body_file).name
        self._files.append(Input(where, name, hashlib.sha256(body).hexdigest(), f"{name}: {len(body):,} bytes"))

    def _trace(self, options: TraceOptions, where: str) -> TraceOptions:
        wrong: list[str] = []

        def refuse(what: str) -> None:
            wrong.append(what)
            if len(wrong) == _MOST_MISTAKES:
                raise TraceError("reading stopped here: there may be more mistakes")

        try:
            found = facts(options.selection(), refuse)
        except TraceError as error:
            wrong.append(str(error))
        except OSError as error:
            wrong.append(f"{options.file} cannot be read: {error.strerror}")
        self._mistakes.extend(Mistake(f"{where}.file", what) for what in wrong)
        if wrong:
            return options
        if self._context is not None and found.longest_total > self._context:
            what = f"is missing: the trace has {found.longest_total:,} tokens in one request, and the smallest context"
            self._mistakes.append(Mistake(f"{where}.max_total", f"{what} is {self._context:,}"))
        if options.rate is not None and options.rate > _MOST_COPIES * found.rate * options.time_scale:
            what = f"is over {_MOST_COPIES:,} times the trace's {found.rate * options.time_scale:.3g} per second"
            self._mistakes.append(Mistake(f"{where}.rate", f"{what}; compress its time with `time_scale` as well"))
        name = Path(options.file).resolve().name
        summary = f"{name}: {', '.join(_losses(options, found))}{_end(options, found, self._duration)}"
        self._files.append(Input(where, name, _sha256(Path(options.file)), summary))
        return options.model_copy(update={"native_rate": options.native_rate or found.rate})


def _losses(options: TraceOptions, found: Facts) -> Iterator[str]:
    lost = found.losses
    yield f"{lost.rows:,} rows"
    if lost.outside:
        yield f"{lost.outside:,} outside the window"
    if lost.other_kinds:
        yield f"{lost.other_kinds:,} of another model or log type"
    bounds = [f"{bound:,}" for bound in (options.max_prompt, options.max_output, options.max_total) if bound]
    if bounds:
        done = "clipped" if options.beyond == "clip" else "left out"
        yield f"{lost.beyond:,} ({lost.beyond / lost.rows:.2%}) beyond {' / '.join(bounds)} tokens {done}"
    yield f"{lost.failures:,} failures {'left out' if options.failures == 'leave-out' else 'in a separate class'}"
    rate = found.rate * options.time_scale if options.rate is None else options.rate
    yield f"{found.replayed:,} replayed at {rate:.3g} per second"


def _end(options: TraceOptions, found: Facts, duration: float) -> str:
    lasts = found.span_ns / SECOND / options.time_scale
    if options.loop or lasts >= duration:
        return ""
    return (
        f"; it ends after {readable_duration(lasts)} of {readable_duration(duration)} (`loop = true` starts it again)"
    )


def _sha256(path: Path) -> str:
    """Of a file; of a folder, of its files' names and hashes."""
    if path.is_dir():
        listed = (f"{file.name} {_sha256(file)}\n" for file in sorted(path.iterdir()) if file.is_file())
        return hashlib.sha256("".join(listed).encode()).hexdigest()
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
