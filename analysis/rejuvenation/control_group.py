"""A server that exhausts a real control group, in real time: the kernel kills it under ``never``, not under the others.

Needs root, or a control group that may be written. The server leaks 2 MB a second into a group of 128 MiB; the
policies learn the limit from the kernel::

    python -m analysis.rejuvenation.control_group --write    # about 3 minutes a policy
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aging.store.events import DeploymentDied
from aging.store.results import open_results
from analysis import ROOT
from analysis.rejuvenation.accounting import failures
from analysis.rejuvenation.trial import LOAD, SEED, TOKEN_SECONDS, aging, completed, written

TABLE = ROOT / "docs" / "tables" / "control_group.md"
LIMIT_BYTES = 128 * 2**20
SECONDS, RATE, LEAK_BYTES = 150, 10.0, 200_000

POLICIES: Mapping[str, Mapping[str, object]] = {
    "never": {},
    "threshold": {"indicator": "process_anon_swap_bytes", "above": "80%", "window": "3s"},
    "trend": {"within": "30s", "watch": f"{SECONDS}s", "lead": "15s"},
    "cost-optimal": {"limit": "100MiB", "cost_restart": 1, "cost_crash": 20},
}
"""Keys of the policies, by their kind."""

_V2, _V1 = Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/memory")
_NAME = "server"


@dataclass(frozen=True, slots=True)
class Lived:
    """What came of one campaign: how its server died, if it did, rejuvenations, requests, and those that failed."""

    death: str | None
    rejuvenations: int
    requests: int
    failed: int


@contextlib.contextmanager
def limited_group() -> Iterator[Path]:
    """A new control group with the limit, of either version; it is removed in the end. Raises OSError."""
    unified = (_V2 / "cgroup.controllers").exists()
    group = (_V2 if unified else _V1) / f"aging-study-{os.getpid()}"
    group.mkdir()
    try:
        (group / ("memory.max" if unified else "memory.limit_in_bytes")).write_text(f"{LIMIT_BYTES}")
        yield group
    finally:
        group.rmdir()


def campaign_text(policy: str, group: Path) -> str:
    """The campaign file: the server's command enters the group, then becomes the server."""
    server = (
        f"{sys.executable} -m aging.deployments.reference_server --port {{port}} --token-seconds {TOKEN_SECONDS} "
        f"--leak-bytes-per-request {LEAK_BYTES}"
    )
    tables: Mapping[str, Mapping[str, object]] = {
        "load": {"arrivals": {"kind": "poisson", "rate": RATE}, **LOAD},
        "sampling": {"process": "1s", "cgroup": "1s", "limits": "1s"},
        "rejuvenation": {"policy": policy, "distance": "5s", "budget": 100, **POLICIES[policy]},
    }
    lines = ["schema = 1", 'name = "control-group"', f"seed = {SEED}", f'duration = "{SECONDS}s"']
    for name, keys in tables.items():
        lines += [f"[{name}]", *(f"{key} = {written(value)}" for key, value in keys.items())]
    command = f"echo $$ > {group}/cgroup.procs; exec {server}"
    lines += ["[[deployment]]", f'name = "{_NAME}"', 'kind = "command"', 'verify = "reference"']
    return "\n".join([*lines, f'command = ["sh", "-c", "{command}"]']) + "\n"


def lived(policy: str, group: Path, folder: Path) -> Lived:
    """Run the campaign."""
    folder.mkdir(parents=True)
    file = folder / "campaign.toml"
    file.write_text(campaign_text(policy, group))
    completed(aging("run", file, "--results", folder), folder / "log")
    (journal,) = folder.glob("*/*/journal.jsonl")
    results = open_results(journal.parent)
    kinds = Counter(event.kind for event in results.events)
    death = next((event.why for event in results.events if isinstance(event, DeploymentDied)), None)
    records = results.requests(_NAME)
    return Lived(death, kinds["rejuvenation_completed"], len(records), sum(failures(records).values()))


def report(found: Mapping[str, Lived], command: str) -> Iterator[str]:
    """The table."""
    yield "# A server that exhausts its control group"
    yield ""
    leak = f"{RATE * LEAK_BYTES / 1e6:g} MB a second"
    yield f"{time.strftime('%Y-%m-%d')}, `{command}`. A real server leaks {leak} into a control group of"
    yield f"{LIMIT_BYTES // 2**20} MiB for {SECONDS} s; every answer is verified."
    yield ""
    yield "| policy | rejuvenations | requests | failed | death |"
    yield "|---|--:|--:|--:|---|"
    for policy, one in found.items():
        yield f"| `{policy}` | {one.rejuvenations} | {one.requests:,} | {one.failed} | {one.death or 'none'} |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the campaigns one after the other, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=POLICIES, help="this policy; may be repeated")
    parser.add_argument("--write", action="store_true", help=f"write docs/tables/{TABLE.name} beside printing it")
    options = parser.parse_args(arguments)
    found: dict[str, Lived] = {}
    with tempfile.TemporaryDirectory() as folder:
        for policy in options.only or POLICIES:
            try:
                with limited_group() as group:
                    found[policy] = lived(policy, group, Path(folder) / policy)
            except PermissionError as error:
                parser.error(f"no control group can be made: {error}; run it as root")
            print(f"{policy}: {found[policy]}", file=sys.stderr, flush=True)
    text = "\n".join(report(found, "python -m analysis.rejuvenation.control_group")) + "\n"
    print(text)
    if options.write:
        TABLE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
