"""Report sections, one per file: the base contract.

A new section is a new file with one subclass of :class:`Section`; the page
shows it at its ``order``; no other file changes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from markupsafe import Markup

from aging.report.html.context import Context

ENTRY_POINT_GROUP = "aging.report_sections"


class Section(ABC):
    """One part of the report. ``kind`` is its anchor, ``title`` its heading; lower ``order`` comes first."""

    kind: ClassVar[str]
    title: ClassVar[str]
    order: ClassVar[int]

    @abstractmethod
    def render(self, context: Context) -> Markup:
        """The section's content, heading left out; empty markup leaves the section out of the page."""
