"""Several result directories in one command: which they are, what is printed, and the exit code."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from glob import escape
from pathlib import Path

import pytest

from aging.app.directories import Analyzed, Question, Selected, each, selected, several, worst
from aging.core.errors import ExitCode
from aging.findings.indicator_analysis import Mapper, on_all_cores
from tests.builders import ended
from tests.conftest import Aging


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A campaign, a copy of it deeper below, a smoke run, and folders that are neither."""
    root = tmp_path / "results [1]"
    for place in ("one", "six/20261121T011500Z", "quick"):
        ended(root / place)
    manifest = root / "quick" / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"smoke": True}))
    (root / "empty").mkdir()
    (root / "half").mkdir()
    (root / "half" / "journal.jsonl").write_text("")
    return root


def test_a_pattern_finds_every_campaign_below(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(results)
    found = selected(["**", "one", "no/**"])
    assert found.directories == [Path("one"), Path("six/20261121T011500Z")]
    assert found.smoke == [Path("quick")]
    assert found.unmatched == ["no/**"]
    assert found.by_pattern == {Path("six/20261121T011500Z")}


def test_a_folder_with_brackets_in_its_name_is_no_pattern(results: Path) -> None:
    assert not several([str(results)])
    assert selected([str(results)]).directories == [results]
    assert several([str(results), str(results)])
    assert several(["results/*"])
    assert several(["s3://bucket/results/six/20261121T011500Z"])


@pytest.mark.parametrize(
    ("codes", "unmatched", "found", "expected"),
    [
        ((0, 0), (), (), ExitCode.DONE),
        ((0, 3), (), (), ExitCode.INCONCLUSIVE),
        ((3, 2, 0), (), (), ExitCode.BAD_INPUT),
        ((0,), ("x*",), (), ExitCode.BAD_INPUT),
        ((), (), (), ExitCode.BAD_INPUT),
        ((0, 2), (), (2,), ExitCode.INCONCLUSIVE),
        ((0, 2), ("x*",), (2,), ExitCode.BAD_INPUT),
    ],
)
def test_the_worst_outcome_is_the_exit_code(
    codes: tuple[int, ...], unmatched: tuple[str, ...], found: tuple[int, ...], expected: int
) -> None:
    outcomes = [Analyzed(Path(str(code)), None, ExitCode(code)) for code in codes]
    chosen = Selected([], unmatched=unmatched, by_pattern=[Path(str(code)) for code in found])
    assert worst(outcomes, chosen) == expected


@pytest.mark.parametrize("name", ["manifest.json", "journal.jsonl"])
@pytest.mark.parametrize("content", [b"[]", b"\xff\xfe\x00", b"", b'{"schema": 1, "campaign": 3}'])
def test_a_damaged_campaign_of_a_pattern_is_named(results: Path, cli: Aging, name: str, content: bytes) -> None:
    (results / "one" / name).write_bytes(content)
    ran = cli("analyze", f"{escape(str(results))}/**")
    lines = ran.stdout.splitlines()
    assert any(line.startswith(f"{results / 'six' / '20261121T011500Z'}: ") for line in lines)
    assert "Traceback" not in ran.stderr
    if name == "manifest.json":
        assert ran.returncode == ExitCode.INCONCLUSIVE
        assert ran.stderr.count(str(results / "one")) == 1


def test_a_bad_directory_stops_no_other(results: Path) -> None:
    bad, unreadable, good = each([results / "empty", results / "half", results / "one"], Question())
    assert (bad.code, unreadable.code, good.code) == (2, 2, 0)
    assert str(results / "empty") in str(bad.why)
    assert good.findings is not None
    assert (results / "one" / "findings.json").is_file()


class Resolving:
    """Analyses by workers, each of which has its directory by the absolute path."""

    def each(self, directories: Sequence[Path], analyze: Callable[[Path, Mapper], Analyzed]) -> Iterator[Analyzed]:
        for one in directories:
            yield analyze(one.resolve(), on_all_cores)


def test_a_damaged_campaign_of_a_pattern_is_as_bad_on_a_cluster(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    analysis = pytest.importorskip("aging.cluster.analysis")

    @contextmanager
    def connected(_: str) -> Iterator[Resolving]:
        yield Resolving()

    monkeypatch.setattr(analysis, "connected", connected)
    monkeypatch.chdir(results)
    (results / "one" / "manifest.json").write_text("[]")
    chosen = selected(["**"])
    outcomes = list(each(chosen.directories, Question(), "auto"))
    assert [one.directory for one in outcomes] == chosen.directories
    assert [one.code for one in outcomes] == [ExitCode.BAD_INPUT, ExitCode.DONE]
    assert worst(outcomes, chosen) == ExitCode.INCONCLUSIVE


def test_a_line_for_each_and_the_exit_code(results: Path, cli: Aging) -> None:
    ran = cli("analyze", results / "one", results / "empty", "--json")
    assert ran.returncode == ExitCode.BAD_INPUT
    one, empty = map(json.loads, ran.stdout.splitlines())
    assert (one["directory"], one["exit_code"], one["error"]) == (str(results / "one"), 0, None)
    assert one["findings"]
    assert (empty["directory"], empty["exit_code"]) == (str(results / "empty"), 2)
    assert "findings" not in empty
    assert ran.stderr.count(str(results / "empty")) == 1


def test_a_study_in_a_store_is_fetched_and_analyzed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = pytest.importorskip("aging.cluster.store")
    study = tmp_path / "study"
    ended(study / "cells" / "c-1" / "a01")
    (study / "study.json").write_text("{}")
    url = store.study_url(f"file://{tmp_path}/bucket", "six", "20261121T011500Z")
    store.StudyStore.open(url).push(study)
    monkeypatch.chdir(tmp_path)
    found = selected([url])
    assert found.directories == [Path("results/six/20261121T011500Z/cells/c-1/a01")]
