"""The examples of the pages run as they stand, in one namespace, inside a running event loop."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from matplotlib import pyplot

from tests.conftest import ROOT

PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """What the examples find and may write to."""
    shutil.copytree(ROOT / "results" / "first-look", tmp_path / "results" / "first-look")
    monkeypatch.chdir(tmp_path)
    pyplot.switch_backend("agg")
    yield tmp_path
    pyplot.close("all")


def run_examples(page: Path) -> dict[str, Any]:
    """Run every example of a page as a notebook does, whose kernel has an event loop that runs."""
    examples = PYTHON.findall(page.read_text(encoding="utf-8"))
    assert examples

    async def cells() -> dict[str, Any]:
        namespace: dict[str, Any] = {"__name__": "examples"}
        for number, example in enumerate(examples, 1):
            exec(compile(example, f"{page.name}, example {number}", "exec"), namespace)
        return namespace

    return asyncio.run(cells())


@pytest.mark.thorough
def test_the_examples_of_the_api(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    namespace = run_examples(ROOT / "docs" / "api.md")
    assert namespace["found"].verdict == "aging"
    assert (checkout / "first-look.html").is_file()
    assert namespace["ran"].path.parent.parent == Path("results")
    out = capsys.readouterr().out
    assert "rss_bytes: its times are not in order" in out
    assert "process_anon_swap_bytes: aging" in out


def test_the_readmes_examples(checkout: Path) -> None:
    run_examples(ROOT / "README.md")


def test_the_tutorial_prints_what_it_says(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_examples(ROOT / "docs" / "tutorial.md")
    assert f"```text\n{capsys.readouterr().out}```" in (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", ["own-runtime.md", "own-indicator.md"])
def test_the_plug_ins_of_the_guides_conform(checkout: Path, page: str) -> None:
    assert "testing" in run_examples(ROOT / "docs" / page)
