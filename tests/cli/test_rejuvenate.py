"""`aging rejuvenate` on recorded campaigns."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from aging import api
from aging.cli.main import main
from aging.core.errors import InputError
from tests.conftest import ROOT

FIRST_LOOK = str(ROOT / "results" / "first-look")
COSTS = ("--cost-restart", "1", "--cost-crash", "20")
LEAK = ("--deployment", "reference-leak", "--limit", "2GiB")
NEAR = ("--deployment", "reference-leak", "--limit", "160MiB")


def advice_of(capsys: pytest.CaptureFixture[str], *options: str, code: int = 0) -> list[dict[str, object]]:
    assert main(["rejuvenate", FIRST_LOOK, "--json", *options]) == code
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == 1
    found: list[dict[str, object]] = document["advice"]
    return found


@pytest.mark.thorough
def test_a_known_leak(capsys: pytest.CaptureFixture[str]) -> None:
    (advice,) = advice_of(capsys, *LEAK, *COSTS, code=3)
    best, life = advice["optimum"], advice["lifetime"]
    assert (advice["answer"], advice["reason"]) == ("provisional", "growth")  # 87 times as long as was measured
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
    (advice,) = advice_of(capsys, *NEAR, "--no-replay")
    assert advice["answer"] == "every"
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
    assert main(["rejuvenate", FIRST_LOOK, *NEAR, *COSTS, "--no-replay", "--plot", str(plot)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Restart reference-leak every 18.")
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
        (("--limit", "8"), ("4 mistakes", "--limit", "reference-clean", "8 B")),
        (("--deployment", "reference-leak", "--limit", "15MiB"), ("--limit", "19.6 MiB", "15.0 MiB")),
        (("--limit", "8GiB", "--indicator", "process_fds"), ("--limit", "a size")),
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
    with pytest.raises(InputError, match="a size"):
        results.restart_advice("reference-leak", limit="8GiB", indicator="process_fds")
    with pytest.raises(InputError, match="True"):
        results.restart_advice("reference-leak", limit=True)
    with pytest.raises(InputError, match="no name"):
        results.restart_advice("reference-leak", limit=3, indicator=3)  # type: ignore[arg-type]


def test_the_verdict_is_that_of_the_campaign(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A growth that false-discovery control of all findings does not keep is not advised on."""
    folder = tmp_path / "first-look"
    shutil.copytree(FIRST_LOOK, folder)
    file = folder / "findings.json"
    written = json.loads(file.read_text())
    for row in written["findings"]:
        row["verdict"] = "inconclusive"
    file.write_text(json.dumps(written))
    assert main(["rejuvenate", str(folder), *NEAR, *COSTS, "--json", "--no-replay"]) == 3
    (advice,) = json.loads(capsys.readouterr().out)["advice"]
    assert (advice["answer"], advice["reason"], advice["verdict"]) == ("undecided", "growth_open", "inconclusive")


def test_a_death_before_the_limit_is_no_advice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "first-look"
    shutil.copytree(FIRST_LOOK, folder)
    journal = folder / "journal.jsonl"
    lines = []
    for line in journal.read_text().splitlines():
        event = json.loads(line)
        if event["event"] == "load_finished" and event["deployment"] == "reference-leak":
            died = {key: event[key] for key in ("wall", "mono", "deployment", "replica") if key in event}
            lines.append(json.dumps({**event, **died, "event": "deployment_died", "generation": 1, "why": "killed"}))
        lines.append(line)
    journal.write_text("\n".join(lines) + "\n")
    assert main(["rejuvenate", str(folder), *NEAR, *COSTS, "--json", "--no-replay"]) == 3
    (advice,) = json.loads(capsys.readouterr().out)["advice"]
    assert (advice["answer"], advice["reason"], advice["failures"]) == ("undecided", "died", 1)


def test_a_deployment_without_series_does_not_keep_others_from_advice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "first-look"
    shutil.copytree(FIRST_LOOK, folder)
    for rows in (folder / "reference-clean").rglob("*.parquet"):
        rows.unlink()
    asked = ("--deployment", "reference-leak", "--deployment", "reference-clean", "--limit", "160MiB")
    assert main(["rejuvenate", str(folder), *asked, "--json", "--no-replay"]) == 3
    clean, leak = json.loads(capsys.readouterr().out)["advice"]
    assert (clean["answer"], clean["reason"], clean["price"]) == ("undecided", "no_series", None)
    assert leak["answer"] == "every"
