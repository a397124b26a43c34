"""The paths of a study's folder.

::

    results/<study>/<UTC start>/
      study.toml  campaign.toml        as they were given; a campaign run as a study has no study.toml
      study.json                       cells, their levels, campaign texts and hashes; versions
      files/                           the input files, for attempts that begin later
      ledger.jsonl  lock               what happened to every cell; the process that runs the study
      cells/<cell>/<attempt>/          the result directory of one attempt, as it is collected
      findings.json  report.html       of the whole study
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

STORE_LOG = ".log"
"""The folder of a study in a store that has its ledger, in pieces."""


@dataclass(frozen=True, slots=True)
class StudyLayout:
    """The paths of one study."""

    root: Path

    @property
    def study(self) -> Path:
        return self.root / "study.toml"

    @property
    def campaign(self) -> Path:
        return self.root / "campaign.toml"

    @property
    def plan(self) -> Path:
        """The cells: written once, before the first is started."""
        return self.root / "study.json"

    @property
    def files(self) -> Path:
        return self.root / "files"

    @property
    def ledger(self) -> Path:
        return self.root / "ledger.jsonl"

    @property
    def cells(self) -> Path:
        return self.root / "cells"

    @property
    def findings(self) -> Path:
        return self.root / "findings.json"

    @property
    def report(self) -> Path:
        return self.root / "report.html"

    def attempt(self, cell: str, number: int) -> Path:
        """The result directory of one attempt."""
        return self.cells / cell / f"a{number:02d}"

    @property
    def in_store(self) -> bool:
        """Whether this folder is the copy of a study in a store: its ledger lies there in pieces."""
        return (self.root / STORE_LOG).is_dir() and not self.ledger.exists()

    @property
    def exists(self) -> bool:
        """Whether this folder is a study's."""
        return os.path.isfile(self.plan)  # also False for a name that no file can have
