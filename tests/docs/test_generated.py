"""Every document that is made from the code is what the code makes now."""

from __future__ import annotations

import pytest

from aging.core.errors import AgingError, ExitCode, PreflightError
from aging.core.worker import WorkerError
from tools.exit_code_reference import MEANINGS, errors_below
from tools.generated import GENERATED, ROOT


@pytest.mark.parametrize("name", GENERATED)
def test_the_committed_document_is_what_the_generator_makes(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == GENERATED[name](), f"{name} is stale; run: make docs"


def test_every_exit_code_has_a_meaning() -> None:
    assert set(MEANINGS) == set(ExitCode)


def test_errors_of_every_room_are_found() -> None:
    assert {AgingError, PreflightError, WorkerError} <= set(errors_below(AgingError))
