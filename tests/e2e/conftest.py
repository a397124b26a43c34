"""Real campaigns: nothing is asserted of how long anything takes, and a slow host gets the time that it needs."""

from __future__ import annotations

from pathlib import Path

import pytest

_MOST_SECONDS = 300
_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the real campaigns longer before they are said to hang."""
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.timeout(_MOST_SECONDS))
