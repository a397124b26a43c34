"""A study's folder in a store: what was sent comes back whole, and what is not whole is never taken for it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

pytest.importorskip("fsspec")

import fsspec

from aging.app.study_store import fetched
from aging.cluster.store import Sent, StudyStore, fetch, is_url, study_url
from aging.core.errors import InputError, MissingPartError, ResultsError, StorageError
from aging.store.lock import Lock, LockedError
from aging.study.layout import StudyLayout
from aging.study.load import STORES

SEALED = "cells/c-1/a01/leak/r01/process/20261121T01.parquet"


@pytest.fixture(params=["file", "memory"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    where = f"{tmp_path}/bucket" if request.param == "file" else f"/{uuid4().hex}"
    yield study_url(f"{request.param}://{where}/", "six", "20261121T011500Z")
    if request.param == "memory":
        fsspec.filesystem("memory").store.clear()


@pytest.fixture
def study(tmp_path: Path) -> Path:
    root = tmp_path / "study"
    (root / SEALED).parent.mkdir(parents=True)
    (root / SEALED).write_bytes(b"PAR1" + bytes(range(256)) * 100 + b"PAR1")
    (root / "study.json").write_text("{}")
    (root / "ledger.jsonl").write_text('{"kind": "study_started"}\n')
    (root / "lock").write_text("1")
    return root


def contents(root: Path) -> dict[str, bytes]:
    return {one.relative_to(root).as_posix(): one.read_bytes() for one in root.rglob("*") if one.is_file()}


def objects(url: str, below: str) -> list[str]:
    system, base = fsspec.core.url_to_fs(url)
    return sorted(system.find(f"{base}/{below}"))


def write(url: str, path: str, content: bytes) -> None:
    system, base = fsspec.core.url_to_fs(url)
    system.pipe_file(f"{base}/{path}" if not path.startswith("/") else path, content)


def test_a_study_comes_back_as_it_was(url: str, study: Path, tmp_path: Path) -> None:
    StudyStore.open(url).push(study)
    expected = contents(study)
    del expected["lock"]
    assert contents(fetch(url, tmp_path / "back")) == expected
    assert contents(fetch(url, tmp_path / "back")) == expected  # again, over what is there
    assert objects(url, ".part") == []


def test_only_what_is_new_is_sent(url: str, study: Path) -> None:
    store = StudyStore.open(url)
    store.push(study)
    assert store.push(study) == Sent()
    line = b'{"kind": "host_lost"}\n'
    with (study / "ledger.jsonl").open("ab") as ledger:
        ledger.write(line + b'{"kind": "half')
    assert store.push(study) == Sent(1, len(line))
    assert StudyStore.open(url).push(study) == Sent()  # another process on the same folder


def test_a_fetched_study_is_continued(url: str, study: Path, tmp_path: Path) -> None:
    StudyStore.open(url).push(study)
    back = fetch(url, tmp_path / "back")
    store = StudyStore.open(url)
    with (back / "ledger.jsonl").open("a") as ledger:
        ledger.write('{"kind": "study_ended"}\n')
    assert store.push(back).files == 1
    assert fetch(url, tmp_path / "third").joinpath("ledger.jsonl").read_text().count("\n") == 2


def test_a_fetch_takes_nothing_from_a_newer_folder(url: str, study: Path, tmp_path: Path) -> None:
    """What a store did not take is here alone."""
    StudyStore.open(url).push(study)
    back = fetch(url, tmp_path / "back")
    with (back / "ledger.jsonl").open("a") as ledger:
        ledger.write('{"kind": "attempt_collected"}\n')
    (back / SEALED).write_bytes(b"collected since")
    (back / "study.json").unlink()
    expected = contents(back) | {"study.json": b"{}"}
    assert contents(fetch(url, back)) == expected


def test_a_fetch_over_another_ledger_is_refused(url: str, study: Path, tmp_path: Path) -> None:
    StudyStore.open(url).push(study)
    back = fetch(url, tmp_path / "back")
    (back / "ledger.jsonl").write_text('{"kind": "other"}\n')
    before = contents(back)
    with pytest.raises(ResultsError, match="other lines"):
        fetch(url, back)
    assert contents(back) == before


def test_a_folder_in_which_a_process_works_is_not_fetched(
    url: str, study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    StudyStore.open(url).push(study)
    monkeypatch.chdir(tmp_path)
    back = fetched(url)
    (back / "ledger.jsonl").write_text("")
    with contextlib.closing(Lock.take(back, "study")), pytest.raises(LockedError):
        fetched(url)
    assert (back / "ledger.jsonl").read_text() == ""


def test_two_processes_of_one_study_are_refused(url: str, study: Path) -> None:
    one, other = StudyStore.open(url), StudyStore.open(url)
    one.push_ledger(study)
    other.push_ledger(study)  # the same lines
    ledger = study / "ledger.jsonl"
    before = ledger.read_text()
    ledger.write_text(before + '{"kind": "host_lost"}\n')
    one.push_ledger(study)
    ledger.write_text(before + '{"kind": "host_seen"}\n')
    with pytest.raises(StorageError):
        other.push_ledger(study)


def test_a_piece_that_is_not_whole_is_not_seen(url: str, study: Path, tmp_path: Path) -> None:
    store = StudyStore.open(url)
    store.push(study)
    first = contents(study)["ledger.jsonl"]
    with (study / "ledger.jsonl").open("ab") as ledger:
        ledger.write(b'{"kind": "host_lost"}\n')
    store.push_ledger(study)
    (_, last) = objects(url, ".log/ledger.jsonl")
    write(url, last, b'{"kind": "ho')
    assert fetch(url, tmp_path / "back").joinpath("ledger.jsonl").read_bytes() == first
    assert StudyStore.open(url).push_ledger(study).files == 1  # and it is sent again
    assert contents(fetch(url, tmp_path / "again"))["ledger.jsonl"] == contents(study)["ledger.jsonl"]


def test_an_upload_cut_off_is_not_seen_and_sent_again(
    url: str, study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = StudyStore.open(url)
    moves = iter([True, False])

    def move(self: StudyStore, part: str, path: str) -> None:
        if not next(moves):
            raise OSError("connection reset")
        self.system.makedirs(path.rpartition("/")[0], exist_ok=True)
        self.system.mv(part, path)

    with monkeypatch.context() as patched:
        patched.setattr(StudyStore, "_move", move)
        with pytest.raises(StorageError):
            store.push(study)
    with pytest.raises(ResultsError):
        fetch(url, tmp_path / "early")
    store.push(study)
    assert SEALED in contents(fetch(url, tmp_path / "back"))


@pytest.mark.parametrize("content", [b"", b"PAR1 something else"])
def test_an_object_with_another_content_is_refused(url: str, study: Path, tmp_path: Path, content: bytes) -> None:
    StudyStore.open(url).push(study)
    write(url, SEALED, content)
    with pytest.raises(ResultsError, match=SEALED):
        fetch(url, tmp_path / "back")
    assert not (tmp_path / "back" / SEALED).exists()


def test_findings_whose_line_did_not_arrive_are_left_out(url: str, study: Path, tmp_path: Path) -> None:
    (study / "findings.json").write_text("1")
    StudyStore.open(url).push(study)
    write(url, "findings.json", b"2")
    assert "findings.json" not in contents(fetch(url, tmp_path / "back"))


@pytest.mark.parametrize("path", ["../outside", "/etc/outside", "cells/../../outside"])
def test_a_path_outside_of_the_study_is_refused(url: str, study: Path, tmp_path: Path, path: str) -> None:
    store = StudyStore.open(url)
    store.push(study)
    line = json.dumps({"path": path, "size": 0, "sha256": "0"}).encode() + b"\n"
    store._append(".store.jsonl", store._end(".store.jsonl"), line)
    with pytest.raises(ResultsError, match="outside"):
        fetch(url, tmp_path / "back")


def test_urls_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    with pytest.raises(ResultsError):
        fetch(f"file://{tmp_path}/nothing", tmp_path / "back")
    with pytest.raises(InputError, match="nosuch://x"):
        StudyStore.open("nosuch://x/y")
    (tmp_path / "ledger.jsonl").write_text("{}\n")
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        StudyStore.open(f"file://{tmp_path}/file/below").push_ledger(tmp_path)


def test_its_folder_is_told_from_a_study(study: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    StudyStore.open(there.as_uri()).push(study)
    assert StudyLayout(there).in_store
    assert not StudyLayout(study).in_store
    assert not StudyLayout(fetch(there.as_uri(), tmp_path / "back")).in_store


def test_the_protocols_that_a_study_file_may_name() -> None:
    read_only = {"data", "dvc", "git", "gist", "github", "http", "https", "jlab", "jupyter", "pyscript", "wandb"}
    wrapping = {"async_wrapper", "asynclocal", "asyncwrapper", "dask", "dir", "generic", "reference"}
    caches_and_archives = {"blockcache", "cached", "filecache", "libarchive", "simplecache", "tar", "zip"}
    assert {*fsspec.available_protocols()} - STORES <= read_only | wrapping | caches_and_archives


def test_a_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "s3fs", None)
    with pytest.raises(MissingPartError, match="pip install s3fs"):
        StudyStore.open("s3://bucket/folder")


@pytest.mark.parametrize(
    ("text", "expected"), [("s3://b/f", True), ("file:///x", True), ("results", False), ("/x://y", False)]
)
def test_urls_are_told_from_paths(text: str, expected: bool) -> None:
    assert is_url(text) is expected


def test_a_line_of_the_ledger_waits_for_its_files(
    url: str, study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = StudyStore.open(url)
    push_files = StudyStore.push_files

    def collected_meanwhile(self: StudyStore, root: Path) -> Sent:
        sent = push_files(self, root)
        (root / "later.parquet").write_bytes(b"PAR1")
        with (root / "ledger.jsonl").open("a") as ledger:
            ledger.write('{"kind": "attempt_collected"}\n')
        return sent

    with monkeypatch.context() as patch:
        patch.setattr(StudyStore, "push_files", collected_meanwhile)
        store.push(study)
    assert len((fetch(url, tmp_path / "early") / "ledger.jsonl").read_text().splitlines()) == 1
    store.push(study)
    assert contents(fetch(url, tmp_path / "late")).keys() == contents(study).keys() - {"lock"}
