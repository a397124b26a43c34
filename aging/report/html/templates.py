"""The template environment: every value is escaped; numbers and verdicts have filters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from aging.core import format
from aging.core.plain_text import shortened
from aging.report import wording

_LONGEST = 4000
_LONGEST_NAME = 120
_LONGEST_BRIEF = 600
_TURNS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
"""Control characters, which a page must not hold, and marks that turn the direction of the text after them."""


def plain(text: str) -> str:
    """Text of servers and users as a page can show it; what cannot be shown is named: ``[U+202E]``."""
    return _TURNS.sub(lambda found: f"[U+{ord(found[0]):04X}]", text)


def named(name: object) -> str:
    """A name of servers or users, at most 120 characters of it."""
    return shortened(str(name), _LONGEST_NAME)


def _shown(value: Any) -> Any:
    """What a template writes: markup as it is, any other text cleaned and of bounded length."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return shortened(plain(value), _LONGEST)


def _slope(
    indicator: format.Indicator, value: float | None, per: str, limits: Sequence[float | None] | None = None
) -> str:
    """A slope as it stands beside its limits elsewhere: in the decision, the tables, the terminal."""
    return format.slope(indicator, value, per) if limits is None else format.bounded(indicator, value, limits, per)[0]


@cache
def environment() -> Environment:
    """An environment that escapes every value and fails on an unknown name."""
    templates = Environment(
        autoescape=True,
        loader=PackageLoader("aging.report", "html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    templates.globals |= {
        "slope": _slope,
        "bounded": format.bounded,
        "interval": format.interval,
        "size": format.size,
        "level": format.level,
        "NONE": format.NONE,
        "TONE": wording.TONE,
        "MARK": wording.MARK,
    }
    templates.filters |= {
        "clock": format.clock,
        "count": format.count,
        "probability": format.probability,
        "setting": lambda value, name: format.setting(name, value),
        "named": named,
        "brief": lambda text: shortened(str(text), _LONGEST_BRIEF),
        "outcome": wording.outcome,
        "shown_name": wording.shown_name,
        "undecided": wording.undecided,
    }
    return templates


@cache
def _compiled(template: str) -> Template:
    return environment().from_string(template)


def render(template: str, **values: Any) -> Markup:
    """Render a template given as text, as a section has it in its file; ``macros.html.j2`` can be imported."""
    return Markup(_compiled(template).render(values))  # the environment has escaped
