"""What is said of a path that is no result directory: what it is, and which directory is meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from aging.store.other_path import not_a_campaign, not_a_study

STUDY = 'name = "s"\ncampaign = "c.toml"\n'


def made(root: Path, *starts: str, marker: str = "study.json") -> list[str]:
    """Folders of results below ``root``, the newest first."""
    for start in starts:
        (root / start).mkdir(parents=True)
        (root / start / marker).touch()
    return [str(root / one) for one in sorted(starts, reverse=True)]


@pytest.mark.parametrize("marker", ["study.json", "journal.jsonl"])
def test_the_starts_below_a_folder_newest_first(tmp_path: Path, marker: str) -> None:
    starts = made(tmp_path / "results" / "s", "20260101T000000Z", "20260102T000000Z", marker=marker)
    for folder in (tmp_path / "results" / "s", tmp_path / "results"):
        said = not_a_campaign(folder)
        assert 0 < said.index(starts[0]) < said.index(starts[1])
        assert ("(a study)" in said) == (marker == "study.json")


def test_the_cells_of_a_study_are_no_starts(tmp_path: Path) -> None:
    made(tmp_path / "s", "20260101T000000Z")
    cell = tmp_path / "s" / "20260101T000000Z" / "journal.jsonl"
    cell.touch()
    assert not_a_campaign(tmp_path / "s").count("20260101T000000Z") == 1


def test_many_starts_are_counted(tmp_path: Path) -> None:
    made(tmp_path, *(f"202601{day:02d}T000000Z" for day in range(1, 21)))
    assert not_a_campaign(tmp_path).endswith("and 14 more")


def test_a_study_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = Path("study.toml")
    file.write_text(STUDY)
    assert "is a study file" in not_a_campaign(file)
    assert "results/s/" in not_a_campaign(file)
    made(Path("results/s"), "20260101T000000Z")
    assert "results/s/20260101T000000Z (a study)" in not_a_campaign(file)
    file.write_text(f'{STUDY}results = "elsewhere"\n')
    assert "20260101T000000Z" not in not_a_campaign(file)
    made(Path("elsewhere/s"), "20260103T000000Z")
    assert "elsewhere/s/20260103T000000Z" in not_a_campaign(file)


def test_a_campaign_file_and_other_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = Path("file")
    file.write_text('name = "c"\n[[deployment]]\n')
    assert "is a campaign file" in not_a_campaign(file)
    for content in (b"= 1", b"\xff", b"", b"campaign = 3\nname = 4\n"):
        file.write_bytes(content)
        assert all(one in not_a_campaign(file) for one in ("file", "journal.jsonl", "study.json"))


def test_an_empty_folder_says_what_results_have(tmp_path: Path) -> None:
    said = not_a_campaign(tmp_path)
    assert all(one in said for one in ("journal.jsonl", "manifest.json", "study.json", "ledger.jsonl"))


def test_no_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = Path("study.toml")
    file.write_text(STUDY)
    (start,) = made(Path("results/s"), "20260101T000000Z")
    assert start in not_a_study(file)
    assert start in not_a_study(Path("results/s"))
    (campaign,) = made(Path("results/c"), "20260101T000000Z", marker="journal.jsonl")
    assert "of one campaign" in not_a_study(Path(campaign))
    assert not_a_study(Path("none")) == "does not exist"
    assert "study.json" in not_a_study(tmp_path / "results" / "c" / "20260101T000000Z" / "..")
