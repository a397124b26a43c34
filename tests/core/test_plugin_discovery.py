"""Plug-ins of other distributions: a broken, foreign or duplicate one is left out without other effects."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import pytest

import aging.sampling.samplers
import aging.stats.trend_tests
from aging.core import plugins
from aging.core.errors import ExitCode, PluginError
from aging.core.plugins import Plugins, discover
from aging.runner.catalogue import Catalogue
from aging.sampling.base import Sampler
from aging.sampling.samplers.process import ProcessSampler
from aging.stats.trend_tests.base import TrendTest
from tests.conftest import Aging

GROUPS = {
    "aging.deployments.base": "aging.runtimes",
    "aging.sampling.base": "aging.samplers",
    "aging.load.arrivals.base": "aging.arrivals",
    "aging.load.lengths.base": "aging.lengths",
    "aging.load.traces.base": "aging.traces",
    "aging.stats.trend_tests.base": "aging.trend_tests",
    "aging.rejuvenation.base": "aging.rejuvenation",
    "aging.report.sections.base": "aging.report_sections",
    "aging.check.reports.base": "aging.gate_reports",
}
"""Entry-point groups by plug-in folder. Other distributions use these names: a change breaks all of them."""

FORMER = {
    "aging.runtimes": "aging.deployments",
    "aging.arrivals": "aging.load.arrivals",
    "aging.lengths": "aging.load.lengths",
    "aging.traces": "aging.load.traces",
    "aging.trend_tests": "aging.trends.tests",
    "aging.report_sections": "aging.report.sections",
}
"""The names of 0.1, without unchanged ones."""

SAMPLER = """
from aging.sampling.base import Sampler

class Own(Sampler):
    kind = "{kind}"
    default_interval = 1.0

    def read(self):
        return []
"""

TREND_TEST = """
from aging.stats.trend_tests.base import TrendTest

Own = TrendTest("{kind}", None)
"""

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a distribution of one module, here and in processes started from here."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path) + os.pathsep + os.environ.get("PYTHONPATH", ""))

    names: list[str] = []

    def add(name: str, text: str, *groups: str) -> None:
        folder = tmp_path / f"{name}-1.5.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.5\n")
        lines = "".join(f"[{group}]\n{name} = {name}:Own\n" for group in groups or ("aging.samplers",))
        (folder / "entry_points.txt").write_text(lines)
        (tmp_path / f"{name}.py").write_text(text)
        names.append(name)
        _forget()

    _forget()
    yield add
    _forget()
    for name in names:
        sys.modules.pop(name, None)


def _forget() -> None:
    discover.cache_clear()
    plugins._entry_points.cache_clear()


def samplers() -> dict[str, type[Sampler]]:
    return dict(discover(aging.sampling.samplers, Sampler))


@pytest.mark.parametrize(("folder", "group"), GROUPS.items())
def test_entry_point_group(folder: str, group: str) -> None:
    assert group == import_module(folder).ENTRY_POINT_GROUP


def test_former_groups() -> None:
    assert plugins._FORMER_GROUPS == FORMER


def test_former_group_warns(install: Install, caplog: pytest.LogCaptureFixture) -> None:
    install("older", TREND_TEST.format(kind="older"), "aging.trends.tests")
    assert discover(aging.stats.trend_tests, TrendTest)["older"].kind == "older"
    (warning,) = caplog.messages
    assert "older 1.5" in warning
    assert "'aging.trends.tests'" in warning
    assert "'aging.trend_tests'" in warning


def test_both_groups_do_not_warn(install: Install, caplog: pytest.LogCaptureFixture) -> None:
    install("both", TREND_TEST.format(kind="both"), "aging.trends.tests", "aging.trend_tests")
    assert "both" in discover(aging.stats.trend_tests, TrendTest)
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("import no_such_module_at_all", "ModuleNotFoundError: No module named 'no_such_module_at_all'"),
        ("raise RuntimeError('no device')", "RuntimeError: no device"),
        ("x = (", "SyntaxError: '(' was never closed"),
        ("", "AttributeError: module 'broken' has no attribute 'Own'"),
    ],
)
def test_import_error_warns(install: Install, caplog: pytest.LogCaptureFixture, text: str, error: str) -> None:
    before = samplers()
    install("broken", text)
    assert samplers() == before
    samplers()
    (warning,) = caplog.messages
    assert "broken 1.5 (broken:Own in aging.samplers)" in warning
    assert error in warning


def test_verb_with_broken_plugin(install: Install, campaign_file: Callable[..., Path], aging: Aging) -> None:
    install("broken", "raise RuntimeError('no device')")
    ran = aging("validate", campaign_file())
    assert ran.returncode == ExitCode.DONE, ran.stderr
    assert ran.stderr.count("RuntimeError: no device") == 1


def test_wrong_class_warns(install: Install, caplog: pytest.LogCaptureFixture) -> None:
    before = samplers()
    install("stranger", "class Own: pass")
    assert samplers() == before
    (warning,) = caplog.messages
    assert "stranger 1.5" in warning
    assert "Sampler" in warning


def test_built_in_kind_wins(install: Install, caplog: pytest.LogCaptureFixture) -> None:
    install("taker", SAMPLER.format(kind="process"))
    assert samplers()["process"] is ProcessSampler
    (warning,) = caplog.messages
    assert "taker 1.5" in warning
    assert "aging.sampling.samplers.process" in warning


@pytest.mark.thorough
def test_duplicate_kind_is_an_error(install: Install, campaign_file: Callable[..., Path], aging: Aging) -> None:
    install("first", SAMPLER.format(kind="own"))
    install("second", SAMPLER.format(kind="own"))
    with pytest.raises(PluginError, match="'own'") as caught:
        samplers()
    assert "first 1.5 (first:Own" in str(caught.value)
    assert "second 1.5 (second:Own" in str(caught.value)
    ran = aging("validate", campaign_file())
    assert ran.returncode == ExitCode.BAD_INPUT
    assert "Traceback" not in ran.stderr


def test_discovery_is_cached(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("own", SAMPLER.format(kind="own"))
    assert "own" in samplers()
    monkeypatch.setattr(plugins, "import_module", None)
    assert "own" in samplers()


def test_plugins_have_the_names_of_their_files() -> None:
    catalogue = Catalogue.discovered()
    rooms = (catalogue.deployments, catalogue.arrivals, catalogue.lengths, catalogue.samplers, catalogue.policies)
    for room in rooms:
        assert isinstance(room, Plugins)
        built_in = [kind for kind in room if room._has_file(kind)]
        assert built_in
        assert all(room[kind].kind == kind for kind in built_in)
        own = {kind for kind, plugin in room.items() if plugin.__module__.startswith("aging.")}
        assert own <= set(built_in), "each is found without importing the others"
        assert "no-such-kind" not in room
        assert "base" not in room
    assert "llama_cpp" not in catalogue.deployments
