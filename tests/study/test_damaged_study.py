"""A study's folder whose ledger is missing or damaged: every command refuses it, and none shows it as a fresh study."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Aging
from tests.report.study.studies import made

COMMANDS = (
    ("status",),
    ("status", "--json"),
    ("resume", "--cluster", "127.0.0.1:1"),
    ("stop", "--cluster", "127.0.0.1:1"),
    ("analyze",),
    ("report",),
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return made(tmp_path)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("damage", ["missing", "empty", "line 3"])
def test_it_is_refused(cli: Aging, root: Path, command: tuple[str, ...], damage: str) -> None:
    ledger = root / "ledger.jsonl"
    lines = ledger.read_text().splitlines(keepends=True)
    if damage == "missing":
        ledger.unlink()
    else:
        ledger.write_text("" if damage == "empty" else "".join([*lines[:2], lines[2][:30] + "\n", *lines[3:]]))
    done = cli(command[0], root, *command[1:])
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert str(ledger) in done.stderr
    assert "aging analyze" in done.stderr  # what to do
    assert damage in done.stderr or damage != "line 3"


def test_it_is_listed_as_unreadable(cli: Aging, root: Path) -> None:
    (root / "ledger.jsonl").unlink()
    (one,) = json.loads(cli("status", "--results", root.parent.parent, "--json").stdout)
    assert (one["state"], one["resumable"]) == ("unreadable", False)
    assert "ledger.jsonl" in one["problem"]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_copy_in_a_store_is_no_folder_of_a_study(cli: Aging, root: Path, command: tuple[str, ...]) -> None:
    """Its ledger lies there in pieces: no advice may have the store removed."""
    pieces = root / ".log" / "ledger.jsonl"
    pieces.mkdir(parents=True)
    (root / "ledger.jsonl").rename(pieces / "000000000000000-1-0")
    done = cli(command[0], root, *command[1:])
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert f"aging resume {root.as_uri()}" in done.stderr
    assert "remove" not in done.stderr
