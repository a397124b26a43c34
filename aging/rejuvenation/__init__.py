"""Rejuvenation: policies, one a file, that say when; the base contract.

The action (``restart``) is carried out by the runner: drain, SIGTERM, relaunch,
ready; the load client holds arrivals meanwhile and loses none.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from aging.campaign.schema import RejuvenationOptions

O = TypeVar("O", bound=RejuvenationOptions)  # noqa: E741


@dataclass(frozen=True, slots=True)
class Observed:
    """One moment of a deployment: monotonic seconds and its indicators by name."""

    mono: float
    values: Mapping[str, float]


class Policy(ABC, Generic[O]):
    """Decides, about once a second, whether a generation is to be ended."""

    kind: ClassVar[str]
    options_table: ClassVar[type[RejuvenationOptions]]

    def __init__(self, options: O) -> None:
        self.options = options

    @abstractmethod
    def reason(self, age: float, recent: Sequence[Observed]) -> str | None:
        """Why to rejuvenate now, or None.

        ``age`` is seconds since this generation was ready; ``recent`` its latest
        observations, oldest first, never of an earlier generation.
        """
