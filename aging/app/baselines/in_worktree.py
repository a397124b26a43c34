"""The deployment of a campaign file as another revision of the repository has it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from aging.app.baselines.worktree import Worktree
from aging.core.errors import AgingError
from aging.deployments.interpreter import interpreter_of, located
from aging.deployments.overlay import first_on_path

_PATHS = """
import json, os, sys
paths = [path for path in sys.path if path]
for name, module in list(sys.modules.items()):
    if name.startswith("__editable__"):
        paths += [os.path.dirname(path) for path in getattr(module, "MAPPING", {}).values()]
print(json.dumps(paths))
"""
"""Where Python imports from: its path, and what setuptools' editable installs add beside it."""

Raw = Mapping[str, Any]


def in_worktree(table: Raw, tree: Worktree, here: Path) -> dict[str, Any]:
    """The table of a ``command`` deployment, its command run in the revision at ``tree``; ``here``: where it runs now.

    Paths in the command that the revision has are those of the revision; what it does not have (data, a virtual
    environment) stays where it is. Packages that the server's Python imports from the repository, such as an editable
    install, are imported from the revision. Raises AgingError for a program that is neither in the revision nor a
    virtual environment's, since both versions would run the same one.
    """
    env = dict(table.get("env", {}))
    folder = here / table.get("folder", "")
    moved = tree.moved(folder.resolve())
    if moved is None:
        raise AgingError(f"--baseline: the folder {folder} is not in revision {tree.commit[:12]}")
    commands = {"command": table["command"], **table.get("components", {})}
    for argv in commands.values():
        _require_revision(argv, folder, env, tree)
    made = {**table, "folder": str(moved), "command": _moved(table["command"], folder, moved, tree)}
    if "components" in table:
        made["components"] = {name: _moved(argv, folder, moved, tree) for name, argv in table["components"].items()}
    imported = [path for argv in commands.values() for path in _imported(argv, folder, env, tree)]
    if imported:
        made["env"] = {**env, "PYTHONPATH": first_on_path(os.pathsep.join(dict.fromkeys(imported)), env)}
    return made


def _moved(argv: Sequence[str], folder: Path, moved: Path, tree: Worktree) -> list[str]:
    return [_moved_part(part, folder, moved, tree) for part in argv]


def _moved_part(part: str, folder: Path, moved: Path, tree: Worktree) -> str:
    """A word of a command line: the path, or the path behind its ``=``, in the revision."""
    option, equals, text = part.rpartition("=")
    if not text or (text.startswith("-") and not equals):
        return part
    if os.path.isabs(text):
        inside = tree.moved(Path(text))
        return f"{option}{equals}{text if inside is None else inside}"
    known = (folder / text).exists() and not (moved / text).exists()
    return f"{option}{equals}{folder.absolute() / text}" if known else part


def _require_revision(argv: Sequence[str], folder: Path, env: Raw, tree: Worktree) -> None:
    program = located(argv[0], folder, env)
    if program is None or not program.is_relative_to(tree.top) or tree.moved(program) is not None:
        return
    if not any((parent / "pyvenv.cfg").is_file() for parent in program.parents):
        raise AgingError(
            f"--baseline: {program.relative_to(tree.top)} is not in revision {tree.commit[:12]}: both versions would "
            "run the same program; say how to build it: --baseline-setup 'make'"
        )


def _imported(argv: Sequence[str], folder: Path, env: Raw, tree: Worktree) -> Iterator[str]:
    """Folders of the revision in place of those of the repository that the command's Python imports from."""
    python = interpreter_of(argv, folder, env)
    if python is None:
        return
    try:
        shown = subprocess.run(
            [python, "-c", _PATHS], cwd=folder, env={**os.environ, **env}, capture_output=True, check=True, text=True
        )
    except (subprocess.CalledProcessError, OSError) as error:
        raise AgingError(f"--baseline: {python} does not print its path: {error}") from None
    for path in json.loads(shown.stdout):
        inside = tree.moved(Path(path).resolve())
        if inside is not None:
            yield str(inside)
