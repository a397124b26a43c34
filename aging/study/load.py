"""Reads and validates a study file and its campaign for every combination of levels; reports all mistakes together."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from importlib.metadata import entry_points
from itertools import product
from math import prod
from pathlib import Path, PurePosixPath
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from aging.campaign.errors import sound_part, suggestion, validate_table
from aging.campaign.key_paths import KeyPath, any_key_path, key_path
from aging.campaign.load import CampaignText, Kinds, campaign_of, check_kind, of_a_study, read_campaign
from aging.campaign.schema import Campaign, DeploymentOptions
from aging.core.errors import CampaignError, Mistake, MistakeCode
from aging.load.schedule.input_files import found_from, input_paths, read_inputs
from aging.study.host.folder import checked_files
from aging.study.level_text import UnwritableLevelsError, with_levels
from aging.study.matrix import listed_levels, matrix_mistakes
from aging.study.same_campaigns import same_campaigns
from aging.study.schema import HostsTable, StudyFile

ALIKE = ("driver", "gpu", "cpu", "kernel", "python", "packages")
"""The facts in which hosts can be asked to agree."""

STORES = frozenset(
    (
        *("abfs", "adl", "arrow_hdfs", "az", "box", "dbfs", "dropbox", "file", "ftp", "gcs", "gdrive", "gs", "hdfs"),
        *("hf", "lakefs", "local", "memory", "oci", "ocilake", "oss", "root", "s3", "s3a", "sftp", "smb", "ssh", "tos"),
        *("tosfs", "webdav", "webhdfs"),
    )
)
"""The protocols of fsspec 2026.9 whose stores can be written; installed drivers may bring others.

Named here as a study file is checked also where fsspec is not installed.
"""

MOST_BYTES = 64 * 2**20
"""Size of all files of a study together: they travel with every order."""

_MOST_VARIANTS = 512
_MOST_CELLS = 100_000


@dataclass(frozen=True, slots=True)
class Variant:
    """One combination of levels: by key path, the campaign file's text with them in place, and that text validated.

    ``campaign`` has what was found by reading the files of its load, which are where they are on this host.
    """

    levels: Mapping[str, Any]
    text: str
    campaign: Campaign


@dataclass(frozen=True, slots=True)
class Study:
    """A valid study: its file, both texts as they were given, and the content of its input files by relative path.

    ``text`` is None for a campaign that is run as a study without a study file.
    """

    file: StudyFile
    text: str | None
    campaign: CampaignText
    variants: Sequence[Variant]
    files: Mapping[str, bytes]


def is_study(source: Path | str) -> bool:
    """Whether a file, or a text, is a study's, also one without its ``campaign``. False for what cannot be read."""
    try:
        text = source.read_bytes().decode("utf-8") if isinstance(source, Path) else source
        return of_a_study(tomllib.loads(text))
    except (OSError, ValueError, RecursionError):
        return False


def load_study(path: Path, kinds: Kinds) -> Study:
    """Read a study file, its campaign and its files. Raises :class:`CampaignError` with every mistake."""
    text, source = read_campaign(path).text, str(path)
    raw = _tables(text, source)
    mistakes: list[Mistake] = []
    matrix = raw.get("matrix", {})
    levels = listed_levels(matrix)
    listed = raw | {"matrix": levels} if isinstance(matrix, dict) else raw
    file: StudyFile | None = validate_table(StudyFile, listed, "", mistakes)
    mistakes = [_explained(one, raw) for one in mistakes]
    mistakes += matrix_mistakes(matrix)
    replicates = _replicates(raw)
    hosts = _Hosts.of(raw.get("hosts", {}))
    mistakes += _hosts_mistakes(hosts, replicates)
    files = _read_files(raw.get("files"), path.parent, mistakes)
    template = _template(raw.get("campaign"), path.parent, mistakes)
    variants: Sequence[Variant] = ()
    if template is not None:
        valid = _variants(template, levels, kinds, mistakes)
        before = len(mistakes)
        variants = [_with_inputs(variant, path.parent, files, mistakes) for variant in valid]
        if len(mistakes) == before:
            mistakes += same_campaigns([(variant.levels, variant.campaign) for variant in variants])
    mistakes += _results_mistakes(raw.get("results"))
    if replicates is not None and hosts.has("exclusive", "apart"):
        mistakes += _port_mistakes(hosts.table, replicates, variants)
    if replicates is not None and len(variants) * replicates > _MOST_CELLS:
        what = f"{len(variants)} combinations times {replicates:,} are over {_MOST_CELLS:,} cells; take fewer"
        mistakes.append(Mistake("replicates", what, MistakeCode.OUT_OF_RANGE))
    mistakes = list(dict.fromkeys(mistakes))
    if mistakes or file is None or template is None:
        raise CampaignError(source, mistakes)
    return Study(file, text, template, variants, files)


def study_of_campaign(text: str, source: str, hosts: int | None, kinds: Kinds, base: Path | None = None) -> Study:
    """A campaign as a study of one variant with a replicate on each of ``hosts`` hosts; on one by default.

    The files that its load reads come with it, from below ``base``, the current folder by default. Raises
    :class:`CampaignError` with every mistake.
    """
    raw = _tables(text, source)
    check_kind(raw, source)
    campaign = campaign_of(raw, kinds, source)
    folder = Path() if base is None else base
    mistakes: list[Mistake] = []
    paths = [one for one in input_paths(campaign) if not Path(one).is_absolute()]
    files = _read_files(paths, folder, mistakes, key="load")
    if mistakes:
        raise CampaignError(source, mistakes)
    campaign = read_inputs(found_from(campaign, folder), source).campaign
    file = StudyFile(
        name=campaign.name,
        description=campaign.description,
        campaign=Path(source).name,
        seed=campaign.seed,
        replicates=hosts or 1,
        files=tuple(paths),
        hosts=HostsTable(count=hosts),
    )
    return Study(file, None, CampaignText(text, source), (Variant({}, text, campaign),), files)


def on_hosts(study: Study, hosts: int) -> Study:
    """A campaign's study with a replicate on each of so many hosts."""
    table = study.file.hosts.model_copy(update={"count": hosts})
    return replace(study, file=study.file.model_copy(update={"replicates": hosts, "hosts": table}))


def _tables(text: str, source: str) -> dict[str, Any]:
    """The tables of a TOML text. Raises :class:`CampaignError` that names ``source``."""
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise CampaignError(source, [Mistake("", f"is not TOML: {error}", MistakeCode.NOT_TOML)]) from None


def _template(name: Any, folder: Path, mistakes: list[Mistake]) -> CampaignText | None:
    """The campaign file; None if it cannot be read or is no TOML, which is appended to ``mistakes``."""
    if not isinstance(name, str) or not name:
        return None  # validate_table has reported it
    path = folder / name
    try:
        text = read_campaign(path)
        _tables(text.text, str(path))
    except CampaignError as error:
        mistakes.extend(Mistake("campaign", f"{path} {one.what}", one.code) for one in error.mistakes)
        return None
    if is_study(text.text):
        what = f"{path} is a study file, too; name the campaign file"
        mistakes.append(Mistake("campaign", what, MistakeCode.CONFLICT))
        return None
    return text


def _variants(
    template: CampaignText, matrix: Mapping[str, Sequence[Any]], kinds: Kinds, mistakes: list[Mistake]
) -> Sequence[Variant]:
    """Every combination of levels, validated; what is wrong is appended to ``mistakes``.

    Beside a faulty key path the others are judged, without what that path may set right.
    """
    raw = _tables(template.text, template.source)
    paths, faulty = _paths(raw, matrix, kinds, mistakes)
    count = prod(len(levels) for levels in paths.values())
    if count > _MOST_VARIANTS:
        what = f"has {count:,} combinations of levels, over {_MOST_VARIANTS}; take fewer levels"
        mistakes.append(Mistake("matrix", what, MistakeCode.OUT_OF_RANGE))
        paths = {path: levels[:1] for path, levels in paths.items()}  # what is wrong with the file shows in one
    found: list[Variant] = []
    wrong: list[tuple[Sequence[Any], Mistake]] = []
    points = list(product(*paths.values()))
    for point in points:
        levels = {path.path: level for path, level in zip(paths, point, strict=True)}
        varied = deepcopy(raw)
        try:
            for path, level in zip(paths, point, strict=True):
                where = path.path
                path.put(varied, deepcopy(level))
        except (TypeError, AttributeError):
            wrong.append((point, Mistake(where, "a part of the key path is not a table", MistakeCode.WRONG_TYPE)))
            continue
        try:
            campaign = campaign_of(varied, kinds, template.source)
            text = with_levels(template.text, list(zip(paths, point, strict=True)), varied)
        except CampaignError as error:
            wrong += [(point, one) for one in error.mistakes if not any(_touches(one.where, path) for path in faulty)]
        except UnwritableLevelsError as error:
            wrong.append((point, Mistake("", str(error), MistakeCode.INVALID_VALUE)))
        else:
            found.append(Variant(levels, text, campaign))
    mistakes += _of_levels(template.source, list(paths.items()), points, wrong)
    return found


def _paths(
    raw: Mapping[str, Any], matrix: Mapping[str, Sequence[Any]], kinds: Kinds, mistakes: list[Mistake]
) -> tuple[Mapping[KeyPath, Sequence[Any]], Sequence[KeyPath]]:
    """The levels by key path, and the paths whose levels are not in place; what is wrong is appended to ``mistakes``.

    The form of the levels is judged by :func:`aging.study.matrix.matrix_mistakes`. Of a path below a [load] that is
    not there the campaign file has the mistake.
    """
    found: dict[KeyPath, Sequence[Any]] = {}
    faulty: list[KeyPath] = []
    written = raw.get("factors")
    factors = {one: key_path(raw, kinds.deployments, one, "") for one in (written if isinstance(written, dict) else ())}
    for path, levels in matrix.items():
        where = f'matrix."{path}"'
        before = len(mistakes)
        at = any_key_path(raw, kinds.deployments, path, where)
        if isinstance(at, Mistake):
            mistakes.append(at)
        for factor, other in factors.items():
            if factor == path:
                what = "is a factor of the campaign file, too; keep one of them"
                mistakes.append(Mistake(where, what, MistakeCode.CONFLICT))
            elif isinstance(at, KeyPath) and isinstance(other, KeyPath) and at.overlaps(other):
                what = f'sets what factors."{factor}" of the campaign file sets; keep one of them'
                mistakes.append(Mistake(where, what, MistakeCode.CONFLICT))
        for earlier in found:
            if isinstance(at, KeyPath) and at.overlaps(earlier):
                what = f'sets what matrix."{earlier.path}" sets; keep one of them, with whole tables as its levels'
                mistakes.append(Mistake(where, what, MistakeCode.CONFLICT))
        if not isinstance(at, KeyPath):
            continue
        at = replace(at, keys=tuple(at.keys), places=tuple(at.places))
        if levels and len(mistakes) == before:
            found[at] = levels
        else:
            faulty.append(at)
    return found, faulty


def _of_levels(
    source: str,
    paths: Sequence[tuple[KeyPath, Sequence[Any]]],
    points: Sequence[Sequence[Any]],
    wrong: Sequence[tuple[Sequence[Any], Mistake]],
) -> Iterator[Mistake]:
    """Each mistake once, at what has it: one key path or the campaign file, some levels of one path, a combination."""
    by_mistake: dict[Mistake, set[str]] = {}
    for point, mistake in wrong:
        by_mistake.setdefault(mistake, set()).add(repr(point))
    for mistake, having in by_mistake.items():
        if len(having) == len(points):
            put = next((path for path, _ in paths if _is_of(mistake.where, path)), None)
            where = "campaign" if put is None else f'matrix."{put.path}"'
            yield Mistake(where, f"{source}: {mistake}" if put is None else str(mistake), mistake.code)
            continue
        for place, (path, levels) in enumerate(paths):
            guilty = [level for level in levels if any(repr(p) in having for p in points if _has(p, place, level))]
            if having == {repr(p) for p in points if any(_has(p, place, level) for level in guilty)}:
                which = ", ".join(map(repr, guilty))
                yield Mistake(f'matrix."{path.path}"', f"level {which}: {mistake}", mistake.code)
                break
        else:
            for point in points:
                if repr(point) in having:
                    text = ", ".join(f"{path.path} = {level!r}" for (path, _), level in zip(paths, point, strict=True))
                    yield Mistake("matrix", f"{text}: {mistake}", mistake.code)


def _is_of(where: str, path: KeyPath) -> bool:
    """Whether a mistake at a key is of the level at a key path, or of a part of it."""
    inner = where.partition("].")[2] if path.places else where.removeprefix("load.") if path.of_load else where
    keys = ".".join(path.keys)
    return where == path.path or inner == keys or inner.startswith((f"{keys}.", f"{keys}["))


def _touches(where: str, path: KeyPath) -> bool:
    """Whether a mistake may be one only as the level of a key path is not in place: it is of the path or around it."""
    return not where or path.path.startswith((f"{where}.", f"{where}[")) or _is_of(where, path)


def _has(point: Sequence[Any], place: int, level: Any) -> bool:
    return repr(point[place]) == repr(level)


def _read_files(names: Any, folder: Path, mistakes: list[Mistake], key: str = "files") -> Mapping[str, bytes]:
    """The content of a study's files by relative path; what is wrong with them is appended to ``mistakes``."""
    found: dict[str, bytes] = {}
    left = MOST_BYTES
    for name in names if isinstance(names, list) else ():
        if not isinstance(name, str):
            continue  # validate_table has reported it
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or not path.parts:
            what = f"{name!r} must be a path below the folder of this file, without `..`"
            mistakes.append(Mistake(key, what))
            continue
        if why := checked_files([name]):
            mistakes.append(Mistake(key, why.removeprefix("files: ")))
            continue
        if str(path) in found:
            mistakes.append(Mistake(key, f"{name!r} is listed twice", MistakeCode.DUPLICATE_NAME))
            continue
        file = folder / path
        try:
            if file.is_dir():
                what = f"{file} is a folder; list its files"
                mistakes.append(Mistake(key, what, MistakeCode.UNREADABLE_FILE))
                continue
            with file.open("rb") as handle:
                content = handle.read(max(left, 0) + 1)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not a file name"
            mistakes.append(Mistake(key, f"{file} cannot be read: {reason}", MistakeCode.UNREADABLE_FILE))
            continue
        found[str(path)] = content
        if left >= 0 > left - len(content):
            what = f"are over 64 MiB together, from {name!r} on; put large files on every host and name them absolutely"
            mistakes.append(Mistake(key, what, MistakeCode.OUT_OF_RANGE))
        left -= len(content)
    return found


def _with_inputs(variant: Variant, folder: Path, files: Mapping[str, bytes], mistakes: list[Mistake]) -> Variant:
    """The variant as reading its load's files completes it; files that the study lacks, and mistakes in them."""
    paths = [one for one in input_paths(variant.campaign) if not Path(one).is_absolute()]
    absent = [one for one in paths if str(PurePosixPath(one)) not in files]
    for one in absent:
        what = f"lacks {one!r}, which the load of the campaign reads; add it"
        mistakes.append(Mistake("files", what, MistakeCode.MISSING_KEY))
    if absent:
        return variant
    try:
        return replace(variant, campaign=read_inputs(found_from(variant.campaign, folder), "").campaign)
    except CampaignError as error:
        mistakes += [Mistake("campaign", str(mistake), mistake.code) for mistake in error.mistakes]
        return variant


def _results_mistakes(results: Any) -> Iterator[Mistake]:
    """A URL in whose place no store can be."""
    if not isinstance(results, str) or "://" not in results:
        return
    protocol, _, where = results.partition("://")
    stores = STORES | {one.name for one in entry_points(group="fsspec.specs")}
    if protocol not in stores:
        what = f"{results!r} is the URL of no store; {suggestion(protocol, stores)}"
        yield Mistake("results", what, MistakeCode.UNKNOWN_NAME)
    elif not where.strip("/"):
        yield Mistake("results", f"{results!r} names no folder; add it, like {protocol}://bucket/folder")


def _port_mistakes(hosts: HostsTable, replicates: int, variants: Sequence[Variant]) -> Iterator[Mistake]:
    """Ports on which servers of several cells would listen on one host."""
    if hosts.exclusive:
        return
    servers = [
        (one.name, one.port)
        for variant in variants
        for one in variant.campaign.deployment
        if isinstance(one, DeploymentOptions) and one.port is not None
    ]
    each = 1 if hosts.apart else replicates  # cells of one combination on one host, at most
    for (name, port), having in Counter(servers).items():
        if having * each > 1:
            what = (
                f"several cells may share a host, and the server of deployment[{name}] listens on port {port} in each; "
                "leave its `port` out, or set `exclusive = true`"
            )
            yield Mistake("hosts.exclusive", what, MistakeCode.CONFLICT)


@dataclass(frozen=True, slots=True)
class _Hosts:
    """`[hosts]` as far as it is sound. ``alike`` are the facts as they were given, ``faulty`` the other keys."""

    table: HostsTable
    alike: Sequence[str]
    faulty: Collection[str]

    @classmethod
    def of(cls, raw: Any) -> _Hosts:
        sound = sound_part(HostsTable, raw)
        given = raw if isinstance(raw, dict) else dict.fromkeys(HostsTable.model_fields)
        alike = given.get("alike")
        texts = [one for one in alike if isinstance(one, str)] if isinstance(alike, list) else []
        return cls(HostsTable.model_validate(sound), texts, given.keys() - sound.keys())

    def has(self, *keys: str) -> bool:
        """Whether the values of these keys are known."""
        return not any(key in self.faulty for key in keys)


def _hosts_mistakes(given: _Hosts, replicates: int | None) -> Iterator[Mistake]:
    """What is wrong with sound keys of `[hosts]`; ``replicates`` is None where it is not known."""
    hosts = given.table
    for name in given.alike:
        if name not in ALIKE:
            yield Mistake("hosts.alike", f"unknown fact {name!r}; {suggestion(name, ALIKE)}", MistakeCode.UNKNOWN_NAME)
    if hosts.driver is not None:
        try:
            SpecifierSet(hosts.driver)
        except InvalidSpecifier:
            what = f"must be versions like `>=550,<560`, got {hosts.driver!r}"
            yield Mistake("hosts.driver", what)
    if hosts.exclusive and given.has("exclusive"):
        for key in ("cpus", "devices"):
            if key in hosts.model_fields_set and getattr(hosts, key):
                what = "has no effect where a cell takes the whole host; set `exclusive = false`, or leave it out"
                yield Mistake(f"hosts.{key}", what, MistakeCode.CONFLICT)
    elif hosts.gpus is not None and hosts.gpus < hosts.devices and given.has("exclusive"):
        what = f"a host may have {hosts.gpus}, and a cell takes {hosts.devices} (`devices`); raise it, or leave it out"
        yield Mistake("hosts.gpus", what, MistakeCode.CONFLICT)
    if hosts.gpus == 0:
        for key in ("accelerator", "driver"):
            if getattr(hosts, key) is not None:
                what = "is of GPUs, and `gpus = 0`; leave one of them out"
                yield Mistake(f"hosts.{key}", what, MistakeCode.CONFLICT)
    apart = hosts.apart and given.has("apart")
    if apart and hosts.count is not None and replicates is not None and hosts.count < replicates:
        what = (
            f"{hosts.count} hosts cannot take {replicates} replicates on different hosts; "
            "raise it, or set `apart = false`"
        )
        yield Mistake("hosts.count", what, MistakeCode.CONFLICT)


def _replicates(raw: Mapping[str, Any]) -> int | None:
    """The replicates of a study file that may have mistakes elsewhere."""
    sound = sound_part(StudyFile, raw)
    if "replicates" in raw and "replicates" not in sound:
        return None
    needed = {"name": "study", "campaign": "campaign.toml", "replicates": sound.get("replicates", 1)}
    return StudyFile.model_validate(needed).replicates


def _explained(one: Mistake, raw: Mapping[str, Any]) -> Mistake:
    """A mistake with what a writer of campaign files does not know of study files."""
    if one.where == "campaign" and one.code == MistakeCode.MISSING_KEY:
        what = 'is missing; a study file names the campaign of its cells, like campaign = "campaign.toml"'
        return replace(one, what=what)
    if one.code == MistakeCode.UNKNOWN_KEY and one.where in HostsTable.model_fields and one.where in raw:
        return replace(one, what="unknown key; it is a key of [hosts]: write it below that line")
    return one
