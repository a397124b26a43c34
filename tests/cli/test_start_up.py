"""A command imports what it needs and nothing that takes long beside: measured figures in `docs/evidence.md`."""

from __future__ import annotations

import pkgutil
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import aging.stats.trend_tests
from aging.cli.main import parser
from aging.runner.catalogue import Catalogue
from tests.builders import flat, synthetic, unsealed
from tests.conftest import Aging
from tests.virtual_campaign import small_campaign

HEAVY = {
    *("httpx", "jinja2", "matplotlib", "pandas", "psutil", "pyarrow", "pydantic", "statsmodels"),
    *("scipy.optimize", "scipy.stats"),
}
ANALYSIS = {"jinja2", "matplotlib", "pandas", "pyarrow", "statsmodels"}
EVEN_LIGHT = {"asyncio", "importlib.metadata", "numpy", "rich", "scipy"}

CODE = """
import shlex, sys
from aging.cli.main import main
for command in sys.argv[1:]:
    try:
        main(shlex.split(command))
    except SystemExit as ended:
        assert not ended.code
    finally:
        print(*sys.modules, file=sys.stderr)
"""


def imported_by(*commands: str) -> list[set[str]]:
    """The modules in memory after each of these command lines, which one fresh interpreter runs in turn."""
    ran = subprocess.run([sys.executable, "-c", CODE, *commands], capture_output=True, text=True, check=True)
    return [set(line.split()) for line in ran.stderr.splitlines()]


def test_help_imports_no_heavy_library() -> None:
    whole, *of_verbs = imported_by("--help", "run --help", "trend --help", "status --help")
    assert not whole & (HEAVY | EVEN_LIGHT), "the standard library alone"
    assert len(of_verbs) == 3
    for verb in of_verbs:
        assert not verb & (HEAVY | {"numpy", "scipy"})


def test_what_measures_imports_no_analysis() -> None:
    modules = ("aging.app.run", "aging.app.resume", "aging.app.smoke", "aging.check.watch")
    code = "import sys; from importlib import import_module; from aging.runner.catalogue import Catalogue\n"
    code += "Catalogue.discovered().kinds()\nfor name in sys.argv[1:]: import_module(name); print(name, *sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code, *modules], capture_output=True, text=True, check=True)
    seen = {line.split()[0]: set(line.split()[1:]) for line in ran.stdout.splitlines()}
    assert tuple(seen) == modules
    assert {name: found for name in modules if (found := seen[name] & {*ANALYSIS, "scipy"})} == {}


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


@pytest.mark.thorough
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


def test_status_validate_and_trend_import_nothing_heavy(tmp_path: Path) -> None:
    unsealed(synthetic(tmp_path / "c", {"a": flat}).layout.source("a", "requests"))  # sealed ones need pyarrow
    file, series = tmp_path / "c.toml", tmp_path / "a.csv"
    file.write_text(with_test("three_pw"))
    series.write_text("t,rss\n" + "".join(f"{10 * k},{k * k % 7}\n" for k in range(100)))
    status, validate = imported_by(shlex.join(["status", str(tmp_path / "c")]), shlex.join(["validate", str(file)]))
    assert not status & ((HEAVY | {"numpy", "scipy"}) - {"pydantic"})  # the manifest is checked by it, for 20 ms
    assert not validate & {*ANALYSIS, "scipy"}
    (trend,) = imported_by(shlex.join(["trend", str(series)]))
    assert not trend & HEAVY


def with_test(name: str) -> str:
    """A campaign that names its trend test."""
    return small_campaign('name = "a"').replace("[analysis]", f'[analysis]\ntest = "{name}"')


def test_a_trend_test_that_there_is_not_is_refused(tmp_path: Path, cli: Aging) -> None:
    file = tmp_path / "c.toml"
    file.write_text(with_test("three_wp"))
    refused = cli("validate", file)
    assert refused.returncode == 2
    assert "did you mean 'three_pw'?" in refused.stderr


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
