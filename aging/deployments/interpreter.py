"""The Python interpreter that a command line runs in, where it is one of Python."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

_PYTHON = re.compile(r"(python|pypy)[\d.]*")
_HEAD_BYTES = 512
_SHEBANG = re.compile(r"#!\s*(?:/usr/bin/env\s+(?:-S\s+)?)?(\S+)")
_LONG_SHEBANG = re.compile(r"#!/bin/sh\n'''exec' \"?([^\"\s]+)\"?")
"""What pip writes in place of a first line that the kernel would cut."""


def interpreter_of(argv: Sequence[str], folder: Path, env: Mapping[str, str]) -> Path | None:
    """The path of the interpreter that ``argv`` starts in ``folder``: named first, or by a script's first line.

    None where the program is not found, is no script of Python, or starts others itself (``sh``, ``uv``).
    """
    program = located(argv[0], folder, env)
    if program is None:
        return None
    if _PYTHON.fullmatch(program.name):
        return program
    try:
        with program.open("rb") as file:
            head = file.read(_HEAD_BYTES).decode("utf-8", "replace")
    except OSError:
        return None
    found = _LONG_SHEBANG.match(head) or _SHEBANG.match(head)
    if found is None or not _PYTHON.fullmatch(found[1].rpartition("/")[2]):
        return None
    return located(found[1], folder, env)


def located(program: str, folder: Path, env: Mapping[str, str]) -> Path | None:
    """The absolute path of a program, on the PATH of ``env`` or from ``folder``; None if there is none."""
    searched = env.get("PATH", os.environ.get("PATH"))
    found = shutil.which(os.path.join(folder, program) if os.sep in program else program, path=searched)
    return None if found is None else Path(found).absolute()
