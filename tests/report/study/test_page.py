"""The page and the tables of a study: what is decided, what is missing, and that no name of a host is markup."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from rich.console import Console

from aging.app.study_report import read_study, table_text, write_page
from aging.core.errors import ResultsError
from aging.report.study import wording
from aging.report.study.figures import forests
from aging.report.study.findings_text import show
from aging.report.study.host_names import short_names
from aging.report.study.hosts import host_table
from aging.report.study.page import page
from aging.report.study.record import StudyRecord, absences
from aging.study.events import HostLost, HostReturned
from aging.study.fleet import HostFacts
from aging.study.state import HostState
from tests.command_line import run_here
from tests.findings.study_cells import Made, finding, findings
from tests.report.study.studies import HOSTILE, HOSTS, facts, made


class _Parsed(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.handlers: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        self.links += [value or "" for name, value in attrs if tag == "a" and name == "href"]
        self.anchors |= {value or "" for name, value in attrs if name == "id"}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("lost"))


@pytest.fixture(scope="module")
def record(root: Path) -> StudyRecord:
    return read_study(root)


class TestPage:
    def test_hostile_host(self, root: Path) -> None:
        text = write_page(root).read_text()
        parsed = _Parsed(text)
        assert parsed.handlers == []
        assert text.count("<script>alert") == 0
        assert "<b>lost</b>" not in text
        assert re.search(r"d&lt;script&gt;", text)

    def test_links(self, root: Path) -> None:
        parsed = _Parsed(write_page(root).read_text())
        outside = [link for link in parsed.links if not link.startswith("#")]
        assert len(outside) == 7 + 1
        reports = [link for link in outside if link.endswith("report.html")]
        assert len(reports) == 7
        assert all((root / unquote(link)).is_file() for link in reports)
        assert {link[1:] for link in parsed.links if link.startswith("#")} <= parsed.anchors

    def test_links_of_a_page_elsewhere(self, root: Path, tmp_path: Path) -> None:
        page = write_page(root, tmp_path / "page.html")
        reports = [link for link in _Parsed(page.read_text()).links if link.endswith("report.html")]
        assert len(reports) == 7
        assert all((tmp_path / unquote(link)).is_file() for link in reports)

    def test_what_all_rows_share_is_said_once(self, record: StudyRecord, tmp_path: Path) -> None:
        assert len(wording.decisions(record.findings)) > 1
        own = [replace(one, notes=["Of all.", f"Of {one.variant}."]) for one in record.findings.findings]
        text = page(replace(record, findings=replace(record.findings, findings=own)), tmp_path)
        assert text.count("Of all.") == 1
        assert all(text.count(f"Of {one.variant}.") == 1 for one in wording.decisions(record.findings))

    def test_what_some_rows_share_stays_with_each(self, record: StudyRecord, tmp_path: Path) -> None:
        decided = wording.decisions(record.findings)
        third = [replace(one, variant="v3") for one in record.findings.findings if one.variant == decided[0].variant]
        own = [
            replace(one, notes=[] if one.variant == "v3" else ["Of some."])
            for one in [*record.findings.findings, *third]
        ]
        found = replace(record, findings=replace(record.findings, findings=own))
        assert len(wording.decisions(found.findings)) == len(decided) + 1
        text = page(found, tmp_path)
        assert text.count("Of some.") == len(decided)

    def test_a_host_that_does_not_fit_is_not_counted_as_one_that_may_measure(
        self, record: StudyRecord, tmp_path: Path
    ) -> None:
        head = HostState("head", refused="it has no CPUs in the cluster, so that it cannot be reserved")
        state = replace(record.state, hosts={**record.state.hosts, "head": head})
        assert "of 4 that fit; 1 more does not fit" in page(replace(record, state=state), tmp_path)

    def test_no_interval_of_the_spread(self, record: StudyRecord) -> None:
        one = replace(record.findings.findings[0], host_sd=0.0, host_sd_ci=None)
        shown, interval = wording.between_hosts(one)
        assert shown.startswith("0")
        assert "less than their errors" in interval

    def test_loads_nothing(self, root: Path) -> None:
        text = write_page(root).read_text()
        assert "default-src 'none'" in text
        assert not re.search(r"""(?:src|href)=["']?https?:""", text)

    def test_no_study(self, tmp_path: Path) -> None:
        with pytest.raises(ResultsError):
            write_page(tmp_path)


class TestContent:
    def test_decisions(self, record: StudyRecord) -> None:
        found = wording.decisions(record.findings)
        assert [one.finding.verdict for one in found if one.ages_by] == ["aging"]
        assert len(found) == 2
        assert "1 of 2" in wording.headline(record.findings).text
        assert wording.headline(record.findings).tone == "bad"

    def test_results_without_findings(self, record: StudyRecord) -> None:
        """Cells whose load had passed while their runner was down."""
        nothing = replace(record.findings, findings=())
        assert "judged" in wording.headline(nothing).text
        assert "result" in wording.headline(replace(nothing, cells=())).text

    def test_forest(self, record: StudyRecord) -> None:
        (forest,), others = forests(record.findings)
        assert not others
        assert sum(row.pooled for row in forest.rows) == 2
        assert len(forest.rows) == 7 + 2
        assert [row.label for row in forest.rows[1:4]] == ["r01 on a", "r02 on b", "r03 on c"]

    def test_outlier_is_marked_in_its_forest(self) -> None:
        """And hosts are named without the domain that all share."""
        made = Made(replicates=8)
        for number in range(1, 9):
            made.counted(f"v1-r{number:02d}", f"n{number}.rack.org", findings(finding(200.0 if number == 8 else 100.0)))
        (forest,), _ = forests(made.analyzed())
        labels = [row.label for row in forest.rows[1:]]
        assert labels == [*(f"r{n:02d} on n{n}" for n in range(1, 8)), "r08 on n8 (outlier)"]

    def test_hosts(self, record: StudyRecord) -> None:
        table = host_table(record)
        assert list(table.columns) == ["driver"]
        marked = {row.name for row in table.rows if any(cell.differs for cell in row.facts)}
        assert marked == {HOSTILE}
        assert {row.name for row in table.rows if row.clock.differs} == {"c"}
        assert ("kernel", "6.1.0") in table.same
        assert {row.name for row in table.rows if row.tone == "bad"} == {HOSTILE}
        assert {row.name: row.counted for row in table.rows} == {**dict.fromkeys(HOSTS, 2), HOSTILE: 1}

    def test_tables(self, root: Path, record: StudyRecord) -> None:
        text = table_text(root, "markdown")
        for row in record.account.rows:
            assert row.cell in text
        assert "its disk was" in text
        assert "\\begin{" in table_text(root, "latex")

    def test_complete(self, tmp_path: Path) -> None:
        record = read_study(made(tmp_path, complete=True))
        assert record.account.missing == []
        assert record.findings.complete
        assert record.absences == []


@pytest.mark.parametrize(
    ("hosts", "short"),
    [
        (["a.x.org", "b.x.org"], ["a", "b"]),
        (["a.x.org", "b.y.org"], ["a.x", "b.y"]),
        (["x.org", "b.x.org"], ["x", "b.x"]),
        (["10.0.0.1", "10.0.1.1"], ["10.0.0.1", "10.0.1.1"]),
        (["a.x.org"], ["a.x.org"]),
        (["a", "b"], ["a", "b"]),
        ([], []),
    ],
)
def test_hosts_are_named_without_what_all_share(hosts: list[str], short: list[str]) -> None:
    found = short_names([*hosts, *hosts])
    assert list(found.values()) == short
    assert len(set(found.values())) == len(found)


def test_absences() -> None:
    events = (
        HostLost(wall=10.0, host="a"),
        HostLost(wall=20.0, host="b"),
        HostReturned(wall=35.0, host="a"),
        HostReturned(wall=36.0, host="never lost"),
    )
    found = [(one.host, one.end - one.begin, one.returned) for one in absences(events, 50.0)]
    assert found == [("a", 25.0, True), ("b", 30.0, False)]


class TestTerminal:
    @pytest.mark.parametrize("width", [80, 10_000])
    def test_show(self, record: StudyRecord, width: int) -> None:
        console = Console(width=width, highlight=False, markup=False)
        with console.capture() as captured:
            show(record.findings, record.account, console)
        text = " ".join(captured.get().split())
        for part in ("1 of 2", record.account.missing[0].cell, "aging", "driver"):
            assert part in text

    def test_dated(self, record: StudyRecord) -> None:
        (missing,) = record.account.missing
        assert "2026-09-21" in missing.why
        assert "no other host fits" in missing.why


def test_hosts_of_one_machine_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def on_one(host: str, driver: str = "550.54") -> HostFacts:
        return replace(facts(host, driver), boot="one")

    (tmp_path / "apart").mkdir()
    apart = write_page(made(tmp_path / "apart"))
    monkeypatch.setattr("tests.report.study.studies.facts", on_one)
    (tmp_path / "together").mkdir()
    together = write_page(made(tmp_path / "together"))
    said = "run on one machine (same boot)"
    assert [path.read_text().count(said) for path in (apart, together)] == [0, 1]


class TestCommand:
    def test_page(self, root: Path, tmp_path: Path) -> None:
        done = run_here(tmp_path, "report", root)
        assert (done.returncode, done.stdout.strip()) == (0, str(root / "report.html"))

    def test_tables(self, root: Path, tmp_path: Path) -> None:
        done = run_here(tmp_path, "report", root, "--format", "latex", "--output", "tables.tex")
        assert done.returncode == 0
        assert (tmp_path / "tables.tex").read_text() == table_text(root, "latex")

    def test_figures_refused(self, root: Path, tmp_path: Path) -> None:
        done = run_here(tmp_path, "report", root, "--figures", "figures")
        assert done.returncode == 2
        assert done.stderr.startswith("aging: --figures: ")
        assert "cells/" in done.stderr

    def test_changed_plan_refused(self, tmp_path: Path) -> None:
        changed = made(tmp_path)
        plan = changed / "study.json"
        plan.write_text(plan.read_text().replace('"seconds"', '"second"'))
        assert run_here(tmp_path, "report", changed).returncode != 0
