"""Records: ``python -m analysis.recordings FOLDER --waves healthy leak1`` (all waves, an hour, without)."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from analysis.recordings.plan import WAVES
from analysis.recordings.record import record_all


def main() -> None:
    """Record the waves, all servers of all waves at once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--waves", nargs="+", default=list(WAVES), choices=list(WAVES))
    parser.add_argument("--only", nargs="+", default=[], help="names of servers (or parts of names)")
    parser.add_argument("--minutes", type=float, help="instead of the plan's")
    parser.add_argument("--stagger", type=float, default=0.7, help="seconds between starts")
    told = parser.parse_args()
    servers = [server for wave in told.waves for server in WAVES[wave]]
    if told.only:
        servers = [server for server in servers if any(part in server.name for part in told.only)]
    minutes = {server.name: told.minutes or server.minutes for server in servers}
    told.folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(record_all(servers, told.folder, minutes, told.stagger))


if __name__ == "__main__":
    main()
