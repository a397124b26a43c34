"""The table of pairs: every limit tells the two releases apart by definition, and docs/ci.md has the same figures."""

from __future__ import annotations

import pytest

from aging.core.quantities import parse_size
from tests.conftest import ROOT
from tests.pairs.table import PAIRS, Pair


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_limit_lies_between(pair: Pair) -> None:
    limit = parse_size(pair.limit)
    assert 2 * pair.repaired.bytes_per_request <= limit <= pair.leaky.bytes_per_request / 2


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_documented(pair: Pair) -> None:
    (row,) = [one for one in (ROOT / "docs" / "ci.md").read_text().splitlines() if one.startswith(f"| [{pair.name}](")]
    cells = row.split(" | ")
    for release, cell in ((pair.leaky, cells[2]), (pair.repaired, cells[3])):
        assert cell == f"{release.version}: {release.bytes_per_request:,.0f} B"
    assert cells[4] == f"{pair.limit} |"
    assert pair.source.split()[0] in cells[0]
