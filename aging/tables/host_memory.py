"""The unit of a host's memory where the tool that printed it does not say: ``free -m`` and ``free -b`` look alike."""

from __future__ import annotations

from collections.abc import Iterable

from aging.core.measure import Measure
from aging.stats.note import Note
from aging.tables.printout import BYTES, KIB, MIB

_GIB = Measure("B", "GiB", 1024.0**3)
_PAGE = 4096
_PAGE_KIB = 4
_LEAST_MIB = 600
"""A host with a memory of fewer MiB serves no model; one with as many GiB does."""

_MOST_MIB = 4 * 2**20
"""A host with a memory of more MiB, 4 TiB, is rarer than a kernel whose counts of KiB are no pages."""


def unit_of(numbers: Iterable[int], command: str) -> tuple[Measure, Note | None]:
    """The unit, and a note where it is not KiB, the default of ``command``.

    A host's memory is counted in pages, so bytes are multiples of 4096 and KiB are multiples of 4.
    """
    found = [number for number in numbers if number > 0]
    if found and max(found) > _MOST_MIB and any(number % _PAGE_KIB for number in found):
        return KIB, None
    if not found or all(number % _PAGE_KIB == 0 for number in found):
        if found and all(number % _PAGE == 0 for number in found):
            return BYTES, _note("bytes", f"they are multiples of {_PAGE}", command)
        return KIB, None
    reason = f"{next(number for number in found if number % _PAGE_KIB)} is not a multiple of {_PAGE_KIB}"
    measure = _GIB if max(found) < _LEAST_MIB else MIB
    return measure, _note(measure.written, reason, command)


def _note(unit: str, reason: str, command: str) -> Note:
    message = f"The output of {command} names no unit; its numbers are read as {unit}, since {reason}."
    return Note("unit_assumed", message)
