"""Damaged files: at most an error that says what is wrong, never a traceback, never long."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest

from aging.core.errors import MistakesError
from aging.tables.choice import Choice
from aging.tables.reader import read
from tests.tables.generated import SHAPES, TIMES, VALUES, make

LONGEST_SECONDS = 5.0
PROMETHEUS = (
    b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"rss","pod":"a"},'
    b'"values":[[1785542400,"1"],[1785542460,"2"],[1785542520,"NaN"]]}]}}'
)
CHOICES = (
    *(Choice(), Choice(), Choice(every=60.0), Choice(time="1"), Choice(columns=("2",)), Choice(per="1")),
    *(Choice(time_unit=3600.0), Choice(timezone="Europe/Berlin"), Choice(load_start="5"), Choice(decimal=",")),
    *(Choice(time_format="%d/%m/%Y"), Choice(load_start="2026-08-14T23:00"), Choice(load_start="23:00:00")),
)


def damaged(content: bytes, rng: Random) -> bytes:
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        at, length = rng.randrange(len(content) + 1), rng.choice((1, 1, 2, 10, 100))
        kind = rng.randrange(7)
        if kind == 0:
            content = content[:at] + content[at + length :]
        elif kind == 1:
            content = content[:at] + bytes(rng.randrange(256) for _ in range(length)) + content[at:]
        elif kind == 2:
            content = (
                content[:at] + rng.choice(b'\x00\n\r,;\t"|#{}[]=:/-. \xff%eE0').to_bytes(1, "big") + content[at + 1 :]
            )
        elif kind == 3:
            content = content[:at] + content[at : at + length] * 3 + content[at + length :]
        elif kind == 4:
            content = content[:at]
        elif kind == 5:
            lines = content.split(b"\n")
            rng.shuffle(lines)
            content = b"\n".join(lines)
        else:
            word = rng.choice(
                (b"nan", b"inf", b"1e999", b"9" * 400, b"99/99/9999", b"25:61:61", b"-", b"\xe2\x80\xaf", b"0")
            )
            content = content[:at] + word + content[at + len(word) :]
    return content


def assert_survived(seed: int, folder: Path) -> None:
    rng = Random(seed)
    if rng.random() < 0.05:
        content = PROMETHEUS
    else:
        kinds = (rng.choice(sorted(TIMES)), rng.choice(sorted(VALUES)), rng.choice(SHAPES))
        content = make(*kinds, rng.choice(("one", "interleaved", "stacked")), seed).content
    path = folder / "file"
    path.write_bytes(damaged(content, rng))
    begin = time.process_time()
    with suppress(MistakesError):
        reading = read(path, rng.choice(CHOICES))
        assert all(one.t.size == one.y.size for one in reading.series)
    assert time.process_time() - begin < LONGEST_SECONDS, seed


@pytest.mark.parametrize("block", [0, *(pytest.param(block, marks=pytest.mark.thorough) for block in (1, 2))])
def test_damaged_files(block: int) -> None:
    with TemporaryDirectory() as folder:
        for seed in range(100 * block, 100 * (block + 1)):
            assert_survived(seed, Path(folder))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_ten_thousand_damaged_files() -> None:
    with TemporaryDirectory() as folder:
        for seed in range(1000, 11_000):
            assert_survived(seed, Path(folder))
