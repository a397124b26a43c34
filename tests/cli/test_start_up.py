"""A command imports what it needs and nothing that takes long beside: measured figures in `docs/evidence.md`."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import aging.stats.trend_tests
from aging.cli.main import parser
from aging.runner.catalogue import Catalogue
from tests.builders import flat, synthetic
from tests.virtual_campaign import small_campaign

HEAVY = {
    *("httpx", "jinja2", "matplotlib", "pandas", "psutil", "pyarrow", "pydantic", "statsmodels"),
    *("scipy.optimize", "scipy.stats"),
}
ANALYSIS = {"jinja2", "matplotlib", "pandas", "pyarrow", "statsmodels"}
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


def refused(*arguments: str) -> str:
    """What a verb that fails says."""
    ran = subprocess.run([sys.executable, "-m", "aging", *arguments], capture_output=True, text=True, check=False)
    assert ran.returncode == 2, ran.stderr
    return ran.stderr


def test_help_imports_standard_library_only() -> None:
    assert not imported("--help") & (HEAVY | EVEN_LIGHT)


@pytest.mark.parametrize("verb", ["run", "trend", "status"])
def test_verb_help_imports_no_heavy_library(verb: str) -> None:
    assert not imported(verb, "--help") & (HEAVY | {"numpy", "scipy"})


def test_trend_imports(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("t,rss\n" + "".join(f"{10 * k},{k * k % 7}\n" for k in range(100)))
    assert not imported("trend", str(path)) & HEAVY


@pytest.mark.parametrize("module", ["aging.app.run", "aging.app.resume", "aging.app.smoke", "aging.check.watch"])
def test_what_measures_imports_no_analysis(module: str) -> None:
    code = f"import sys, {module}; from aging.runner.catalogue import Catalogue; Catalogue.discovered().kinds()"
    ran = subprocess.run(
        [sys.executable, "-c", f"{code}; print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    assert not set(ran.stdout.split()) & {*ANALYSIS, "scipy"}


OBSERVING = """
import sys
import aging.app.run
from aging.cli.main import main

def measure(*_):
    print(*sys.modules, file=sys.stderr)
    sys.exit()

aging.app.run.measure = measure
main(["observe", "--pid", sys.argv[1]])
"""


def test_observation_imports_what_it_needs(tmp_path: Path) -> None:
    """With any of these it would be larger than what it may be; docs/measurement.md has the figures."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as target:
        code = [sys.executable, "-c", OBSERVING, str(target.pid)]
        ran = subprocess.run(code, capture_output=True, text=True, check=True, cwd=tmp_path)
        target.communicate(b"\n")
    seen = set(ran.stderr.split())
    assert not seen & {*ANALYSIS, "scipy", "numpy", "httpx", "prometheus_client", "pynvml", "packaging", "venv"}
    assert not {name for name in seen if name.startswith(("aging.load.http", "aging.load.job", "aging.check"))}
    assert "aging.runner.campaign" in seen


def test_status_imports_nothing_heavy(tmp_path: Path) -> None:
    synthetic(tmp_path / "c", {"a": flat})
    seen = imported("status", str(tmp_path / "c"))
    assert not seen & ((HEAVY | {"numpy", "scipy"}) - {"pydantic"})  # the manifest is checked by it, for 20 ms


def test_a_named_trend_test_is_checked_without_scipy(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text(small_campaign('name = "a"').replace("[analysis]", '[analysis]\ntest = "three_pw"'))
    assert not imported("validate", str(file)) & {*ANALYSIS, "scipy"}
    file.write_text(file.read_text().replace("three_pw", "three_wp"))
    assert "did you mean 'three_pw'?" in refused("validate", str(file))


def test_every_name_of_the_statistics_is_there_and_no_other() -> None:
    assert all(hasattr(aging.stats, name) for name in aging.stats.__all__)
    assert not hasattr(aging.stats, "no_such_name")


def test_a_trend_test_has_the_name_of_its_file() -> None:
    files = {info.name for info in pkgutil.iter_modules(aging.stats.trend_tests.__path__)} - {"base"}
    assert files == {kind for kind, test in Catalogue.discovered().tests.items() if "aging" in test.on.__module__}


def test_only_requested_verb_is_parsed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser(["status"]).parse_args(["trend", "a.csv"])
    assert "unrecognized arguments: a.csv" in capsys.readouterr().err
    assert parser().parse_args(["trend", "a.csv"]).file == Path("a.csv")
    assert parser().parse_args(["status", "--watch"]).watch
