"""The digest of the package's code, and a process under which it was changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aging.core import package_code
from aging.core.errors import ExitCode
from aging.core.package_code import ChangedCodeError, check_unchanged, code_at_start, code_digest


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package of two rooms in place of this one."""
    for room in "study", "stats":
        (tmp_path / room).mkdir()
        (tmp_path / room / "one.py").write_text("x = 1\n")
    monkeypatch.setattr(package_code, "FOLDER", tmp_path)
    code_at_start.cache_clear()
    yield tmp_path
    code_at_start.cache_clear()


def test_of_its_own_code() -> None:
    assert code_digest() == code_digest() != code_digest("study")


@pytest.mark.parametrize("change", ["edited", "renamed", "added"])
def test_a_change(package: Path, change: str) -> None:
    whole, study, stats = code_at_start(), code_at_start("study"), code_at_start("stats")
    check_unchanged("")
    file = package / "study" / "one.py"
    if change == "edited":
        file.write_text("x = 2\n")
    elif change == "renamed":
        file.rename(file.with_name("two.py"))
    else:
        file.with_name("two.py").write_text("")
    assert (code_at_start(), code_at_start("study")) == (whole, study)
    assert code_digest() != whole
    assert code_digest("study") != study
    assert code_digest("stats") == stats
    check_unchanged("", "stats")
    with pytest.raises(ChangedCodeError, match=f"{package}.*resume it") as caught:
        check_unchanged("resume it")
    assert caught.value.exit_code == ExitCode.INCONCLUSIVE


def test_what_is_no_source_does_not_count(package: Path) -> None:
    before = code_digest()
    (package / "study" / "note.txt").write_text("")
    (package / "study" / "one.pyc").write_bytes(b"1")
    assert code_digest() == before
