"""Request records that the disk does not take: they wait, the oldest give way, and all that are lost are counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest

from aging.load import record_writer as records_module
from aging.load.record_writer import Records


class Disk:
    """In the place of a segment writer: full or not."""

    def __init__(self) -> None:
        self.full = False
        self.rows: list[dict[str, Any]] = []

    def append(self, _: float, rows: Sequence[dict[str, Any]]) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        self.rows += rows

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    monkeypatch.setattr(records_module, "_MOST_WAITING", 3)
    return Disk()


def test_rows_that_gave_way_and_rows_that_still_wait_are_counted(disk: Disk) -> None:
    reasons: list[str] = []
    records = Records(cast("Any", disk), reasons.append)
    disk.full = True
    for index in range(5):
        records.write({"index": index})
    assert records.close() == 5
    assert records.dropped == 2
    assert reasons == ["[Errno 28] No space left on device"]


def test_rows_that_gave_way_stay_counted_once_there_is_room(disk: Disk) -> None:
    records = Records(cast("Any", disk), lambda _: None)
    disk.full = True
    for index in range(4):
        records.write({"index": index})
    disk.full = False
    records.write({"index": 4})
    assert records.close() == 1
    assert [row["index"] for row in disk.rows] == [1, 2, 3, 4]


def test_rows_that_waited_and_were_written_are_not_lost(disk: Disk) -> None:
    records = Records(cast("Any", disk), lambda _: None)
    disk.full = True
    for index in range(3):
        records.write({"index": index})
    disk.full = False
    assert records.close() == 0
    assert len(disk.rows) == 3
