"""Values from the kernel's files: a number each, or the reason why it is missing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Generic, TypeVar

Answer = float | str
"""A value, or the reason why it could not be read."""

Subject = TypeVar("Subject")


@dataclass(frozen=True, slots=True)
class Question(Generic[Subject]):
    """One read: the names, and the function that reads a value for each. It may raise OSError for all of them."""

    names: tuple[str, ...]
    ask: Callable[[Subject], Iterable[Answer]]


def answered(questions: Iterable[Question[Subject]], subject: Subject) -> tuple[dict[str, float], dict[str, str]]:
    """The values, and the reasons of those that are missing."""
    values: dict[str, float] = {}
    missing: dict[str, str] = {}
    for question in questions:
        for name, answer in _asked(question, subject):
            if isinstance(answer, str):
                missing[name] = answer
            else:
                values[name] = answer
    return values, missing


def _asked(question: Question[Subject], subject: Subject) -> Iterator[tuple[str, Answer]]:
    try:
        answers = tuple(question.ask(subject))
    except FileNotFoundError as error:
        return iter([(name, f"there is no {error.filename}") for name in question.names])
    except OSError as error:
        return iter([(name, f"{error.filename or 'unknown file'}: {error.strerror}") for name in question.names])
    return zip(question.names, answers, strict=True)


def number(path: Path) -> float:
    """The one number of a file. Raises OSError."""
    return float(path.read_bytes())


def keyed(path: Path, *keys: str) -> list[Answer]:
    """The numbers of some keys of a file of ``key number`` lines, in their order. Raises OSError."""
    found = {key.decode(): float(text) for key, text in _pattern(keys).findall(path.read_bytes())}
    return [found.get(key, f"{path} has no {key}") for key in keys]


@cache
def _pattern(keys: tuple[str, ...]) -> re.Pattern[bytes]:
    # Of a file's two hundred lines five are wanted: this is a third cheaper than splitting all.
    return re.compile(rf"^({'|'.join(map(re.escape, keys))}) (\d+)$".encode(), re.MULTILINE)
