"""A server or other process that runs already: only sampled, never started, stopped or signalled."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field, field_validator, model_validator

from aging.campaign.schema import SubjectOptions
from aging.core.errors import AttachError
from aging.core.targets import EngineMetric
from aging.core.units import Duration
from aging.deployments.base import DeploymentBase, EndpointOptions, metrics_of
from aging.deployments.origins.attached import Attachment, LoadStart, Whereabouts, loaded_before

_URL = r"^https?://[^/]+/?$"


class AttachOptions(EndpointOptions, SubjectOptions):
    """The processes to sample (exactly one of `pid`, `process`, `container` and `cgroup`) and their address."""

    owned: ClassVar[bool] = False
    pid: int | None = Field(None, strict=True, gt=0, description="process id; its descendants are included")
    process: str | None = Field(
        None,
        min_length=1,
        description="regular expression that matches the command line of exactly one process without a "
        "matching ancestor",
    )
    container: str | None = Field(None, min_length=1, description="name or id of a running docker or podman container")
    cgroup: str | None = Field(
        None,
        min_length=1,
        description="control group, like `/system.slice/vllm.service`; all its processes are included",
    )
    url: str | None = Field(
        None, pattern=_URL, description="address of the server, like `http://127.0.0.1:8000`; required if there is load"
    )
    metrics: str | None = Field(
        None, pattern="^https?://", description="address of its Prometheus metrics; none by default"
    )
    returns_within: Duration | None = Field(
        None,
        gt=0,
        description="how long to wait for the next process after its end, where it is found by `process`, `container` "
        "or `cgroup` and the campaign sends no load; without it, to the end of the run",
    )
    load_start: LoadStart = Field(
        "process",
        description="if the campaign sends no load, the start of the time base for sustained growth: the start of "
        'the process, the start of sampling (`"now"`), or how long before that (`"3h"`)',
    )

    @field_validator("load_start")
    @classmethod
    def _is_start(cls, load_start: str) -> str:
        loaded_before(load_start)
        return load_start

    @field_validator("process")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        try:
            re.compile(pattern or "")
        except re.error as error:
            raise ValueError(f"{pattern!r} is not a regular expression: {error}") from None
        return pattern

    @model_validator(mode="after")
    def _one_place(self) -> AttachOptions:
        given = [by for by in ("pid", "process", "container", "cgroup") if getattr(self, by) is not None]
        if len(given) != 1:
            raise ValueError(f"needs exactly one of `pid`, `process`, `container` and `cgroup`, got {len(given)}")
        return self

    @property
    def answers(self) -> bool:
        return self.url is not None

    def whereabouts(self) -> Whereabouts:
        """The selector in the file."""
        return Whereabouts.given(pid=self.pid, process=self.process, container=self.container, cgroup=self.cgroup)


class Attach(DeploymentBase[AttachOptions]):
    """An attached server."""

    kind = "attach"
    options_table = AttachOptions
    needs_model = False

    def origin(self) -> Attachment:
        o = self.options
        endpoint = None if o.url is None else o.endpoint(o.url.rstrip("/"), self.model)
        patience = math.inf if o.returns_within is None else o.returns_within
        return Attachment(o.whereabouts(), endpoint, o.metrics, o.load_start, patience)

    @property
    def essential_key(self) -> str:
        return self.options.whereabouts().by

    def common_metrics(self) -> Mapping[str, EngineMetric]:
        return metrics_of(self.options.engine)

    def missing(self) -> str | None:
        try:
            self.options.whereabouts().find()
        except AttachError as error:
            return str(error)
        return None
