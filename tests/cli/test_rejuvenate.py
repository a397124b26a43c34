"""`aging rejuvenate` on recorded campaigns."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aging import api
from aging.cli.main import main
from aging.core.errors import InputError
from tests.conftest import ROOT

FIRST_LOOK = str(ROOT / "results" / "first-look")
COSTS = ("--cost-restart", "1", "--cost-crash", "20")
LEAK = ("--deployment", "reference-leak", "--limit", "2GiB")


def advice_of(capsys: pytest.CaptureFixture[str], *options: str, code: int = 0) -> list[dict[str, object]]:
    assert main(["rejuvenate", FIRST_LOOK, "--json", *options]) == code
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == 1
    found: list[dict[str, object]] = document["advice"]
    return found


def test_a_known_leak(capsys: pytest.CaptureFixture[str]) -> None:
    (advice,) = advice_of(capsys, *LEAK, *COSTS)
    best, life = advice["optimum"], advice["lifetime"]
    assert (advice["answer"], advice["reason"]) == ("every", "growth")
    assert isinstance(best, dict)
    assert isinstance(life, list)
    rate = advice["rate_per_hour"]
    assert isinstance(rate, float)
    level = 35e6  # of the fresh server
    assert life[0] / 3600 == pytest.approx((2 * 2**30 - level) / rate, rel=0.05)
    assert life[1] < life[0] < life[2]
    assert best["low"] <= best["seconds"] <= best["high"] < life[2]
    replay = advice["replay"]
    assert isinstance(replay, dict)
    rows = {row["name"]: row for row in replay["rows"]}
    assert rows["never"]["crashes"] >= 8
    assert rows["cost-optimal"]["crashes"] == 0
    assert rows["cost-optimal"]["cost"] <= 1.1 * replay["hindsight"]["cost"]
    assert rows["threshold 80% of the room"]["restarts"] > replay["hindsight"]["restarts"]


def test_default_costs_are_measured(capsys: pytest.CaptureFixture[str]) -> None:
    (advice,) = advice_of(capsys, *LEAK, "--no-replay")
    price = advice["price"]
    assert isinstance(price, dict)
    assert price["costs"]["restart"] == pytest.approx(5.2, rel=0.1)  # 8.3 requests/s, 0.6 s
    assert 9 < price["costs"]["crash"] / price["costs"]["restart"] < 11
    assert price["unit"] == "waiting requests"


def test_crash_as_cheap_as_a_restart_does_not_pay(capsys: pytest.CaptureFixture[str]) -> None:
    (advice,) = advice_of(capsys, *LEAK, "--cost-restart", "1", "--cost-crash", "1", "--no-replay")
    assert (advice["answer"], advice["reason"]) == ("never", "costs")


def test_three_minutes_do_not_exclude_a_slow_leak(capsys: pytest.CaptureFixture[str]) -> None:
    (advice,) = advice_of(capsys, "--deployment", "reference-clean", "--limit", "1GiB", *COSTS, code=3)
    assert (advice["answer"], advice["reason"], advice["optimum"]) == ("undecided", "may_grow", None)


def test_text_and_plot(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    plot = tmp_path / "curve.svg"
    assert main(["rejuvenate", FIRST_LOOK, *LEAK, *COSTS, "--no-replay", "--plot", str(plot)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Restart reference-leak every 4.3 h [")
    assert "never" in out
    assert plot.read_text(encoding="utf-8").lstrip().startswith("<?xml")


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (("--deployment", "reference-leek"), ("--deployment", "'reference-leek'", "'reference-leak'")),
        (("--cost-crash", "20"), ("--cost-restart", "both")),
        (("--plot", "curve.txt"), ("--plot", "curve.txt", ".svg")),
        (("--plot", "/nowhere/x.svg"), ("--plot", "/nowhere/x.svg")),
        ((*LEAK, "--indicator", "process_fd"), ("--limit", "process_fd")),
        (("--limit", "9", "--indicator", "process_fd"), ("--indicator", "'process_fd'", "'process_fds'")),
    ],
)
def test_mistakes(capsys: pytest.CaptureFixture[str], options: tuple[str, ...], parts: tuple[str, ...]) -> None:
    assert main(["rejuvenate", FIRST_LOOK, *options]) == 2
    error = capsys.readouterr().err
    assert all(part in error for part in parts), error


def test_several_mistakes_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rejuvenate", FIRST_LOOK, "--cost-crash", "20", "--plot", "curve.txt"]) == 2
    error = capsys.readouterr().err
    assert "2 mistakes" in error


@pytest.mark.parametrize("cost", ["0", "-1", "x", "nan", "inf"])
def test_no_cost(capsys: pytest.CaptureFixture[str], cost: str) -> None:
    with pytest.raises(SystemExit) as end:
        main(["rejuvenate", FIRST_LOOK, f"--cost-crash={cost}"])
    assert end.value.code == 2
    assert cost in capsys.readouterr().err


def test_no_result_directory(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["rejuvenate", str(tmp_path)]) == 2
    assert "journal.jsonl" in capsys.readouterr().err


def test_api_refuses() -> None:
    results = api.load_results(FIRST_LOOK)
    with pytest.raises(InputError, match="both"):
        results.restart_advice("reference-leak", cost_crash=3)
    with pytest.raises(InputError, match="reference-leak"):
        results.restart_advice("reference-leek")
    with pytest.raises(InputError, match="above 0"):
        results.restart_advice("reference-leak", limit="2GiB", cost_restart=0, cost_crash=3)
