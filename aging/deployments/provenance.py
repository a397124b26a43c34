"""What exactly served: the packages of a server's Python, and the commit of its checkout."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from aging.core.checkout import Checkout, checkout_of
from aging.deployments.interpreter import interpreter_of, located

_LISTED_SECONDS = 30.0
"""The 300 packages of a vLLM environment take 0.4 s from memory, some seconds from a cold network disk."""

_SETTINGS: Sequence[str] = ("PYTHONHOME", "PYTHONNOUSERSITE", "PYTHONUSERBASE")

# The library's own parser reads the whole text of a package's metadata as a mail, in 2 ms each.
_LIST = """
import json, platform, re
import importlib.metadata as metadata
packages = {}
for found in metadata.distributions():
    head = (found.read_text("METADATA") or found.read_text("PKG-INFO") or "").partition("\\n\\n")[0]
    name, version = (re.search("^%s: *(.+)$" % key, head, re.MULTILINE) for key in ("Name", "Version"))
    if name and version:
        packages.setdefault(name.group(1).strip(), version.group(1).strip())
print(json.dumps([platform.python_version(), packages]))
"""


@dataclass(frozen=True, slots=True)
class Provenance:
    """The version of the Python that serves, its packages by name, and the checkout of the server; None: not known."""

    python: str | None = None
    packages: Mapping[str, str] = field(default_factory=dict)
    checkout: Checkout | None = None


def of_interpreter(python: Path) -> Provenance:
    """Version and packages of an environment's interpreter."""
    return Provenance(*_listed(python, ()))


def of_command(argv: Sequence[str], folder: Path, env: Mapping[str, str]) -> Provenance:
    """Of a command that is started in ``folder`` with ``env`` added to this process' environment."""
    python = interpreter_of(argv, folder, env)
    checkout = next(filter(None, map(checkout_of, _places(argv, folder, env))), None)
    if python is None:
        return Provenance(checkout=checkout)
    return Provenance(*_listed(python, _import_settings(folder, env)), checkout=checkout)


def _places(argv: Sequence[str], folder: Path, env: Mapping[str, str]) -> Sequence[Path]:
    """What can lie in the server's checkout: the program, the files that its arguments name, the working folder."""
    program = located(argv[0], folder, env)
    named = [folder / word for word in argv[1:] if not word.startswith("-")]
    return [*([] if program is None else [program]), *(path for path in named if path.is_file()), folder.absolute()]


def _import_settings(folder: Path, env: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The variables that say where this Python imports from, with absolute paths."""
    wanted = {**os.environ, **env}
    made = {name: wanted[name] for name in _SETTINGS if name in wanted}
    if paths := wanted.get("PYTHONPATH"):
        made["PYTHONPATH"] = os.pathsep.join(str(folder.absolute() / part) for part in paths.split(os.pathsep))
    return tuple(sorted(made.items()))


@cache
def _listed(python: Path, settings: tuple[tuple[str, str], ...]) -> tuple[str | None, Mapping[str, str]]:
    """The version of an interpreter and its packages, as it finds them itself; nothing where it does not answer."""
    home = {name: os.environ[name] for name in ("HOME", "PATH", "LD_LIBRARY_PATH") if name in os.environ}
    try:
        # In `/`, so that no module of the server's folder is imported in the place of the library's.
        ran = subprocess.run(
            [python, "-c", _LIST],
            cwd="/",
            env={**home, **dict(settings)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_LISTED_SECONDS,
            check=True,
        )
        version, packages = json.loads(ran.stdout.splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None, {}
    return version, packages
