"""Text of servers and of users without what a terminal, an XML parser or a CI system would act on."""

from __future__ import annotations

import re
from collections.abc import Iterable

_ESCAPE_SEQUENCES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-~])")
"""ECMA-48: control sequences (colors), operating-system commands (titles, links), and short escapes."""

_BREAKS = re.compile(r"[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+")
_FORBIDDEN = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)
"""What XML 1.0 forbids or discourages, and marks that change the direction of what follows."""


_COMMAND = "##["
"""GitHub's runner takes ``##[NAME]`` for a command wherever it is in a line (ActionCommand.cs, ``TryParse``)."""


def one_line(text: str) -> str:
    """``text`` in one line: breaks as spaces, escape sequences left out, other control characters as ``\\x00``."""
    return _visible(_BREAKS.sub(" ", _ESCAPE_SEQUENCES.sub("", text))).replace("\t", " ").strip()


def lines(texts: Iterable[str]) -> list[str]:
    """The lines of ``texts``, each broken where it has breaks, cleaned in the same way; tabs are kept."""
    return [_visible(line) for text in texts for line in _ESCAPE_SEQUENCES.sub("", text).splitlines() or [""]]


def shortened(text: str, most: int) -> str:
    """At most ``most`` characters of ``text``; an ellipsis stands for the rest."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _visible(text: str) -> str:
    return _FORBIDDEN.sub(lambda found: f"\\x{ord(found[0]):02x}", text).replace(_COMMAND, "## [")
