"""The contract of a rejuvenation policy, which decides when a server is restarted.

The action (``restart``) is carried out by ``aging.runner.rejuvenator``: drain, SIGTERM, relaunch,
ready. The load client holds arrivals during that time and loses none.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, Generic, TypeVar

from aging.campaign.schema import RejuvenationOptions

ENTRY_POINT_GROUP = "aging.rejuvenation"

O = TypeVar("O", bound=RejuvenationOptions)  # noqa: E741


class Policy(ABC, Generic[O]):
    """Decides when one generation ends; each generation has a new instance."""

    kind: ClassVar[str]
    options_table: ClassVar[type[RejuvenationOptions]]

    def __init__(self, options: O) -> None:
        self.options = options

    @property
    def indicators(self) -> Sequence[str]:
        """The indicators that it uses; without readings of them it never fires."""
        return ()

    def observe(self, age: float, values: Mapping[str, float]) -> None:
        """Take readings by indicator, ``age`` seconds after the generation was ready."""

    @abstractmethod
    def reason(self, age: float) -> str | None:
        """The reason to rejuvenate now, or None; called about once per second."""
