"""Real campaigns: nothing is asserted of how long anything takes, and a slow host gets the time that it needs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_MOST_SECONDS = 600
_HERE = f"{Path(__file__).parent}{os.sep}"


def _is_real(item: pytest.Item) -> bool:
    return str(item.path).startswith(_HERE)


@pytest.hookimpl(trylast=True)  # after the order has been drawn
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the real campaigns longer before they hang, and begin with them: quick tests fill what is left."""
    for item in items:
        if _is_real(item):
            item.add_marker(pytest.mark.timeout(_MOST_SECONDS))
    items.sort(key=lambda item: not _is_real(item))
