"""`aging.compare`: frames, plots, and input that it cannot use."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import pytest

import aging
from aging.core.errors import InputError
from aging.core.metrics import PRIMARY
from tests.comparable import made, noisy

mpl.use("agg")


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("campaigns")
    old, new = (made(folder / f"c{size}", {"server": noisy(size, size + 1)}) for size in (1024, 2048))
    return old, new


@pytest.fixture(scope="module")
def found(roots: tuple[Path, Path]) -> aging.Comparison:
    return aging.compare([roots[0], aging.load_results(roots[1])])


def test_differences(found: aging.Comparison) -> None:
    frame = found.differences()
    (row,) = frame[(frame["indicator"] == PRIMARY) & (frame["statistic"] == "per_request")].to_dict("records")
    assert row["low"] < 1024 < row["high"]
    assert row["difference"] == pytest.approx(row["other_value"] - row["baseline_value"])
    assert (row["measurement"], row["verdict"], row["other_growth"]) == ("c2048", "faster", "aging")
    assert set(found.differences(shown=True)["indicator"]) == {PRIMARY}


def test_manifest_differences(found: aging.Comparison) -> None:
    assert found.manifest_differences().to_dict("index") == {"campaign": {"c1024": "c1024", "c2048": "c2048"}}


def test_shown_in_notebooks(found: aging.Comparison) -> None:
    assert "c2048" in repr(found)
    assert "<table" in found._repr_html_()


def test_plots(found: aging.Comparison) -> None:
    axes = found.plot.forest()
    assert found.plot.forest("client_ttft_seconds", "p95", axes) is axes
    assert len(found.plot.memory("server").lines) >= 2


def test_page(found: aging.Comparison, tmp_path: Path) -> None:
    assert found.report(tmp_path / "page.html").stat().st_size > 50_000


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda a, _: aging.compare(a), "deployments"),
        (lambda a, _: aging.compare([a, a]), "given twice"),
        (lambda a, _: aging.compare([a, 7]), "7"),  # type: ignore[list-item]
        (lambda a, b: aging.compare([a, b], allow=["hosts"]), "host"),  # type: ignore[list-item]
        (lambda a, b: aging.compare([a, b], fdr=2), "0.1"),
        (lambda a, b: aging.compare([a, b], pair={"sever": "server"}), "server"),
        (lambda a, b: aging.compare([a, b], deployments="server"), "['server']"),
        (lambda a, b: aging.compare([a], baseline=b), "baseline"),
        (lambda a, b: aging.compare([a, b]).plot.forest("process_fd"), "known"),
    ],
)
def test_input(roots: tuple[Path, Path], call: Callable[[Path, Path], object], said: str) -> None:
    with pytest.raises(InputError) as raised:
        call(*roots)
    assert said in str(raised.value)
