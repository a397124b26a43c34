"""Directories that are empty, partial, broken or odd: a page that says so, the exit code, and nothing half written."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from aging.core.metrics import PRIMARY
from aging.findings.series import Measured
from aging.findings.types import Problem
from aging.report.html.page import page, write_report
from aging.store.results import open_results
from tests.builders import ended
from tests.conftest import ROOT, Aging
from tests.report.conftest import Build, Made, Server, finding, findings_of

FIRST_LOOK = ROOT / "results" / "first-look"


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A campaign that has ended, with its findings."""
    return ended(tmp_path / "small")


@pytest.mark.thorough
def test_results_of_0_1_give_a_page(tmp_path: Path, cli: Aging) -> None:
    old = shutil.copytree(FIRST_LOOK, tmp_path / "first-look")
    ran = cli("report", old)
    assert (ran.returncode, ran.stderr) == (0, "")
    html = (old / "report.html").read_text(encoding="utf-8")
    assert ran.stdout.strip() == str(old / "report.html")
    assert "Exhausts in" in html
    assert json.loads((old / "findings.json").read_bytes())["aging_version"], "findings of 0.1 are computed anew"


def test_a_partial_directory(copied: Path, cli: Aging) -> None:
    shutil.rmtree(copied / "clean")
    (copied / "campaign.toml").unlink()
    lines = (copied / "journal.jsonl").read_bytes().splitlines(keepends=True)
    (copied / "journal.jsonl").write_bytes(b"".join(lines[:-1]) + b'{"wall": 17952')
    ran = cli("report", copied)
    assert (ran.returncode, ran.stderr) == (0, "")
    html = (copied / "report.html").read_text(encoding="utf-8")
    assert "has no recorded end" in html
    assert "Not measured" in html
    assert "The campaign file is not in the directory" in html


def test_damaged_samples(copied: Path, cli: Aging) -> None:
    damaged = sorted(copied.glob("leaking/r01/process/*"))[0]
    damaged.write_bytes(damaged.read_bytes()[: damaged.stat().st_size // 2])
    ran = cli("report", copied)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "Damaged file" in (copied / "report.html").read_text(encoding="utf-8")


def test_a_folder_whose_name_is_no_text(copied: Path, cli: Aging) -> None:
    named = copied.rename(copied.with_name("caf\udce9 <b>"))  # Latin-1, as a file system may have it
    (named / "findings.json").unlink()
    ran = cli("report", named)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert 'id="decision"' in (named / "report.html").read_text(encoding="utf-8")


def test_damaged_findings_are_computed_anew(copied: Path, cli: Aging) -> None:
    (copied / "findings.json").write_text('{"schema": 1, "findings": [{"deployment": 3}]}')
    assert cli("report", copied).returncode == 0
    assert json.loads((copied / "findings.json").read_bytes())["findings"]


def test_current_findings_are_not_computed_again(copied: Path, cli: Aging) -> None:
    assert cli("report", copied).returncode == 0
    found = json.loads((copied / "findings.json").read_bytes())
    found["findings"] = [one for one in found["findings"] if one["deployment"] == "leaking"]
    (copied / "findings.json").write_text(json.dumps(found))
    assert cli("report", copied).returncode == 0
    assert len(json.loads((copied / "findings.json").read_bytes())["findings"]) == len(found["findings"])


@pytest.mark.parametrize("lost", ["cut", "empty", "gone"])
def test_findings_of_samples_that_are_lost_are_computed_anew(copied: Path, cli: Aging, lost: str) -> None:
    """Findings whose samples are lost are computed anew."""
    assert cli("report", copied).returncode == 0
    for sealed in copied.glob("leaking/r01/*/*.parquet"):
        if lost == "gone":
            sealed.unlink()
        else:
            sealed.write_bytes(b"" if lost == "empty" else sealed.read_bytes()[:700])
    ran = cli("report", copied)
    assert (ran.returncode, ran.stderr) == (0, "")
    found = json.loads((copied / "findings.json").read_bytes())
    assert [one["validity"] for one in found["runs"] if one["deployment"] == "leaking"] == ["broken"]
    assert not [one for one in found["findings"] if one["deployment"] == "leaking" and one["verdict"] == "aging"]


class TestOutput:
    def test_elsewhere(self, copied: Path, tmp_path: Path, cli: Aging) -> None:
        before = (copied / "findings.json").read_bytes()
        ran = cli("report", copied, "--output", tmp_path / "page.html")
        assert (ran.returncode, ran.stdout.strip()) == (0, str(tmp_path / "page.html"))
        assert "<!doctype html>" in (tmp_path / "page.html").read_text(encoding="utf-8")
        assert not (copied / "report.html").exists()
        assert (copied / "findings.json").read_bytes() == before

    @pytest.mark.parametrize("format_", ["markdown", "latex"])
    def test_tables(self, format_: str, copied: Path, tmp_path: Path, cli: Aging) -> None:
        shutil.copy(copied / "findings.json", tmp_path / "kept.json")
        ran = cli("report", copied, "--format", format_, "--output", tmp_path / "tables")
        assert (ran.returncode, ran.stdout.strip()) == (0, str(tmp_path / "tables"))
        assert "leaking" in (tmp_path / "tables").read_text(encoding="utf-8")

    @pytest.mark.parametrize("name", ["", ".", "none/page.html", "file/page.html", "x" * 300])
    def test_refused(self, name: str, tmp_path: Path, cli: Aging) -> None:
        (tmp_path / "file").touch()
        ran = cli("report", FIRST_LOOK, "--output", "" if not name else tmp_path / name)
        assert ran.returncode == 2
        assert "--output" in ran.stderr
        assert "Traceback" not in ran.stderr
        assert sorted(one.name for one in tmp_path.iterdir()) == ["file"]

    def test_unknown_format(self, cli: Aging) -> None:
        ran = cli("report", FIRST_LOOK, "--format", "pdf")
        assert ran.returncode == 2
        assert "markdown" in ran.stderr


def test_a_name_that_is_too_long_is_no_directory(cli: Aging) -> None:
    ran = cli("report", "x" * 300)
    assert ran.returncode == 2
    assert "Traceback" not in ran.stderr


def test_one_sample(build: Build) -> None:
    html = page(Measured(build(Made([Server("one")], seconds=1, warmup=0.0))), findings_of([finding("one", n=1)]))
    assert 'id="decision"' in html


def test_all_missing(build: Build) -> None:
    results = build(Made([Server("none")], seconds=60))
    for path in (results.layout.root / "none").rglob("*.jsonl"):
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        kept = ("wall", "mono", "generation", "entity", "late", "missed")
        emptied = [{key: value if key in kept else None for key, value in row.items()} for row in rows]
        path.write_text("".join(json.dumps(row) + "\n" for row in emptied))
    unknown = finding("none", "inconclusive", slope_per_hour=None, ci_per_hour=None, minimum_detectable_per_hour=None)
    html = page(Measured(open_results(results.layout.root)), findings_of([unknown]))
    assert "Not measured" in html
    assert "No memory was sampled" in html
    assert not re.search(r"\b(nan|NaN|None)\b", re.sub(r"<(script|style).*?</\1>", "", html, flags=re.DOTALL))


@pytest.mark.thorough
def test_hundreds_of_generations(build: Build) -> None:
    """No label for each: the marks are one path, the journal and the problems have their first and their last."""
    many = 300
    server = Server("many", restarts_at=tuple(4.0 * (n + 1) for n in range(many)))
    results = build(Made([server], seconds=4 * many + 10, warmup=0.0, interval=60.0))
    problems = [Problem("many", "died", f"death {n}", float(n)) for n in range(many)]
    found = findings_of([finding("many"), finding("many", indicator="process_fds")], problems=problems)
    html = page(Measured(results), found)
    assert html.count('class="note rejuvenated"') == 0
    assert html.count("<text") < 200
    assert html.count("death ") == 100
    assert len(html) < 600_000


def test_a_hundred_runs(build: Build) -> None:
    names = [f"server-{n}" for n in range(100)]
    results = build(Made([Server(name, loaded=False) for name in names]))
    html = page(Measured(results), findings_of([finding(name) for name in names]))
    assert "36 more runs" in html
    assert "The other 76 deployments" in html


def test_a_page_is_written_whole_or_not_at_all(build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = build(Made([Server("server", loaded=False)]))
    target = tmp_path / "report.html"
    target.write_text("before")

    def fails(self: Path, other: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fails)
    with pytest.raises(OSError, match="cannot be written"):
        write_report(Measured(results), findings_of([finding("server", indicator=PRIMARY)]), target)
    assert target.read_text() == "before"
