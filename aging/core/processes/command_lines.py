"""Command lines of processes, short and without secrets, as rows and reports have them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from aging.core.processes import procfs

_LONGEST = 200
_MASK = "***"
_SECRET = re.compile(r"(key|token|secret|passw|credential)", re.IGNORECASE)
_NAMED = re.compile(r"^(--?[\w-]+|\w+)=")


def command_line(pid: int) -> str:
    """The command line of a process, or its name in brackets where it has none. Raises OSError if it has ended."""
    text = procfs.read(pid, "cmdline").rstrip("\0")
    words = text.split("\0") if text else [f"[{procfs.read(pid, 'comm').strip()}]"]
    line = "".join(letter if letter.isprintable() else " " for letter in " ".join(masked(words)))
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def masked(words: Sequence[str]) -> list[str]:
    """The words of a command line; ``***`` for the value of an argument that is called a key, token or password."""
    shown: list[str] = []
    hide = False
    for word in words:
        named = _NAMED.match(word)
        if hide and not word.startswith("-"):
            shown.append(_MASK)
        elif named is not None and _is_secret(named[1]):
            shown.append(f"{named[0]}{_MASK}")
        else:
            shown.append(word)
        hide = word.startswith("-") and named is None and _is_secret(word)
    return shown


def _is_secret(name: str) -> bool:
    """Whether an argument of this name has a secret; the many that count tokens have none."""
    return _SECRET.search(name) is not None and not re.search(r"tokens|tokenizer", name, re.IGNORECASE)
