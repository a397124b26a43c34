"""What goes between a study's process and the process that holds Ray: pickled frames over a pipe of their own.

Both ends are the same release, started one by the other, so pickle is safe and has no schema to keep.
"""

from __future__ import annotations

import asyncio
import pickle
import struct
from dataclasses import dataclass
from typing import Any, Literal

_LENGTH = struct.Struct("!Q")


@dataclass(frozen=True, slots=True)
class Call:
    """A method of :class:`aging.cluster.session.Session` to call."""

    number: int
    method: str
    arguments: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of a call, or in words why there is none.

    ``lost``: the host or the cluster did not answer; ``refused``: bad input, or a host that is not fit;
    ``other_code``: the exception that says whose code is another; ``bug``: a traceback.
    """

    number: int
    kind: Literal["value", "lost", "refused", "other_code", "bug"]
    value: Any = None


async def receive(reader: asyncio.StreamReader) -> Any:
    """The next frame; raises EOFError where the other end is gone."""
    try:
        (size,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        return pickle.loads(await reader.readexactly(size))
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        raise EOFError from error


def frame(message: Call | Answer) -> bytes:
    """A message as it is sent."""
    content = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(content)) + content
