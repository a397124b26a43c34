"""The study of the gate: the other rules, the recorded servers, and the page that its figures are written to."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.gate import __main__ as study
from analysis.gate import page, real, tables
from analysis.gate.record import SERIES, WAVES
from analysis.gate.rules import RULES, slopes_over_margins
from analysis.gate.series import Setting, drawn
from analysis.methods.study import DOCS, generator

_T = np.arange(1.0, 121.0)
_SCORES = {rule.name: rule for rule in RULES}


def red(name: str, y: np.ndarray) -> bool:
    rule = _SCORES[name]
    return rule.score(_T[: y.size], y) > rule.usual


class TestRules:
    @pytest.mark.parametrize("name", [*_SCORES])
    def test_standstill_is_not_red(self, name: str) -> None:
        assert not red(name, np.full(120, 100e6))

    @pytest.mark.parametrize("name", [*_SCORES])
    def test_steady_growth_of_five_megabytes_a_second(self, name: str) -> None:
        assert red(name, 100e6 + 5e6 * _T)

    def test_settled_difference(self) -> None:
        y = np.where(_T > 60, 100e6 + 49 * 1024**2, 100e6)
        assert red("before and after, 48 MB", y)
        assert not red("before and after, 48 MB", np.where(_T > 60, 100e6 + 47 * 1024**2, 100e6))

    def test_kept_at_the_end_counts_caches(self) -> None:
        assert red("kept at the end, 1 MB", 100e6 + np.minimum(_T, 10) * 2**20)

    def test_spearman_of_ten_batches(self) -> None:
        y = 100e6 + 1e6 * np.array([0, 1, 0, 2, 1, 3, 2, 4, 3, 5]).repeat(9)
        y = np.append(np.full(30, 100e6), y)
        expected = stats.spearmanr(np.arange(10), [0, 1, 0, 2, 1, 3, 2, 4, 3, 5]).statistic
        assert _SCORES["Spearman of ten batches"].score(_T, y) == pytest.approx(expected)

    def test_slope_and_margin_of_every_second(self) -> None:
        server = drawn("leak", generator("test of guidellm"), Setting(seconds=200))
        times, ratios = slopes_over_margins(server.t, server.y)
        last = int(np.searchsorted(server.t, times[-1]))
        first = max(last + 1 - int((last + 1) * 0.75), int(np.searchsorted(server.t, server.t[last] - 120)))
        fit = stats.linregress(server.t[first : last + 1], server.y[first : last + 1])
        margin = stats.t.ppf(0.975, last - first - 1) * fit.stderr
        assert ratios[-1] == pytest.approx(fit.slope / margin)
        assert times[0] >= 30


class TestRecordedServers:
    def test_every_server_is_there_and_grows_as_known(self) -> None:
        table = pd.read_csv(SERIES)
        for wave, (seconds, servers) in WAVES.items():
            for server in servers:
                group = table[(table["wave"] == wave) & (table["server"] == server.name)]
                assert len(group) >= 0.95 * seconds, server.name
                if server.truth == "leak" and server.per_request >= 256:
                    half = group[group["t"] > seconds / 2]
                    rate = np.ptp(half["memory"]) / np.ptp(half["requests"])
                    assert rate == pytest.approx(server.per_request, rel=0.05), server.name

    def test_what_grows_steadily_for_long_is_apart(self) -> None:
        windows = [*real.reference_windows(full=True)]
        kinds = {window.server.kind for window in windows if window.name == "cache-4-mib-at-1024"}
        assert kinds == {"look-alike", "beyond"}
        assert all(window.server.t[-1] <= window.budget + 1 for window in windows)


@pytest.mark.thorough
def test_quick(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["gate", "--quick"])
    study.main()
    assert "false green at twice the limit" in capsys.readouterr().out


class TestPage:
    @pytest.mark.thorough
    def test_figures_are_those_of_the_runs(self) -> None:
        runs = pd.read_csv(study.RUNS)
        thresholds = pd.read_csv(DOCS / "tables" / "gate_thresholds.csv")
        written = (DOCS / "evidence.md").read_text()
        assert page.markdown(tables.with_colors(runs, thresholds)) in written

    def test_page_without_marks(self, tmp_path: Path) -> None:
        file = tmp_path / "evidence.md"
        file.write_text("# Evidence\n")
        with pytest.raises(ValueError, match="figures of the gate"):
            page.write(file, "x")
