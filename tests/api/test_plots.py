"""The plots of results."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib import pyplot

import aging
from aging.core.errors import InputError
from aging.core.metrics import PRIMARY
from tests.conftest import ROOT


def test_the_plots_are_the_reports(folder: Path) -> None:
    results = aging.load_results(folder)
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
