"""Remarks on a result: a sentence for people, a code for programs."""

from __future__ import annotations


class Note(str):
    """A remark that reads as its ``message``; ``code`` is stable and lower-case, such as ``replicas_disagree``.

    It is a string, so that it is printed, joined and written to JSON like one.
    """

    __slots__ = ("code",)

    code: str

    def __new__(cls, code: str, message: str) -> Note:
        note = super().__new__(cls, message)
        note.code = code
        return note

    def __getnewargs__(self) -> tuple[str, str]:  # type: ignore[override] # str's own has no code
        return self.code, str(self)


def not_analyzed(reason: object) -> Note:
    """Why a series has no trend."""
    return Note("not_analyzed", f"Not analyzed: {reason}.")
