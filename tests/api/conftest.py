"""Campaigns to open, and figures closed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from matplotlib import pyplot

import aging
from tests.builders import flat, leak, synthetic


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A completed campaign of a server that leaks and one that does not."""
    synthetic(tmp_path / "campaign", {"leaking": leak(4096), "steady": flat})
    return tmp_path / "campaign"


@pytest.fixture(scope="session")
def opened(tmp_path_factory: pytest.TempPathFactory) -> aging.Results:
    """The same campaign, opened once for the tests that only look at it: it remembers what it has computed."""
    root = tmp_path_factory.mktemp("opened") / "campaign"
    synthetic(root, {"leaking": leak(4096), "steady": flat})
    return aging.load_results(root)


@pytest.fixture
def running(folder: Path) -> Path:
    """The same campaign before its journal has an end; a third server has not begun."""
    journal = folder / "journal.jsonl"
    journal.write_text("".join(line for line in journal.read_text().splitlines(True) if "completed" not in line))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["deployments"].append({"name": "later", "known_ageing": None})
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


@pytest.fixture(autouse=True)
def no_figures_left() -> Iterator[None]:
    pyplot.switch_backend("agg")
    yield
    pyplot.close("all")
