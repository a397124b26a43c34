"""``study.json``: the cells of a study, written once before the first is started; what a resumed study is read from.

With it are copies of the study file, the campaign file and the input files. A study is resumed from these alone, and
only as they were written: a changed level would put two experiments into one result.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from secrets import token_hex
from typing import Any

from pydantic import ValidationError

from aging.core.errors import ResultsError, writing
from aging.core.whole_file import write_whole
from aging.store.other_path import not_a_study
from aging.study.cells import Cell, cells_of
from aging.study.events import StudyPlanned
from aging.study.layout import StudyLayout
from aging.study.ledger import Ledger
from aging.study.load import Study
from aging.study.schema import StudyFile

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class StudyPlan:
    """A study as it was planned. ``id`` names it on every host: ``<name>/<UTC start>-<random>``.

    ``files`` are its input files by relative path; ``versions`` those of the program that planned it.
    """

    id: str
    file: StudyFile
    cells: Sequence[Cell]
    files: Mapping[str, bytes]
    versions: Mapping[str, str]


def write_plan(layout: StudyLayout, study: Study) -> StudyPlan:
    """Write a study's plan, its ledger and the copies of its files into its folder, which exists. Raises StorageError.

    The plan itself comes last: a folder without it is no study's, and one with it has a ledger.
    """
    cells = cells_of(study)
    # Two studies of one name that start in the same second on two machines must not share a folder on a host.
    identity = f"{study.file.name}/{layout.root.name}-{token_hex(3)}"
    versions = {"aging": version("llm-aging"), "python": platform.python_version()}
    copies = {layout.campaign: study.campaign.text.encode("utf-8")}
    if study.text is not None:
        copies[layout.study] = study.text.encode("utf-8")
    copies |= {layout.files / path: content for path, content in study.files.items()}
    texts = {cell.variant: cell for cell in cells}
    content = {
        "schema": SCHEMA,
        "id": identity,
        "versions": versions,
        "study": study.file.model_dump(mode="json"),
        "copies": {_name(layout, path): _sha256(one) for path, one in copies.items()},
        "variants": {
            name: {"levels": cell.levels, "sha256": _sha256(cell.campaign.encode("utf-8")), "campaign": cell.campaign}
            for name, cell in texts.items()
        },
        "cells": [
            {"name": cell.name, "variant": cell.variant, "replicate": cell.replicate, "seconds": cell.seconds}
            for cell in cells
        ],
    }
    written = json.loads(json.dumps(content, default=str))  # dates are levels, too, and JSON has none
    for path, one in copies.items():
        _write(path, one)
    with closing(Ledger(layout.ledger)) as ledger:
        ledger.record(StudyPlanned(id=identity))
    text = json.dumps(written | {"sha256": _whole(written)}, indent=1, ensure_ascii=False) + "\n"
    _write(layout.plan, text.encode("utf-8"))
    return StudyPlan(identity, study.file, cells, study.files, versions)


def read_plan(layout: StudyLayout) -> StudyPlan:
    """The plan of a study. Raises :class:`ResultsError` if this is no study's folder, or if its files were changed."""
    raw = _read(layout.plan)
    if layout.in_store:
        url = layout.root.absolute().as_uri()
        raise ResultsError(
            f"{layout.root}: is the copy of a study in a store, not the folder of a study. Leave it as it is and give "
            f"its URL: aging resume {url}, or aging analyze {url}"
        )
    if wrong := [*_changes(layout, raw)]:
        raise ResultsError(
            f"{layout.root}: {'; '.join(wrong)}. The study cannot go on with changed files: restore them, or start a "
            "new study with `aging run`"
        )
    try:
        file = StudyFile.model_validate(raw["study"])
        variants = raw["variants"]
        cells = tuple(
            Cell(
                name=one["name"],
                variant=one["variant"],
                replicate=one["replicate"],
                levels=variants[one["variant"]]["levels"],
                campaign=variants[one["variant"]]["campaign"],
                seconds=one["seconds"],
            )
            for one in raw["cells"]
        )
        copies = [name.removeprefix("files/") for name in raw["copies"] if name.startswith("files/")]
        files = {name: (layout.files / name).read_bytes() for name in copies}
        return StudyPlan(raw["id"], file, cells, files, raw["versions"])
    except (KeyError, TypeError, ValidationError):
        raise ResultsError(f"{layout.plan}: was not written by this release of `aging run`") from None


def _changes(layout: StudyLayout, raw: Mapping[str, Any]) -> Iterator[str]:
    """What differs from what was written, each with its file."""
    kept = {key: value for key, value in raw.items() if key != "sha256"}
    if raw.get("sha256") != _whole(kept):
        yield f"{layout.plan.name} was changed after the start of the study"
    copies = raw.get("copies")
    for name, sha256 in copies.items() if isinstance(copies, dict) else ():
        try:
            if _sha256((layout.root / name).read_bytes()) != sha256:
                yield f"{name} was changed after the start of the study"
        except OSError as error:
            yield f"{name} cannot be read: {error.strerror}"


def _read(path: Path) -> dict[str, Any]:
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise ResultsError(f"{path.parent}: {not_a_study(path.parent)}") from None
    except OSError as error:
        raise ResultsError(f"{path}: cannot be read: {error.strerror}; name the folder of a study") from None
    except ValueError as error:
        raise ResultsError(f"{path}: is not JSON: {error}") from None
    version = raw.get("schema") if isinstance(raw, dict) else None
    if version != SCHEMA:
        raise ResultsError(f"{path}: format version {version!r} is unknown; this release reads {SCHEMA}")
    return dict(raw)


def _write(path: Path, content: bytes) -> None:
    """Write a file as a whole or not at all. Raises StorageError."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)


def _whole(raw: Mapping[str, Any]) -> str:
    return _sha256(json.dumps(raw, sort_keys=True, separators=(",", ":")).encode("utf-8"))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _name(layout: StudyLayout, path: Path) -> str:
    return path.relative_to(layout.root).as_posix()
