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
from aging.cli.main import main
try:
    main(sys.argv[1:])
finally:
    print(*sys.modules, file=sys.stderr)
"""


def imported(*arguments: str) -> set[str]:
    ran = subprocess.run([sys.executable, "-c", CODE, *arguments], capture_output=True, text=True, check=True)
    return set(ran.stderr.split())


def test_help_imports_standard_library_only() -> None:
    assert not imported("--help") & (HEAVY | EVEN_LIGHT)


@pytest.mark.parametrize("verb", ["run", "trend", "status"])
def test_verb_help_imports_no_heavy_library(verb: str) -> None:
    assert not imported(verb, "--help") & (HEAVY | {"numpy", "scipy"})


def test_trend_imports(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("t,rss\n" + "".join(f"{10 * k},{k * k % 7}\n" for k in range(100)))
    assert not imported("trend", str(path)) & HEAVY


def test_only_requested_verb_is_parsed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser(["status"]).parse_args(["trend", "a.csv"])
    assert "unrecognized arguments: a.csv" in capsys.readouterr().err
    assert parser().parse_args(["trend", "a.csv"]).file == Path("a.csv")
    assert parser().parse_args(["status", "--watch"]).watch
