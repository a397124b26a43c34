"""The plots of results."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import pyplot

import aging
from aging.core.errors import InputError
from aging.core.metrics import PRIMARY
from tests.builders import flat, leak, synthetic, unsealed
from tests.conftest import ROOT


def test_the_plots_are_the_reports(opened: aging.Results) -> None:
    results = opened
    memory = results.plot.memory("leaking")
    assert memory.get_xlabel() == "minutes since the load began"
    t, y = memory.lines[0].get_data()
    assert np.asarray(t)[0] == pytest.approx(0.5)
    assert np.nanmax(np.asarray(y, dtype=float)) > 110 * 2**20
    given = pyplot.figure().add_subplot()
    assert results.plot.latency("leaking", axes=given) is given
    assert aging.trend(results.series("leaking", PRIMARY)).plot().get_title(loc="left") == f"{PRIMARY}: aging"
    with pytest.raises(InputError, match="ndarray is no matplotlib Axes; of an array of them pass one"):
        results.plot.memory("leaking", axes=np.array([given]))  # type: ignore[arg-type]


def test_a_harness_process_can_be_drawn() -> None:
    results = aging.load_results(ROOT / "results" / "first-look")
    assert results.plot.memory("_harness/runner").get_title(loc="left") == "_harness/runner"
    with pytest.raises(InputError, match="no harness process '_harness/runer'; did you mean '_harness/runner'"):
        results.plot.memory("_harness/runer")


PLOTS: dict[str, Callable[[Any], Any]] = {
    "memory": lambda plot: plot.memory(),
    "indicator": lambda plot: plot.indicator(indicator="process_cpu_seconds_total"),
    "latency": lambda plot: plot.latency(),
    "trend": lambda plot: plot.trend(),
    "forest": lambda plot: plot.forest(),
    "forest of one": lambda plot: plot.forest("client_e2e_seconds", "only"),
    "heat map": lambda plot: plot.heat_map(),
    "heat map of some": lambda plot: plot.heat_map([PRIMARY], ["only"]),
}


@pytest.fixture(scope="module")
def only(tmp_path_factory: pytest.TempPathFactory) -> aging.Results:
    """Of one deployment, twice."""
    root = tmp_path_factory.mktemp("only")
    synthetic(root, {"only": leak(4096)}, replicas=2)
    return aging.load_results(root)


@pytest.mark.parametrize("plot", PLOTS)
def test_the_only_deployment_need_not_be_named(only: aging.Results, plot: str) -> None:
    axes = PLOTS[plot](only.plot)
    assert axes.lines or axes.patches or axes.collections
    assert axes.get_title(loc="left")


def test_of_several_deployments_one_is_named(folder: Path) -> None:
    with pytest.raises(InputError, match="name one of the deployments: leaking, steady"):
        aging.load_results(folder).plot.memory()


def test_a_forest_has_every_replica_and_the_pooled_rate(tmp_path: Path) -> None:
    synthetic(tmp_path, {"leaking": leak(4096), "steady": flat}, replicas=2)
    results = aging.load_results(tmp_path)
    labels = [text.get_text() for text in results.plot.forest().get_yticklabels()]
    assert labels == [*(f"leaking, replica {k}" for k in (1, 2)), "leaking", "steady, replica 1", *labels[4:]]
    assert len(results.plot.forest(deployment="steady").get_yticklabels()) == 3


def test_a_heat_map_has_what_is_asked_for(opened: aging.Results) -> None:
    axes = opened.plot.heat_map([PRIMARY, "client_e2e_seconds"], ["steady"])
    assert [text.get_text() for text in axes.get_yticklabels()] == [PRIMARY, "client_e2e_seconds"]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["steady"]


def test_without_first_tokens_whole_answers_are_drawn(folder: Path) -> None:
    file = unsealed(folder / "leaking" / "r01" / "requests")
    rows = [json.loads(line) | {"streaming": False, "first_token": None} for line in file.read_text().splitlines()]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    title = aging.load_results(folder).plot.latency("leaking").get_title(loc="left")
    assert title == "leaking: client_e2e_seconds"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda plot: plot.indicator("leaking", "process_fds"), "has no series of process_fds; it has: process_anon"),
        (lambda plot: plot.indicator("leaking", "proces_fds"), "there is no indicator 'proces_fds'"),
        (lambda plot: plot.trend("leaking", "process_anon_swap"), "did you mean 'process_anon_swap_bytes'"),
        (lambda plot: plot.trend("leaking", generation=4), "of generation 4; it has: 1"),
        (lambda plot: plot.forest("process_anon_swap"), "did you mean 'process_anon_swap_bytes'"),
        (lambda plot: plot.forest(deployment="leakng"), "did you mean 'leaking'"),
        (lambda plot: plot.heat_map(deployments=["stedy"]), "did you mean 'steady'"),
        (lambda plot: plot.heat_map(["process_fd"]), "there is no finding of 'process_fd'"),
        (lambda plot: plot.heat_map(PRIMARY), "is no list of names; write ['process_anon_swap_bytes']"),
    ],
)
def test_what_cannot_be_drawn_says_why(opened: aging.Results, call: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        call(opened.plot)
    assert message in str(caught.value)


def test_a_plot_that_is_not_there(opened: aging.Results) -> None:
    plot = opened.plot
    with pytest.raises(AttributeError, match="plot has no 'memry'; did you mean 'memory'"):
        plot.memry  # noqa: B018
    assert not hasattr(plot, "violin")
