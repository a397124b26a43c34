"""Note codes are an interface: each one is documented."""

from __future__ import annotations

import re

from tests.conftest import ROOT

CODE = re.compile(r'Note\(\s*"([a-z_]+)"')


def written_codes() -> set[str]:
    sources = [path.read_text() for room in ("stats", "findings") for path in (ROOT / "aging" / room).rglob("*.py")]
    return {code for text in sources for code in CODE.findall(text)}


def test_codes_documented() -> None:
    section = (ROOT / "docs" / "findings.md").read_text().partition("## Note codes")[2].partition("## ")[0]
    documented = {
        code
        for row in section.splitlines()
        for code in re.findall("`([a-z_]+)`", row.split("|", 2)[1:2][0] if row.startswith("|") else "")
    }
    codes = written_codes()
    assert len(codes) > 40
    assert codes <= documented, codes - documented
