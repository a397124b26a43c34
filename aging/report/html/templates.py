"""The template environment: every value is escaped; numbers and verdicts have filters."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from aging.core import format
from aging.report import wording


@cache
def environment() -> Environment:
    """An environment that escapes every value and fails on an unknown name."""
    templates = Environment(
        autoescape=True,
        loader=PackageLoader("aging.report", "html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.globals |= {
        "slope": format.slope,
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
