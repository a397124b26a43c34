"""The template environment: everything is escaped, numbers and verdicts have filters."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from aging.report import format, wording


@cache
def environment() -> Environment:
    """An environment that escapes whatever a template is given and fails on a misspelt name."""
    made = Environment(
        autoescape=True,
        loader=PackageLoader("aging.report", "html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {
        "slope": format.slope,
        "interval": format.interval,
        "size": format.size,
        "level": format.level,
        "NONE": format.NONE,
        "TONE": wording.TONE,
        "MARK": wording.MARK,
    }
    made.filters |= {
        "clock": format.clock,
        "count": format.count,
        "probability": format.probability,
        "setting": lambda value, name: format.setting(name, value),
        "outcome": wording.outcome,
        "shown_name": wording.shown_name,
        "undecided": wording.undecided,
    }
    return made


@cache
def _compiled(template: str) -> Template:
    return environment().from_string(template)


def render(template: str, **values: Any) -> Markup:
    """Render a template given as text, such as a section keeps in its own file; ``macros.html.j2`` can be imported."""
    return Markup(_compiled(template).render(values))  # the environment has escaped
