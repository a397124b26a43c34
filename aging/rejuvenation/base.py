"""Rejuvenation: policies, one a file, that say when; the base contract.

The action (``restart``) is carried out by ``aging.runner.rejuvenator``: drain, SIGTERM, relaunch,
ready; the load client holds arrivals meanwhile and loses none.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, Generic, TypeVar

from aging.campaign.schema import RejuvenationOptions

ENTRY_POINT_GROUP = "aging.rejuvenation"

O = TypeVar("O", bound=RejuvenationOptions)  # noqa: E741


class Policy(ABC, Generic[O]):
    """Watches one generation and decides whether it is to be ended; the next generation gets a new policy."""

    kind: ClassVar[str]
    options_table: ClassVar[type[RejuvenationOptions]]

    def __init__(self, options: O) -> None:
        self.options = options

    @property
    def indicators(self) -> Sequence[str]:
        """The indicators that it decides by; without readings of them it never fires."""
        return ()

    def observe(self, age: float, values: Mapping[str, float]) -> None:
        """Take indicators by name, read ``age`` seconds after this generation was ready."""

    @abstractmethod
    def reason(self, age: float) -> str | None:
        """Why to rejuvenate now, or None; asked about once a second."""
