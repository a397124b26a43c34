"""The options of reading, from the command line to the series."""

from __future__ import annotations

import argparse
import io
from pathlib import Path
from types import SimpleNamespace

import pytest

from aging.cli.table_arguments import choice, table_arguments
from aging.tables.choice import Choice
from aging.tables.reader import read


def chosen(*arguments: str) -> Choice:
    parser = argparse.ArgumentParser()
    table_arguments(parser)
    return choice(parser.parse_args(arguments))


def test_defaults() -> None:
    assert chosen() == Choice(columns=[], per=[])


def test_every_option() -> None:
    options = chosen(
        *("--time", "t", "--column", "rss", "--column", "3", "--per", "pod", "--per", "node", "--every", "60s"),
        *("--time-unit", "min", "--time-format", "%H:%M", "--timezone", "Europe/Berlin", "--format", "json"),
        *("--decimal", ",", "--load-start", "5"),
    )
    assert options == Choice("t", ["rss", "3"], ["pod", "node"], "5", 60.0, 60.0, "%H:%M", "Europe/Berlin", "json", ",")


@pytest.mark.parametrize("arguments", [("--time-unit", "fortnight"), ("--every", "0s"), ("--decimal", ";")])
def test_wrong_values(arguments: tuple[str, str]) -> None:
    with pytest.raises(SystemExit):
        chosen(*arguments)


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"time,rss\n0,1\n60,2\n")))
    (series,) = read(Path("-"), Choice()).series
    assert series.t.tolist() == [0.0, 60.0]
