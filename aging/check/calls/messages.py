"""What the process that calls a function says to the one that judges it: a line of JSON each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Plan:
    """How often the function will be called at most, and how many seconds a call takes."""

    calls: int
    seconds_per_call: float


@dataclass(frozen=True, slots=True)
class Sample:
    """Memory in bytes after so many calls: of Python's objects, of the C heap, anonymous with swap."""

    calls: int
    python: int | None
    heap: int | None
    anonymous: int


@dataclass(frozen=True, slots=True)
class Raised:
    """The function raised at this call, counted from 1; ``text`` is the traceback."""

    call: int
    text: str


@dataclass(frozen=True, slots=True)
class Site:
    """Where Python memory was allocated that ``calls`` further calls kept, innermost frame first."""

    bytes: int
    count: int
    frames: Sequence[str]


@dataclass(frozen=True, slots=True)
class Traced:
    """What further calls kept, as Python's allocators were asked: in all, and the largest sites."""

    calls: int
    bytes: int
    sites: Sequence[Site]


Message = Plan | Sample | Raised | Traced

_KINDS: Mapping[str, Any] = {"plan": Plan, "sample": Sample, "raised": Raised, "traced": Traced}
_NAMES = {kind: name for name, kind in _KINDS.items()}


def encode(message: Message) -> bytes:
    return json.dumps([_NAMES[type(message)], asdict(message)]).encode() + b"\n"


def decode(line: bytes) -> Message:
    name, keys = json.loads(line)
    if name == "traced":
        keys["sites"] = [Site(**site) for site in keys["sites"]]
    message: Message = _KINDS[name](**keys)
    return message
