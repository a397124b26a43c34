"""Note codes are an interface: each one is documented."""

from __future__ import annotations

import re

from tests.conftest import ROOT

CODE = re.compile(r'Note\(\s*"([a-z_]+)"')
SOURCES = [
    path.read_text() for room in ("stats", "findings", "tables") for path in (ROOT / "aging" / room).rglob("*.py")
]


def documented_codes() -> set[str]:
    section = (ROOT / "docs" / "findings.md").read_text().partition("## Note codes")[2].partition("## ")[0]
    return {
        code
        for row in section.splitlines()
        for code in re.findall("`([a-z_]+)`", row.split("|", 2)[1:2][0] if row.startswith("|") else "")
    }


def test_codes_documented() -> None:
    codes = {code for text in SOURCES for code in CODE.findall(text)}
    assert len(codes) > 40
    assert codes <= documented_codes(), codes - documented_codes()


def test_documented_codes_written() -> None:
    assert {code for code in documented_codes() if not any(f'"{code}"' in text for text in SOURCES)} == set()
