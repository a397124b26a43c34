"""Damage to directories that campaigns have left: each function is a kind, and does it to a copy."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Literal

from aging.store.sealing import seal

Base = Literal["killed", "completed"]
"""``killed``: in the middle of its load, with its servers, and its time has passed. ``completed``: sealed, analyzed."""


@dataclass(frozen=True)
class Damage:
    """``hurt`` does it and says to what. ``opens``: the directory can still be analyzed; otherwise it is refused."""

    name: str
    rounds: int
    base: Base
    hurt: Callable[[Path, Random], str]
    opens: bool = True


DAMAGES: list[Damage] = []


def damage(
    name: str, rounds: int, *bases: Base, opens: bool = True
) -> Callable[[Callable[[Path, Random], str]], Callable[[Path, Random], str]]:
    """Have a function be a kind of damage to copies of these."""

    def known(hurt: Callable[[Path, Random], str]) -> Callable[[Path, Random], str]:
        DAMAGES.extend(
            Damage(f"{name} ({base})" if len(bases) > 1 else name, rounds, base, hurt, opens) for base in bases
        )
        return hurt

    return known


def _cut(path: Path, rng: Random) -> str:
    content = path.read_bytes()
    last = content.rstrip(b"\n").rfind(b"\n") + 1
    at = rng.randrange(last + 1, len(content))
    path.write_bytes(content[:at])
    return f"{path.name} cut {len(content) - at} bytes before its end"


def _garbled(path: Path, rng: Random) -> str:
    content = path.read_bytes()
    last = content.rstrip(b"\n").rfind(b"\n") + 1
    path.write_bytes(content[:last] + rng.randbytes(len(content) - last - 1) + b"\n")
    return f"the last line of {path.name} is random bytes"


def _nulled(path: Path, rng: Random) -> str:
    content = path.read_bytes()
    count = rng.randrange(1, 4096)
    path.write_bytes(content + bytes(count))
    return f"{count} NUL bytes after {path.name}"


def _spoilt(path: Path, rng: Random) -> str:
    """A block in the middle."""
    content = path.read_bytes()
    size = min(rng.choice((512, 4096)), len(content) // 2)
    at = rng.randrange(len(content) // 4, len(content) - size)
    block = rng.choice((bytes(size), rng.randbytes(size)))
    path.write_bytes(content[:at] + block + content[at + size :])
    return f"{size} bytes at {at} of {path.name} overwritten"


def _of(root: Path, rng: Random, pattern: str) -> Path:
    return rng.choice(sorted(root.glob(pattern)))


SAMPLES = "*/r01/process/*.live.jsonl"
REQUESTS = "*/r01/requests/*.live.jsonl"
SEALED = "[cl]*/r01/[pr]*/*.parquet"


@damage("journal: last line cut", 3, "killed")
def journal_cut(root: Path, rng: Random) -> str:
    return _cut(root / "journal.jsonl", rng)


@damage("journal: last line garbled", 3, "killed")
def journal_garbled(root: Path, rng: Random) -> str:
    return _garbled(root / "journal.jsonl", rng)


@damage("journal: NUL bytes after its end", 3, "killed")
def journal_nulled(root: Path, rng: Random) -> str:
    return _nulled(root / "journal.jsonl", rng)


@damage("journal: its last lines gone", 4, "killed")
def journal_tail(root: Path, rng: Random) -> str:
    path = root / "journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    kept = rng.randrange(1, len(lines))
    path.write_bytes(b"".join(lines[:kept]))
    return f"{kept} of {len(lines)} lines are left"


@damage("journal: a line in the middle garbled", 4, "killed", "completed")
def journal_spoilt(root: Path, rng: Random) -> str:
    path = root / "journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    place = rng.randrange(1, len(lines) - 1)
    kind = json.loads(lines[place])["event"]
    lines[place] = rng.randbytes(len(lines[place]) - 1).replace(b"\n", b"x").replace(b"\r", b"x") + b"\n"
    path.write_bytes(b"".join(lines))
    return f"line {place + 1} of {len(lines)} ({kind})"


@damage("journal: empty", 2, "killed", "completed", opens=False)
def journal_empty(root: Path, rng: Random) -> str:
    (root / "journal.jsonl").write_bytes(bytes(rng.choice((0, 3000))))
    return "the journal holds nothing"


@damage("journal: missing", 2, "killed", "completed", opens=False)
def journal_missing(root: Path, _: Random) -> str:
    (root / "journal.jsonl").unlink()
    return "the journal is missing"


@damage("samples: last line cut", 3, "killed")
def samples_cut(root: Path, rng: Random) -> str:
    return _cut(_of(root, rng, SAMPLES), rng)


@damage("samples: last line garbled", 3, "killed")
def samples_garbled(root: Path, rng: Random) -> str:
    return _garbled(_of(root, rng, SAMPLES), rng)


@damage("samples: NUL bytes after their end", 3, "killed")
def samples_nulled(root: Path, rng: Random) -> str:
    return _nulled(_of(root, rng, SAMPLES), rng)


@damage("samples: a block in the middle", 4, "killed")
def samples_spoilt(root: Path, rng: Random) -> str:
    return _spoilt(_of(root, rng, "[cl]*/r01/process/*.live.jsonl"), rng)


@damage("requests: last line cut", 3, "killed")
def requests_cut(root: Path, rng: Random) -> str:
    return _cut(_of(root, rng, REQUESTS), rng)


@damage("requests: last line garbled", 3, "killed")
def requests_garbled(root: Path, rng: Random) -> str:
    return _garbled(_of(root, rng, REQUESTS), rng)


@damage("requests: a block in the middle", 4, "killed")
def requests_spoilt(root: Path, rng: Random) -> str:
    return _spoilt(_of(root, rng, REQUESTS), rng)


@damage("Parquet: cut, its live file gone", 5, "completed")
def parquet_cut(root: Path, rng: Random) -> str:
    path = _of(root, rng, SEALED)
    at = rng.randrange(0, path.stat().st_size)
    os.truncate(path, at)
    return f"{path.relative_to(root)} cut to {at} bytes"


@damage("Parquet: bytes changed", 5, "completed")
def parquet_changed(root: Path, rng: Random) -> str:
    path = _of(root, rng, SEALED)
    content = bytearray(path.read_bytes())
    at = rng.randrange(4, len(content) - 8)
    size = rng.choice((1, 16, 512))
    content[at : at + size] = rng.randbytes(len(content[at : at + size]))
    path.write_bytes(bytes(content))
    return f"{size} bytes at {at} of {path.relative_to(root)}"


@damage("Parquet: half-written beside its live file", 3, "killed")
def parquet_half(root: Path, rng: Random) -> str:
    live = _of(root, rng, rng.choice((SAMPLES, REQUESTS)))
    content = live.read_bytes()
    sealed = seal(live)
    assert sealed is not None
    live.write_bytes(content)
    at = rng.randrange(0, sealed.stat().st_size)
    os.truncate(sealed, at)
    return f"{sealed.relative_to(root)} cut to {at} bytes"


@damage("Parquet and live file both there", 3, "killed")
def both(root: Path, rng: Random) -> str:
    live = _of(root, rng, rng.choice((SAMPLES, REQUESTS)))
    content = live.read_bytes()
    seal(live)
    live.write_bytes(content)
    return str(live.relative_to(root))


@damage("a temporary file of a seal left", 2, "killed", "completed")
def temporary(root: Path, rng: Random) -> str:
    folder = _of(root, rng, "*/r01/process")
    left = folder / f"20261121T00.parquet.{rng.randrange(2, 30000)}.tmp"
    left.write_bytes(b"PAR1" + rng.randbytes(rng.randrange(0, 5000)))
    return left.name


_KILLED_SEAL = """
import os, signal, sys
from pathlib import Path
import pyarrow.parquet as pq
from aging.store import sealing
calls = 0
def counted(function):
    def call(*arguments, **keywords):
        global calls
        if calls == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
        calls += 1
        return function(*arguments, **keywords)
    return call
pq.write_table, os.fsync = counted(pq.write_table), counted(os.fsync)
Path.replace, Path.unlink = counted(Path.replace), counted(Path.unlink)
sealing.seal_tree(Path(sys.argv[1]))
"""


@damage("a seal killed at one of its steps", 8, "killed")
def seal_killed(root: Path, rng: Random) -> str:
    step = rng.randrange(45)  # five calls a file
    ran = subprocess.run([sys.executable, "-c", _KILLED_SEAL, str(root), str(step)], check=False, timeout=60)
    assert ran.returncode in (-signal.SIGKILL, 0), ran.returncode
    return f"before its {step + 1}th call that changes the disk"


@damage("manifest.json: missing", 2, "killed", "completed", opens=False)
def manifest_missing(root: Path, _: Random) -> str:
    (root / "manifest.json").unlink()
    return "the manifest is missing"


@damage("manifest.json: cut", 2, "killed", "completed", opens=False)
def manifest_cut(root: Path, rng: Random) -> str:
    path = root / "manifest.json"
    at = rng.randrange(0, path.stat().st_size - 2)
    os.truncate(path, at)
    return f"cut to {at} bytes"


@damage("manifest.json: not text", 2, "killed", "completed", opens=False)
def manifest_garbled(root: Path, rng: Random) -> str:
    (root / "manifest.json").write_bytes(b"\xff\xfe" + rng.randbytes(2000))
    return "random bytes"


@damage("manifest.json: unknown schema version", 2, "killed", "completed", opens=False)
def manifest_unknown(root: Path, rng: Random) -> str:
    path = root / "manifest.json"
    version = rng.choice((0, 2, 99, "1", None))
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema": version}))
    return f"schema {version!r}"


@damage("campaign.toml: missing", 2, "killed", "completed")
def campaign_missing(root: Path, _: Random) -> str:
    (root / "campaign.toml").unlink()
    return "the campaign file is missing"


@damage("campaign.toml: unknown schema version", 2, "killed", "completed")
def campaign_unknown(root: Path, rng: Random) -> str:
    path = root / "campaign.toml"
    version = rng.choice((0, 2, 99))
    path.write_text(path.read_text().replace("schema = 1", f"schema = {version}"))
    return f"schema {version}"


@damage("campaign.toml: not text", 2, "killed", "completed")
def campaign_garbled(root: Path, rng: Random) -> str:
    (root / "campaign.toml").write_bytes(b"\xff\xfe" + rng.randbytes(500))
    return "random bytes"


@damage("findings.json: unknown schema version, or damaged", 3, "completed")
def findings_damaged(root: Path, rng: Random) -> str:
    path = root / "findings.json"
    how = rng.choice(("version", "cut", "bytes"))
    if how == "version":
        path.write_text(json.dumps(json.loads(path.read_text()) | {"schema": 99}))
    elif how == "cut":
        os.truncate(path, rng.randrange(0, path.stat().st_size))
    else:
        path.write_bytes(b"\xff" + rng.randbytes(300))
    return how


@damage("lock: garbled", 2, "killed", "completed")
def lock_garbled(root: Path, rng: Random) -> str:
    (root / "lock").write_bytes(rng.choice((b"", b"{}", rng.randbytes(40))))
    return "the lock's file"
