"""The template environment: everything is escaped, numbers and verdicts have filters."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from aging.report import quantities, words


@cache
def environment() -> Environment:
    """An environment that escapes whatever a template is given and fails on a misspelt name."""
    made = Environment(
        autoescape=True,
        loader=PackageLoader("aging", "report"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {
        "slope": quantities.slope,
        "interval": quantities.interval,
        "size": quantities.size,
        "level": quantities.level,
        "NONE": quantities.NONE,
        "TONE": words.TONE,
        "MARK": words.MARK,
    }
    made.filters |= {
        "clock": quantities.clock,
        "count": quantities.count,
        "probability": quantities.probability,
        "setting": lambda value, name: quantities.setting(name, value),
        "outcome": words.outcome,
        "shown_name": words.shown_name,
        "undecided": words.undecided,
    }
    return made


@cache
def _compiled(template: str) -> Template:
    return environment().from_string(template)


def render(template: str, **values: Any) -> Markup:
    """Render a template given as text, such as a section keeps in its own file; ``macros.html.j2`` can be imported."""
    return Markup(_compiled(template).render(values))  # the environment has escaped
