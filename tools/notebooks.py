"""``python -m tools.notebooks [PATH …]``: runs notebooks from top to bottom and writes what they show into them.

What changes from run to run without a reason is left out: times of execution, addresses, where the checkout is. By
default all of ``notebooks/``; a notebook that fails is not written. Figures are kept with 128 colors: a third of the
room, and they look the same.
"""

from __future__ import annotations

import base64
import io
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from PIL import Image

from tools.generated import ROOT

NOTEBOOKS = ROOT / "notebooks"
CELL_SECONDS = 300
COLORS = 128
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
_OF_THIS_MACHINE = re.compile(rf" at 0x[0-9a-f]+|{re.escape(str(ROOT))}/")


def read(path: Path) -> NotebookNode:
    """The notebook of a file."""
    return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call, no-any-return]


def executed(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """Run all cells in ``folder`` with the kernel ``python3``, in place, and return the notebook.

    Raises nbclient's CellExecutionError for a cell that fails, CellTimeoutError for one that takes five minutes.
    """
    NotebookClient(
        notebook, timeout=CELL_SECONDS, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    return notebook


def stable(notebook: NotebookNode) -> NotebookNode:
    """The notebook, in place, with what its cells showed and nothing that differs between equal runs."""
    notebook.metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    for number, cell in enumerate(notebook.cells):
        cell.id = f"c{number:02}"
        cell.metadata = {}
        for output in cell.get("outputs", ()):
            if output.output_type == "stream":
                output.text = _OF_THIS_MACHINE.sub("", output.text)
                continue
            output.metadata = {}
            for kind, shown in output.get("data", {}).items():
                if kind.startswith("text/"):
                    output.data[kind] = _OF_THIS_MACHINE.sub("", shown)
                elif kind == "image/png":
                    output.data[kind] = _few_colors(shown)
    return notebook


def _few_colors(png: str) -> str:
    """A figure, base64, with a palette; one that has it already as it is."""
    small = io.BytesIO()
    with Image.open(io.BytesIO(base64.b64decode(png))) as figure:
        if figure.mode == "P":
            return png
        figure.convert("RGB").quantize(COLORS, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    return base64.b64encode(small.getvalue()).decode()


def write(notebook: NotebookNode, path: Path) -> None:
    """Write it as git keeps it."""
    nbformat.validate(notebook)
    nbformat.write(notebook, path)  # type: ignore[no-untyped-call]


def main(names: Sequence[str]) -> None:
    """Run the notebooks of these paths, or all, and write them."""
    for path in [Path(name) for name in names] or sorted(NOTEBOOKS.glob("*.ipynb")):
        write(stable(executed(read(path), NOTEBOOKS)), path)
        print(f"wrote {path.name}: {path.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main(sys.argv[1:])
