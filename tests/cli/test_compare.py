"""`aging compare`: tables, JSON that fits its schema, Markdown, LaTeX, exit codes, mistakes all at once."""

from __future__ import annotations

import json
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from jsonschema import Draft202012Validator

from tests.command_line import run_here
from tests.comparable import made, noisy
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def campaigns(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``old`` and ``new`` in one folder: a server that leaks 1 KiB a request, then 2 KiB, beside a steady one."""
    folder = tmp_path_factory.mktemp("campaigns")
    for name, size in (("old", 1024.0), ("new", 2048.0)):
        made(folder / name, {"server": noisy(size, len(name)), "steady|<b>": noisy(0.001, 5)})
    return folder


def compare(folder: Path, *arguments: str) -> CompletedProcess[str]:
    return run_here(folder, "compare", *arguments)


def test_tables(campaigns: Path) -> None:
    ran = compare(campaigns, "old", "new")
    assert ran.returncode == 0
    lines = ran.stdout.splitlines()
    assert lines[0].startswith("Worse than the baseline")
    (row,) = [line for line in lines if "growth per request" in line and "process_anon" in line and "faster" in line]
    assert "KiB/request" in row


@pytest.mark.thorough
def test_json_fits_its_schema(campaigns: Path) -> None:
    ran = compare(campaigns, "old", "new", "--json")
    document = json.loads(ran.stdout)
    schema = json.loads((ROOT / "docs" / "schemas" / "comparison.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    assert list(Draft202012Validator(schema).iter_errors(document)) == []
    shown = [one for one in document["differences"] if one["verdict"] == "faster"]
    assert {one["indicator"] for one in shown} == {"process_anon_swap_bytes"}
    assert all(one["worse"] is True and one["q"] <= document["fdr"] for one in shown)


@pytest.mark.parametrize("format", [pytest.param("markdown", marks=pytest.mark.thorough), "latex"])
def test_table_formats(campaigns: Path, format: str) -> None:
    ran = compare(campaigns, "old", "new", "--format", format)
    assert ran.returncode == 0
    assert "<b>" not in ran.stdout
    assert "faster" in ran.stdout


def test_fail(campaigns: Path) -> None:
    assert compare(campaigns, "old", "new", "--fail", "--deployments", "server").returncode == 1
    assert compare(campaigns, "new", "old", "--fail", "--deployments", "server").returncode == 0


@pytest.mark.thorough
def test_fail_by_the_baseline_that_is_named(campaigns: Path) -> None:
    assert compare(campaigns, "old", "new", "--fail", "--baseline", "new", "--deployments", "server").returncode == 0


@pytest.mark.thorough
def test_page(campaigns: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert compare(campaigns, "old", "new", "--html", str(page)).returncode == 0
    content = page.read_text(encoding="utf-8")
    assert "steady|<b>" not in content
    assert content.count('<figure class="plot" data-figure="forest"') == 4
    assert content.count('<figure class="plot" data-figure="chart"') == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("old",), "--deployments"),
        (("old", "old"), "given twice"),
        (("old", "none", "absent"), "absent"),
        (("old", "new", "--pair", "server"), "OLD=NEW"),
        (("old", "new", "--pair", "server=a", "--pair", "server=b"), "paired 2 times"),
        (("old", "new", "--allow", "everything"), "load"),
        (("old", "new", "--fdr", "2"), "0.1"),
        (("old", "new", "--json", "--format", "latex"), "--format"),
        (("old", "new", "--deployments", "server,,x"), "empty name"),
        (("old", "new", "--html", "."), "directory"),
    ],
)
def test_mistakes(campaigns: Path, arguments: tuple[str, ...], said: str) -> None:
    ran = compare(campaigns, *arguments)
    assert ran.returncode == 2
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr


def test_committed_results() -> None:
    """Another load, another duration, another grid: refused, with every key."""
    ran = compare(ROOT / "results", "first-look", "real-runtimes")
    assert ran.returncode == 2
    for key in ("seed", "load.arrivals.rate", "schedule_hash[r01]", "duration_seconds", "analysis.grid_seconds"):
        assert f" {key}: " in ran.stderr
