"""Every notebook runs from top to bottom, from its own folder and from the root, and shows what its file says."""

from __future__ import annotations

import ast
import base64
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from nbformat import NotebookNode

from tests.conftest import ROOT
from tools.notebooks import COLORS, NOTEBOOKS, executed, read, stable

PATHS = sorted(NOTEBOOKS.glob("*.ipynb"))
USED = {"aging", "matplotlib", "numpy", "pandas", "pathlib"}
MOST_BYTES, MOST_OF_A_FIGURE = 400 * 1024, 60 * 1024

each = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)


@pytest.fixture
def this_interpreter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel named ``python3`` that is this very interpreter, before any that is installed on the machine."""
    spec = tmp_path / "kernels" / "python3" / "kernel.json"
    spec.parent.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec.write_text(json.dumps({"argv": argv, "display_name": "this interpreter", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    for variable in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(variable, str(tmp_path / variable))


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "folder",
    [pytest.param(NOTEBOOKS, id="from its folder"), pytest.param(ROOT, id="from the root", marks=pytest.mark.slow)],
)
@pytest.mark.thorough
@each
def test_notebook_shows_what_its_file_says(path: Path, folder: Path, this_interpreter: None) -> None:
    """All but the pixels of figures; after a change of what is shown: ``python -m tools.notebooks``."""
    committed = read(path)
    ran = stable(executed(read(path), folder))
    for was, cell in zip(code_cells(committed), code_cells(ran), strict=True):
        assert shown(cell) == shown(was), cell.source


@each
def test_nothing_is_warned_of(path: Path) -> None:
    for cell in code_cells(read(path)):
        assert not [output for output in cell.outputs if output.get("name") == "stderr"], cell.source


@each
def test_is_small_and_of_no_machine(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    notebook = read(path)
    assert len(text.encode()) <= MOST_BYTES
    assert not re.search(r"/home/|/root/|/tmp/|/work/| at 0x[0-9a-f]{6}", text)
    figures = [
        output.data["image/png"] for cell in code_cells(notebook) for output in cell.outputs if is_figure(output)
    ]
    assert figures
    for figure in figures:
        png = base64.b64decode(figure)
        assert len(png) <= MOST_OF_A_FIGURE
        assert palette_length(png) <= COLORS


@each
def test_is_as_the_tool_writes_it(path: Path) -> None:
    notebook = read(path)
    assert notebook == stable(read(path))
    assert [cell.execution_count for cell in code_cells(notebook)] == [*range(1, len([*code_cells(notebook)]) + 1)]


@each
def test_uses_the_public_api_alone(path: Path) -> None:
    source = "\n".join(cell.source for cell in code_cells(read(path)))
    assert set(imported(source)) <= USED
    assert "import aging\n" in source
    assert not re.findall(r"(?:from|import) aging\.|findings\.json|\bstored\b|\b_\w+\(|\._\w+", source)


@each
def test_links_are_there(path: Path) -> None:
    text = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")
    for target in re.findall(r"\]\(((?!https?:|#)[^)#]+)", text):
        assert (NOTEBOOKS / target).exists(), target
    for section in re.findall(r"\]\(#([^)]+)\)", text):
        assert section in [re.sub(" ", "-", title) for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE)], section


def test_notebooks_exist() -> None:
    assert len(PATHS) == 6


def code_cells(notebook: NotebookNode) -> Iterator[NotebookNode]:
    return (cell for cell in notebook.cells if cell.cell_type == "code")


def is_figure(output: NotebookNode) -> bool:
    return "image/png" in output.get("data", {})


def shown(cell: NotebookNode) -> list[object]:
    """What a cell shows: its text, and that there is a figure."""
    return [
        output.text
        if output.output_type == "stream"
        else sorted(output.data)
        if is_figure(output)
        else output.data.get("text/plain")
        for output in cell.outputs
    ]


def imported(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (name.name.split(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module).split(".")[0]


def palette_length(png: bytes) -> int:
    """How many colors the palette of a PNG has."""
    at = png.index(b"PLTE")
    return int.from_bytes(png[at - 4 : at], "big") // 3
