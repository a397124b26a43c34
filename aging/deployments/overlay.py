"""Other releases of packages in front of those that an interpreter has: the rest of its environment stays as it is.

The packages are installed without their dependencies into a folder of their own, which the server finds first by
``PYTHONPATH``. So two servers differ in the named packages and in nothing else.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from aging.core.errors import AgingError, writing
from aging.deployments.environments import environments_folder, folder_part

_STAMP = "aging-overlay.json"
_DIGITS = 8

_LIST = """
import importlib.metadata as m, json, platform, sys
first = {}
for d in m.distributions():
    first.setdefault(d.metadata["Name"].lower().replace("_", "-").replace(".", "-"), [d.version, d.requires or []])
print(json.dumps({"packages": first, "python": platform.python_version()}))
"""


@dataclass(frozen=True, slots=True)
class Overlay:
    """``packages`` in front of those of the interpreter at ``python``."""

    python: Path
    packages: tuple[str, ...]

    @property
    def folder(self) -> Path:
        """Where they are, or will be."""
        part = folder_part(self.packages)
        return environments_folder() / f"overlay+{part}+{sha256(self._recipe.encode()).hexdigest()[:_DIGITS]}"

    @property
    def installed(self) -> bool:
        return (self.folder / _STAMP).is_file()

    def environment(self, env: Mapping[str, str]) -> Mapping[str, str]:
        """The variables of a server that finds the packages first, added to ``env`` and those of this process."""
        return {"PYTHONPATH": first_on_path(str(self.folder), env)}

    def build(self) -> None:
        """Install the packages, unless they are. The output of the installer goes to the terminal.

        Raises AgingError if the installer fails, if what they require is not in the interpreter's environment, or if
        they are the versions that it has already.
        """
        if self.installed:
            return
        folder = self.folder
        shutil.rmtree(folder, ignore_errors=True)
        try:
            subprocess.run([*self._installer(), "--target", str(folder), "--no-deps", *self.packages], check=True)
        except (subprocess.CalledProcessError, OSError) as error:
            raise AgingError(
                f"{' '.join(self.packages)} could not be installed for {self.python}: {error} (see the output above)"
            ) from None
        self._require_difference()
        with writing(folder):
            (folder / _STAMP).write_text(self._recipe)

    @property
    def _recipe(self) -> str:
        return json.dumps([str(self.python), *self.packages])

    def _installer(self) -> Sequence[str]:
        if uv := _uv():
            return [uv, "pip", "install", "--python", str(self.python)]
        return [str(self.python), "-m", "pip", "install", "--disable-pip-version-check"]

    def _require_difference(self) -> None:
        from aging.deployments.dependencies import unmet  # noqa: PLC0415 - 2 MB, to build one

        before, python = _packages(self.python, {})
        after, _ = _packages(self.python, self.environment({}))
        overlaid, _ = _packages(self.python, self.environment({}), only=self.folder)
        if all(before.get(name, ("",))[0] == version for name, (version, _) in overlaid.items()):
            what = ", ".join(f"{name} {version}" for name, (version, _) in overlaid.items())
            raise AgingError(f"{what} is installed for {self.python} already: both versions would be the same")
        missing = [
            f"{name} {version} requires {need}; "
            + (f"{self.python} has {after[needed][0]}" if needed in after else f"{self.python} does not have it")
            for name, (version, requires) in overlaid.items()
            for needed, need in unmet(requires, {one: found for one, (found, _) in after.items()}, python)
        ]
        if missing:
            raise AgingError("\n".join((*missing, "Name these too, each with an --against of its own.")))


def _uv() -> str | None:
    return shutil.which("uv")


def first_on_path(folders: str, env: Mapping[str, str]) -> str:
    """``PYTHONPATH`` with these folders before those of ``env``, else of this process."""
    before = env.get("PYTHONPATH", os.environ.get("PYTHONPATH", ""))
    return os.pathsep.join(filter(None, (folders, before)))


def _packages(
    python: Path, added: Mapping[str, str], only: Path | None = None
) -> tuple[Mapping[str, tuple[str, Sequence[str]]], str]:
    """Version and requirements of the installed packages by name, or of those in one folder; and Python's version."""
    code = _LIST if only is None else _LIST.replace("m.distributions()", f"m.distributions(path=[{str(only)!r}])")
    try:
        listed = subprocess.run(
            [python, "-c", code], capture_output=True, check=True, text=True, env={**os.environ, **added}
        )
    except (subprocess.CalledProcessError, OSError) as error:
        raise AgingError(f"{python} does not list its packages: {error}") from None
    content = json.loads(listed.stdout)
    return {name: (version, requires) for name, (version, requires) in content["packages"].items()}, content["python"]
