"""The keys of a study file. ``docs/study.md`` has the table that is generated from their descriptions.

A file with the key ``campaign`` is a study file.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from aging.campaign.schema import Table
from aging.core.units import Duration, Flag, Size

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=64)]


class HostsTable(Table):
    """Which hosts may run cells, and what a cell takes of one."""

    count: int | None = Field(None, ge=1, description="most hosts used at a time; default: every one that fits")
    labels: dict[str, str] = Field({}, description="labels that a host must have, as the cluster has them")
    accelerator: str | None = Field(None, description="type of GPU that a host must have, like `H100`")
    gpus: int | None = Field(None, ge=0, description="number of GPUs that a host must have at least")
    memory: Size | None = Field(None, description="memory that a host must have at least, like `64GiB`")
    driver: str | None = Field(None, description="NVIDIA drivers that a host may have, like `>=550,<560`")
    alike: tuple[str, ...] = Field(
        (), description="facts in which all hosts must agree, of `driver`, `gpu`, `cpu`, `kernel`, `python`, `packages`"
    )
    exclusive: Flag = Field(True, description="whether a cell takes the whole host; false: only `cpus` and `devices`")
    cpus: float = Field(1.0, gt=0, description="CPUs that a cell takes where it shares its host")
    devices: int = Field(0, ge=0, description="GPUs that a cell takes where it shares its host; no other cell has them")
    apart: Flag = Field(True, description="whether replicates of one combination must run on different hosts")
    scratch: str = Field(
        "~/.cache/aging/studies", min_length=1, description="folder on every host in which its cells are written"
    )


class StudyFile(Table):
    """A study file."""

    name: Name = Field(description="name of the study, and of its folder of results")
    description: str = Field("", description="a line of text for reports")
    campaign: str = Field(min_length=1, description="campaign file of every cell, relative to this file")
    seed: int = Field(0, ge=0, description="seed of the random assignment of cells to hosts")
    replicates: int = Field(1, ge=1, le=10_000, description="cells per combination of levels, on different hosts")
    attempts: int = Field(
        3,
        ge=1,
        le=100,
        description="most attempts at one cell, the first included; as many again when a study is resumed whose cell "
        "was given up",
    )
    patience: Duration = Field(
        600.0, ge=0, description="how long a lost host may take to return before its cell is begun again elsewhere"
    )
    files: tuple[str, ...] = Field(
        (), description="further files that the campaign reads, relative to this file; copied to every host"
    )
    results: str | None = Field(
        None, description="folder of results, or a URL of a store such as `s3://bucket/folder`; default: `results`"
    )
    matrix: dict[str, tuple[Any, ...]] = Field(
        {},
        description="levels by key path of the campaign file, like `deployment[vllm].packages` or `sampling.process`",
    )
    hosts: HostsTable = Field(default_factory=HostsTable, description="which hosts may run cells")
