"""Judges a smoke run, in a worker process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from aging.findings.smoke import verdicts, write_verdicts
from aging.store.results import open_results
from aging.store.sealing import seal_all


def seal_and_judge(job: Mapping[str, Any]) -> Mapping[str, Any]:
    """Seal and judge the smoke run of ``job["root"]``."""
    unsealed = seal_all(Path(job["root"]), tolerated=job["halted"])
    results = open_results(job["root"])
    found = verdicts(results)
    write_verdicts(found, results.layout.smoke)
    return {"unsealed": unsealed, "found": [asdict(verdict) for verdict in found]}
