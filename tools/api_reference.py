"""``docs/api-reference.md``: the public names of the package, which Sphinx fills in with their docstrings.

On GitHub it is a list of names with one line each; the site has signatures, parameters and examples.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

import aging
import aging.stats
import aging.testing
from tools.markdown import made_by, table

_ROOMS: Sequence[tuple[ModuleType, str]] = (
    (aging, "Results, trends and campaigns"),
    (aging.stats, "Statistics"),
    (aging.testing, "Checks of plug-ins"),
)
_FORMER = ("open_results",)

_HEAD = f"""\
# Python API

{made_by("api_reference", "the docstrings of the public names")}
Every public name. Examples of each call, in the order in which they are used: [api.md](api.md). What a caller gives
and a call cannot use raises an `AgingError` that is a `ValueError`, too.
"""


def page() -> str:
    """The whole page."""
    return _HEAD + "".join(_room(module, title) for module, title in _ROOMS)


def _room(module: ModuleType, title: str) -> str:
    names = [name for name in sorted(module.__all__, key=str.lower) if name not in _FORMER]
    rows = [(f"`{module.__name__}.{name}`", _first_line(getattr(module, name))) for name in names]
    directives = "\n".join(_directives(module, names))
    about = _paragraph(module) if module is not aging else ""
    return f"\n## {title}\n\n{about}{table(('name', 'what'), rows)}\n```{{eval-rst}}\n{directives}```\n"


def _directives(module: ModuleType, names: Sequence[str]) -> Iterator[str]:
    for name in names:
        kind = _kind(getattr(module, name))
        members = "   :members:\n   :undoc-members:\n" if kind == "class" else ""
        yield f".. auto{kind}:: {module.__name__}.{name}\n{members}"


def _kind(value: Any) -> str:
    if inspect.isclass(value):
        return "exception" if issubclass(value, BaseException) else "class"
    return "function"


def _first_line(value: Any) -> str:
    return _markdown(inspect.cleandoc(value.__doc__ or "").split("\n\n")[0].replace("\n", " "))


def _paragraph(module: ModuleType) -> str:
    return _markdown(inspect.cleandoc(module.__doc__ or "").split("\n\n")[0]) + "\n\n"


def _markdown(text: str) -> str:
    return re.sub(r":\w+:`~?([\w.]+)`", r"`\1`", text).replace("``", "`")
