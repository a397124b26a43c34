"""Every notebook runs from top to bottom, from its own folder and from the repository's root."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.conftest import ROOT

NOTEBOOKS = ROOT / "notebooks"
CELL_SECONDS = 60


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


@pytest.mark.parametrize(
    "folder",
    [pytest.param(NOTEBOOKS, id="from its folder"), pytest.param(ROOT, id="from the root", marks=pytest.mark.slow)],
)
@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.name)
def test_runs_from_top_to_bottom(path: Path, folder: Path, this_interpreter: None) -> None:
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    which = nbformat.v4.new_code_cell("import sys; print(sys.executable)")  # type: ignore[no-untyped-call]
    notebook.cells.insert(0, which)
    NotebookClient(notebook, timeout=CELL_SECONDS, resources={"metadata": {"path": str(folder)}}).execute()
    assert notebook.cells[0].outputs[0].text.strip() == sys.executable


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.name)
def test_uses_the_public_api_alone(path: Path) -> None:
    cells = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]  # type: ignore[no-untyped-call]
    source = "\n".join(cells)
    assert "import aging\n" in source
    assert not re.findall(r"(?:from|import) aging\.|findings\.json|\bstored\b|\b_\w+\(", source)


def test_there_are_notebooks() -> None:
    assert list(NOTEBOOKS.glob("*.ipynb"))
