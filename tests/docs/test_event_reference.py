"""The reference of the journal's events says what their dataclasses say."""

from __future__ import annotations

from aging.store.events import KINDS
from tools.event_reference import PAGE, page


def test_the_committed_page_is_what_the_generator_makes() -> None:
    stale = "docs/events.md is stale; run: python -m tools.event_reference"
    assert PAGE.read_text(encoding="utf-8") == page(), stale


def test_every_kind_is_on_the_page() -> None:
    text = page()
    assert [kind for kind in KINDS if f"### `{kind}`\n" not in text] == []
