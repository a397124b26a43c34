"""Records servers, healthy and leaking, in two hours: ``RECORDINGS_TOOLS=TOOLS python -m analysis.recordings RAW``.

Before: ``python -m analysis.recordings.build TOOLS``. After: ``python -m analysis.recordings.pack RAW``.
The healthy waves run all at once, beside them one wave of leaks after the other.
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from analysis.recordings.plan import WAVES
from analysis.recordings.programs import Server
from analysis.recordings.record import record_all


def _chosen(wave: str, parts: list[str]) -> list[Server]:
    return [server for server in WAVES[wave] if not parts or any(part in server.name for part in parts)]


async def _record(told: argparse.Namespace) -> None:
    async def wave(servers: list[Server]) -> None:
        minutes = {server.name: told.minutes or server.minutes for server in servers}
        await record_all(servers, told.folder, minutes, told.stagger)

    async def one_after_the_other() -> None:
        for name in told.waves:
            if name.startswith("leak"):
                await wave(_chosen(name, told.only))

    healthy = [server for name in told.waves if name.startswith("healthy") for server in _chosen(name, told.only)]
    await asyncio.gather(wave(healthy), one_after_the_other())


def main() -> None:
    """Record the waves."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="of the raw recordings, written every second")
    parser.add_argument("--waves", nargs="+", default=list(WAVES), choices=list(WAVES))
    parser.add_argument("--only", nargs="+", default=[], help="names of recordings, or parts of names")
    parser.add_argument("--minutes", type=float, help="instead of the plan's")
    parser.add_argument("--stagger", type=float, default=0.7, help="seconds between starts")
    told = parser.parse_args()
    told.folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(_record(told))


if __name__ == "__main__":
    main()
