"""The package's root: what it imports, and its names."""

from __future__ import annotations

import subprocess
import sys

import pytest

import aging
from aging.core.errors import AgingError


def fresh(code: str) -> str:
    """What a fresh interpreter prints."""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return ran.stdout


def test_importing_aging_imports_nothing_else() -> None:
    code = "import sys; before = set(sys.modules); import aging; print(*sorted(set(sys.modules) - before))"
    assert fresh(code).split() in (["aging"], ["__future__", "aging"]), (
        "an editable installation has __future__ already"
    )


def test_every_public_name_is_there_and_listed() -> None:
    for name in aging.__all__:
        assert getattr(aging, name) is not None
        assert name in dir(aging)
    assert "check_sampler" in aging.testing.__all__
    assert "sen_slope" in aging.stats.__all__
    with pytest.raises(AttributeError, match="no attribute 'no_such_name'"):
        aging.no_such_name  # noqa: B018
    assert aging.open_results is aging.load_results
    assert aging.AgingError is AgingError


def test_the_former_name_of_the_statistics_warns_and_works() -> None:
    sys.modules.pop("aging.trends", None)
    with pytest.warns(DeprecationWarning, match="aging.trends is now called aging.stats, and its old name goes in 0.3"):
        import aging.trends
    assert set(aging.trends.__all__) == set(aging.stats.__all__)
    assert aging.trends.sen_slope is aging.stats.sen_slope
