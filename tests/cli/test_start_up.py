"""A command imports what it needs and nothing that takes long beside: measured figures in `docs/evidence.md`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from aging.cli.main import parser

HEAVY = {
    *("httpx", "jinja2", "matplotlib", "pandas", "psutil", "pyarrow", "pydantic", "statsmodels"),
    *("scipy.optimize", "scipy.stats"),
}
EVEN_LIGHT = {"asyncio", "importlib.metadata", "numpy", "rich", "scipy"}

CODE = """
import sys
from aging.commands import main
try:
    main(sys.argv[1:])
finally:
    print(*sys.modules, file=sys.stderr)
"""


def imported(*arguments: str) -> set[str]:
    ran = subprocess.run([sys.executable, "-c", CODE, *arguments], capture_output=True, text=True, check=True)
    return set(ran.stderr.split())


def test_the_overview_imports_the_standard_library_alone() -> None:
    assert not imported("--help") & (HEAVY | EVEN_LIGHT)


@pytest.mark.parametrize("verb", ["run", "trend", "status"])
def test_the_help_of_a_verb_waits_for_nothing_heavy(verb: str) -> None:
    assert not imported(verb, "--help") & (HEAVY | {"numpy", "scipy"})


def test_a_trend_of_a_csv_file_needs_numpy_and_a_part_of_scipy(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("t,rss\n" + "".join(f"{10 * k},{k * k % 7}\n" for k in range(100)))
    assert not imported("trend", str(path)) & HEAVY


def test_only_the_verb_that_is_asked_for_has_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser(["status"]).parse_args(["trend", "a.csv"])
    assert "unrecognized arguments: a.csv" in capsys.readouterr().err
    assert parser().parse_args(["trend", "a.csv"]).file == Path("a.csv")
    assert parser().parse_args(["status", "--watch"]).watch
