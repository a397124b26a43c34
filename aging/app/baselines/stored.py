"""Stored baselines of result directories: one that another is judged against, and one that is written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aging.app.baselines.comparison import BaselineOptions
from aging.check.paired import pairs
from aging.check.request import GateRequest
from aging.check.stored_baseline import StoredBaseline, of_directory, read_baseline, save_baseline
from aging.core.errors import AgingError, require
from aging.findings.comparability import facts_of
from aging.store.manifest import Manifest, read_manifest


def stored_for_directory(root: Path, asked: BaselineOptions, request: GateRequest) -> StoredBaseline:
    """The baseline ``asked`` for, to judge the results in ``root`` against it. Raises AgingError if it cannot be."""
    path = Path(require(asked.baseline, "the baseline"))
    if path.suffix == ".toml" or not path.exists():
        raise AgingError(
            f"--baseline {path}: {root} has been measured, so nothing can run beside it; give a result directory, "
            "a findings.json or a file of --save-baseline"
        )
    manifest = read_manifest(root / "manifest.json")
    judged = judged_in(manifest, request)
    stored = read_baseline(path, judged, asked.wanted, asked.alpha, asked.beta)
    stored.require(judged, asked.wanted, facts_of(manifest, judged))
    return stored


def save_directory(path: Path, root: Path, asked: BaselineOptions, request: GateRequest) -> None:
    """Write the rates of the judged deployments of a result directory. Raises AgingError if one has none."""
    manifest = read_manifest(root / "manifest.json")
    judged = judged_in(manifest, request)
    rates = [one for one in asked.wanted if one[1] != "growth_total"]
    baseline = of_directory(root, judged, rates, asked.alpha, asked.beta)
    baseline.require(judged, rates, baseline.facts)
    save_baseline(path, baseline, manifest)


def judged_in(manifest: Manifest, request: GateRequest) -> Sequence[str]:
    """The deployments of a campaign that a request is about, as the gate chooses them."""
    baselines = pairs(manifest.deployments).values()
    free = [one.name for one in manifest.deployments if one.known_ageing is None and one.name not in baselines]
    return list(request.deployments) or free
