"""Any text as Markdown shows it literally: prose, and code spans."""

from __future__ import annotations

import re

from aging.core.plain_text import one_line, shortened

_ACTIVE = {ord(character): f"&#{ord(character)};" for character in r"\`*_{}[]()#+!|~<>&:$=-"} | {ord("@"): "@\u2060"}
"""What GitHub's and GitLab's Markdown act on, as their specifications list it; links need the colon.

No escape of ``@`` keeps a user from being mentioned; what follows it does.
"""

_NUMBERED = re.compile(r"^(\d+)\.")
_RAW = 8
"""How much longer a text is cleaned than it is shown: escape sequences are left out of it."""


def prose(text: str, most: int = 600) -> str:
    """``text`` as Markdown shows it literally, in one line, without mentions of users."""
    escaped = cut(text, most).translate(_ACTIVE)
    return _NUMBERED.sub(r"\1&#46;", escaped).replace("www.", "www&#46;")


def code(text: str, most: int = 200) -> str:
    """``text`` as a code span, in a cell of a table too."""
    plain = cut(text, most) or " "
    ticks = "`" * (max((len(run) for run in re.findall(r"`+", plain)), default=0) + 1)
    pad = " " if plain.startswith("`") or plain.endswith("`") else ""
    return f"{ticks}{pad}{plain}{pad}{ticks}".replace("|", "\\|")


def cut(text: str, most: int) -> str:
    """At most ``most`` characters of ``text``, in one line."""
    return shortened(one_line(text[: _RAW * most]), most)
