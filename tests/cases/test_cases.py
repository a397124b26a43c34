"""Public reports: the first command that comes to mind gives what the report establishes, or a refusal that helps."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import pytest

from aging.cli.main import main
from tests.cases.judging import cases, make, mistakes

_CASES = cases(Path(__file__).parent)
_QUICK = {
    *("chia_17_typeperf_utf16", "dcgm_exporter_702_oom_restarts", "frigate_6174_docker_stats", "psrecord_stairs"),
    *("genesis_1777_four_points", "grafana_21436_decimal_comma", "grafana_8058_summer_time_ends", "nvitop_55_wddm_na"),
    *("ollama_17924_per_request", "open_vm_tools_452_ps_lines", "process_exporter_146_counter_reset", "sar_r_text"),
    *("redis_354_info_blocks", "rocky_1256_slow_leak", "sslh_456_stuck_at_1023", "tag_182_page_cache_plateau"),
    *("unix_se_35129_pidstat", "vllm_17243_nvidia_smi"),
}
"""One of a kind: of a format, of a course, of a refusal."""

_WORDING = {"message_contains", "message_lacks", "says_any"}


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is cut off; and the hook that ``main`` sets for an unexpected exception does not stay."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=case.name, marks=() if case.name in _QUICK else pytest.mark.thorough) for case in _CASES],
)
def test_case(case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    told = json.loads((case / "expected.json").read_text(encoding="utf-8"))
    make(case, tmp_path)
    monkeypatch.chdir(tmp_path)
    words = shlex.split(told["command"])[1:]
    exit_code, said, answer = _run([*words, "--json"], capsys)
    if _WORDING & set(told["expect"]) or exit_code not in (0, 3):  # else the figures are enough, in half the time
        exit_in_words, said_in_words, _ = _run(words, capsys)
        assert exit_in_words == exit_code
        said += said_in_words
    wrong = mistakes(told["expect"], exit_code, said, answer)
    assert not wrong, "; ".join(wrong)


def test_the_quick_cases_are_there() -> None:
    assert {case.name for case in _CASES} > _QUICK


def _run(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """The exit code, all that was printed, and standard output alone."""
    try:
        exit_code = main(words)
    except SystemExit as ended:  # argparse, of an option that it does not know
        exit_code = int(ended.code or 0)
    printed = capsys.readouterr()
    return exit_code, printed.err + printed.out, printed.out
