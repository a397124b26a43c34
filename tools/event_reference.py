"""Writes ``docs/events.md``, the reference of the journal's events, from the dataclasses of ``aging.store.events``.

Run ``python -m tools.event_reference`` after a change of them; a test compares the committed page with what it makes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import MISSING, Field, fields
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

from aging.store.events import KINDS, Event, RunEvent, ServerEvent

PAGE = Path(__file__).resolve().parent.parent / "docs" / "events.md"

_HEAD = """\
# Events

Written by `python -m tools.event_reference` from `aging/store/events.py`; do not edit.

`journal.jsonl` in a result directory has one JSON object a line, in the order of time, each on the disk before the
campaign goes on. Every line has these keys; those of its kind come after them.

| key | type | unit | meaning |
|---|---|---|---|
| `wall` | number | s | epoch seconds |
| `mono` | number | s | campaign time: the host's monotonic clock, which goes on after a reboot |
| `event` | text | | the kind |
| `deployment` | text | | name of the deployment; absent where the event is of the whole campaign |
| `replica` | integer | count from 1 | which of the deployment's replicas; absent with `deployment` |

A key marked *optional* is absent where it has nothing to say. A key with a default was not written by every earlier
release. A reader must accept unknown kinds and unknown keys.

"""

_SECTIONS: tuple[tuple[str, Callable[[type[Event]], bool]], ...] = (
    ("The campaign", lambda kind: not issubclass(kind, RunEvent)),
    ("A run", lambda kind: issubclass(kind, RunEvent) and not issubclass(kind, ServerEvent)),
    ("A server", lambda kind: issubclass(kind, ServerEvent)),
)

_TYPES = {str: "text", int: "integer", float: "number", NoneType: "null", Any: "any"}

_COMMON = frozenset(one.name for one in fields(Event))


def page() -> str:
    """The whole page."""
    return _HEAD + "\n".join(_sections())


def _sections() -> Iterator[str]:
    for title, belongs in _SECTIONS:
        yield f"## {title}\n"
        for name, kind in KINDS.items():
            if belongs(kind):
                yield f"### `{name}`\n\n{' '.join(str(kind.__doc__).split())}\n{_keys(kind)}"


def _keys(kind: type[Event]) -> str:
    hints = get_type_hints(kind, include_extras=True)
    rows = [_row(one, hints[one.name]) for one in fields(kind) if one.name not in _COMMON]
    head = "\n| key | type | unit | default | meaning |\n|---|---|---|---|---|\n"
    return head + "".join(rows) if rows else ""


def _row(one: Field[Any], hint: Any) -> str:
    unit, meaning = hint.__metadata__
    return f"| `{one.name}` | {_type(get_args(hint)[0])} | {unit} | {_default(one)} | {meaning} |\n"


def _type(hint: Any) -> str:
    if hint in _TYPES:
        return _TYPES[hint]
    arguments = [_type(one) for one in get_args(hint) if one is not Ellipsis]
    origin = str(get_origin(hint))
    if "Mapping" in origin:
        return f"object of {arguments[1]}"
    if "Union" in origin:
        return " or ".join(arguments)
    return f"list of {arguments[0]}" if "Sequence" in origin else f"[{', '.join(arguments)}]"


def _default(one: Field[Any]) -> str:
    if one.metadata.get("sparse"):
        return "*optional*"
    if one.default is MISSING:
        return "—" if one.default_factory is MISSING else "`{}`"
    return {None: "`null`", (): "`[]`"}.get(one.default, f"`{one.default!r}`".replace("'", '"'))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE}")
