"""The reference of the journal's events says what their dataclasses say."""

from __future__ import annotations

from aging.store.events import KINDS
from tools.event_reference import page


def test_every_kind_is_on_the_page() -> None:
    text = page()
    assert [kind for kind in KINDS if f"### `{kind}`\n" not in text] == []
