"""The manifest of a result directory: what was run.

Results of earlier releases stay readable: missing keys have defaults, and unknown keys are kept, so that a report
shows them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from aging.core.errors import ResultsError
from aging.core.quantities import parse_duration
from aging.store.manifest_file import manifest_content


class _Part(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True, populate_by_name=True, protected_namespaces=())

    def as_json(self) -> dict[str, Any]:
        """Its JSON: the keys that were given, known or not."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


class LoadClass(_Part):
    """One class of a load with several."""

    name: str = ""
    objectives: Mapping[str, str | float | None] | None = None


class Load(_Part):
    """A `[load]` table with its defaults filled in; its other keys are kept as they are."""

    timeout: str | float = 0.0
    objectives: Mapping[str, str | float | None] | None = None
    classes: Sequence[LoadClass] = Field(default=(), alias="class")

    @property
    def timeout_seconds(self) -> float:
        """How long a request may take."""
        return parse_duration(self.timeout) if isinstance(self.timeout, str) else self.timeout


class Analysis(_Part):
    """The `[analysis]` table: seconds of the grid, the rate of false discoveries, the trend test, the outlook."""

    grid_seconds: float = 0.0
    q: float = 0.1
    test: str = ""
    horizon_seconds: float = 30 * 86_400.0
    memory_limit_bytes: int | float | None = None


class CampaignSettings(_Part):
    """The campaign with every default filled in; durations in seconds say so in their names."""

    name: str
    description: str = ""
    seed: int | None = None
    replicas: int = 1
    duration_seconds: float = 0.0
    warmup_seconds: float | None = None
    cooldown_seconds: float = 0.0
    orphan_grace_seconds: float | None = None
    order: str | None = None
    settle_seconds: float = 0.0
    retries: int = 0
    sanity_seconds: float = 0.0
    scale: float | None = None
    load: Load | None
    sampling_seconds: Mapping[str, float] = {}
    analysis: Analysis = Analysis()
    validity: Mapping[str, Any] = {}
    rejuvenation: Sequence[Mapping[str, Any]] | Mapping[str, Any] | None = None

    @property
    def rejuvenation_tables(self) -> Sequence[Mapping[str, Any]]:
        """Its `[[rejuvenation]]` tables; release 0.2 wrote one table, or null."""
        given = self.rejuvenation
        return () if given is None else (given,) if isinstance(given, Mapping) else given


class Treatment(_Part):
    """The treatment that a designed experiment gave a deployment."""

    base: str
    point: int
    centre: bool = False
    levels: Mapping[str, Any] = {}
    load: Load | None = None


class KnownAgeing(_Part):
    """The configured leak of a control, in the indicator's unit per request and per hour."""

    indicator: str
    per_request: float = 0.0
    per_hour: float = 0.0


class Checkout(_Part):
    """A checked-out git repository: ``changed`` where a tracked file differed from the commit, null if not known."""

    folder: str = ""
    commit: str = ""
    changed: bool | None = None


class ManifestDeployment(_Part):
    """One deployment as it was run; keys of its kind are kept unchanged.

    ``python`` and ``packages`` are of the interpreter that serves; ``git`` is the checkout that the server is run from.
    """

    name: str
    kind: str = ""
    command: Sequence[str] = ()
    model: str | None = None
    endpoint: str | None = None
    options: Mapping[str, Any] = {}
    treatment: Treatment | None = None
    known_ageing: KnownAgeing | None = None
    git: Checkout | None = None
    python: str | None = None
    packages: Mapping[str, str] = {}


class Host(_Part):
    """The host."""

    name: str = ""
    cpu: str = ""
    kernel: str = ""
    libc: str = ""
    memory_limit_bytes: int | float | None = None
    open_files_limit: int | float | None = None


class Manifest(_Part):
    """``manifest.json``.

    ``campaign_sha256`` is of the bytes of ``campaign.toml``. ``git`` is the checkout that `aging` itself ran from, null
    where it was installed.
    """

    schema_version: Literal[1] = Field(default=1, alias="schema")
    smoke: bool = False
    aging_version: str | None = None
    git: Checkout | None = None
    campaign_sha256: str | None = None
    command_line: Sequence[str] = ()
    python: str = ""
    campaign: CampaignSettings
    experiment: Mapping[str, Any] | None = None
    seed: int
    schedule_hashes: Mapping[str, str]
    load_files: Sequence[Mapping[str, Any]] = ()
    deployments: Sequence[ManifestDeployment]
    host: Host = Host()
    devices: Sequence[Mapping[str, Any]] = ()
    packages: Mapping[str, str] = {}

    def deployment(self, name: str) -> ManifestDeployment | None:
        """The deployment of this name."""
        return next((one for one in self.deployments if one.name == name), None)

    def load_of(self, name: str) -> Load | None:
        """The load of a deployment; in a designed experiment that of its point. None without load."""
        made = self.deployment(name)
        treatment = None if made is None else made.treatment
        return self.campaign.load if treatment is None else treatment.load


def checked(content: Mapping[str, Any], path: Path) -> Manifest:
    """The manifest that the file at ``path`` holds. Raises ResultsError."""
    try:
        return Manifest.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ResultsError(f"{path}: {where}: {first['msg']}: it was not written by `aging run`") from None


def read_manifest(path: Path) -> Manifest:
    """The manifest in this file. Raises ResultsError."""
    return checked(manifest_content(path), path)
