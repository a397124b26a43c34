"""The paths of a result directory.

::

    results/<campaign>/<UTC start>/
      campaign.toml  manifest.json  journal.jsonl  lock  (runner.log of a detached one; gate.json of an observation)
      <deployment>/r01/<source>/<UTC hour>.live.jsonl | .parquet
      <deployment>/r01/logs/<generation>.log
      <deployment>/r01-2/…          the second attempt at a run that ended broken
      _harness/r01/…            the harness, the host and the devices
      _bodies/…                 the body files of plain requests, as they were at the start
      findings.json  report.html   smoke.json  gate.svg
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

REQUESTS = "requests"
"""The source that the load process writes."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of one result directory.

    A repeated run has one folder per attempt; ``attempts`` selects the attempt, by deployment and replica (default: the
    first).
    """

    root: Path
    attempts: Mapping[tuple[str, int], int] = field(default_factory=dict, hash=False)

    @property
    def campaign(self) -> Path:
        return self.root / "campaign.toml"

    @property
    def manifest(self) -> Path:
        return self.root / "manifest.json"

    @property
    def journal(self) -> Path:
        return self.root / "journal.jsonl"

    @property
    def runner_log(self) -> Path:
        """The output of a detached runner."""
        return self.root / "runner.log"

    @property
    def gate(self) -> Path:
        """The conditions that ``aging observe`` was given, for the runner that resumes it."""
        return self.root / "gate.json"

    @property
    def gate_plot(self) -> Path:
        """The series that ``aging check`` judged."""
        return self.root / "gate.svg"

    @property
    def bodies(self) -> Path:
        """The body files of the load's plain requests."""
        return self.root / "_bodies"

    @property
    def findings(self) -> Path:
        return self.root / "findings.json"

    @property
    def report(self) -> Path:
        return self.root / "report.html"

    @property
    def smoke(self) -> Path:
        return self.root / "smoke.json"

    def run(self, owner: str, replica: int = 1) -> Path:
        attempt = self.attempts.get((owner, replica), 1)
        return self.root / owner / (f"r{replica:02d}" if attempt == 1 else f"r{replica:02d}-{attempt}")

    def source(self, owner: str, source: str, replica: int = 1) -> Path:
        return self.run(owner, replica) / source

    def log(self, deployment: str, generation: int, replica: int = 1) -> Path:
        return self.run(deployment, replica) / "logs" / f"{generation}.log"

    def owners(self) -> Iterator[str]:
        """Names of the folders with data: deployments and the harness."""
        for folder in sorted(self.root.iterdir()):
            if folder.is_dir() and any(folder.glob("r[0-9][0-9]*")):
                yield folder.name
