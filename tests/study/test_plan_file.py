"""``study.json``: what a resumed study is read from, and that a changed one is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aging.core.errors import ResultsError
from aging.study.cells import cells_of
from aging.study.layout import StudyLayout
from aging.study.load import Study, load_study, study_of_campaign
from aging.study.plan_file import read_plan, write_plan
from tests.builders import GOOD, KINDS

STUDY = """
name = "s"
campaign = "good.toml"
replicates = 2
files = ["data/one.bin"]
patience = "90s"
[matrix]
"deployment[b].cache_ram_mib" = [0, 64]
"load.timeout" = ["10s", "20s"]
[hosts]
memory = "2GiB"
"""


@pytest.fixture
def study(tmp_path: Path) -> Study:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "one.bin").write_bytes(b"\x00\xff")
    (tmp_path / "good.toml").write_text(GOOD)
    (tmp_path / "study.toml").write_text(STUDY)
    return load_study(tmp_path / "study.toml", KINDS)


@pytest.fixture
def layout(tmp_path: Path) -> StudyLayout:
    root = tmp_path / "results" / "s" / "20261130T070000Z"
    root.mkdir(parents=True)
    return StudyLayout(root)


def test_what_is_written_is_read_from_the_folder_alone(study: Study, layout: StudyLayout, tmp_path: Path) -> None:
    assert not layout.exists
    written = write_plan(layout, study)
    for name in ("study.toml", "good.toml", "data/one.bin"):
        (tmp_path / name).unlink()
    assert layout.exists
    assert read_plan(layout) == written
    assert written.cells == cells_of(study)
    assert len(written.cells) == 8
    assert written.id.startswith("s/20261130T070000Z-")
    assert written.files == {"data/one.bin": b"\x00\xff"}
    assert (written.file.patience, written.file.hosts.memory) == (90, 2**31)
    assert layout.study.read_text() == STUDY
    assert layout.campaign.read_text() == GOOD


def test_two_studies_of_one_name_and_second_have_two_ids(study: Study, layout: StudyLayout) -> None:
    assert write_plan(layout, study).id != write_plan(layout, study).id


def test_a_campaign_as_a_study_has_no_study_file(layout: StudyLayout) -> None:
    written = write_plan(layout, study_of_campaign(GOOD, "good.toml", 3, KINDS))
    assert not layout.study.exists()
    assert read_plan(layout) == written


@pytest.mark.parametrize("name", ["study.toml", "campaign.toml", "files/data/one.bin"])
@pytest.mark.parametrize("gone", [False, True])
def test_a_changed_copy_is_refused(study: Study, layout: StudyLayout, name: str, gone: bool) -> None:
    write_plan(layout, study)
    path = layout.root / name
    if gone:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(ResultsError, match=name):
        read_plan(layout)


@pytest.mark.parametrize("key", ["id", "versions", "study", "copies", "variants", "cells"])
def test_a_changed_plan_is_refused(study: Study, layout: StudyLayout, key: str) -> None:
    write_plan(layout, study)
    raw = json.loads(layout.plan.read_text())
    for changed in (raw | {key: raw[key][::-1] if isinstance(raw[key], str | list) else {}}, {**raw, key: None}):
        layout.plan.write_text(json.dumps(changed))
        with pytest.raises(ResultsError, match=r"study\.json"):
            read_plan(layout)
    layout.plan.write_text(json.dumps(raw))
    assert len(read_plan(layout).cells) == 8, "another layout of the same content is no change"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 99}', "\xff"])
def test_a_file_that_is_no_plan_is_refused(layout: StudyLayout, text: str) -> None:
    with pytest.raises(ResultsError):
        read_plan(layout)
    layout.plan.write_bytes(text.encode("latin-1"))
    with pytest.raises(ResultsError, match=r"study\.json"):
        read_plan(layout)
