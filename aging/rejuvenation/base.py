"""The contract of a rejuvenation policy, which decides when the present generation of a server has served long enough.

A policy is asked about once a second, by a campaign, by the guard of a live server, or by the replay of a recorded
series; it takes its time from the caller alone. What is then done is the action of its table.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Self, TypeVar

from aging.campaign.errors import suggestion
from aging.campaign.schema import RejuvenationOptions

ENTRY_POINT_GROUP = "aging.rejuvenation"


@dataclass(frozen=True, slots=True)
class Moment:
    """When a policy is asked: ``age`` in seconds since the generation was ready, ``wall`` in UNIX seconds."""

    age: float
    wall: float = 0.0


@dataclass(frozen=True, slots=True)
class Decision:
    """A policy's decision to rejuvenate now, with the numbers that made it, by name with unit (``limit_bytes``).

    An ``urgent`` one does not wait for a trough of the load or for the minimum distance: the limit is reached, or would
    be before the wait is over.
    """

    reason: str
    numbers: Mapping[str, float] = field(default_factory=dict)
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How long an earlier generation served, in seconds; ``failed`` if it died, else it was ended before it could."""

    seconds: float
    failed: bool


@dataclass(frozen=True, slots=True)
class Subject:
    """The server that a policy decides about.

    It is number ``index`` (from 0) of the ``count`` servers of the same table. ``generation`` counts its starts from 1;
    ``lifetimes`` are those of its earlier generations. ``limits`` are the most that an indicator may reach, by
    indicator, where the campaign or the user names it; limits that the kernel sets are among the readings.
    """

    index: int = 0
    count: int = 1
    generation: int = 1
    lifetimes: Sequence[Lifetime] = ()
    limits: Mapping[str, float] = field(default_factory=dict)


O = TypeVar("O", bound=RejuvenationOptions)  # noqa: E741


class Policy(ABC, Generic[O]):
    """Decides when one generation ends; each generation has a new instance, made by :meth:`renewed`."""

    kind: ClassVar[str]
    options_table: ClassVar[type[RejuvenationOptions]]
    needs_scipy: ClassVar[bool] = False
    """Whether it computes with numpy or scipy: the guard, which is to stay small, asks it in a process of its own."""

    def __init__(self, options: O, subject: Subject = Subject()) -> None:
        self.options = options
        self.subject = subject

    @classmethod
    def urgent_part(cls, options: O, subject: Subject) -> Policy[Any] | None:  # noqa: ARG003 - of those that have one
        """Of a policy that :attr:`needs_scipy`, one that makes only its urgent decisions, without; None: it makes none.

        The guard asks it at every reading, and the whole policy in a process of its own, every ten minutes or more.
        """
        return None

    @property
    def indicators(self) -> Sequence[str]:
        """The indicators that it uses; without readings of them it never fires."""
        return ()

    def missing(self, read: Collection[str]) -> str | None:
        """What the policy lacks after the indicators ``read`` were read, so that it does not fire; None if nothing.

        The text says what to do. It is for the journal, once a generation, when every sampler has had its turn.
        """
        unread = [indicator for indicator in self.indicators if indicator not in read]
        if not unread:
            return None
        return " ".join(
            f"No sampler reads the rejuvenation indicator {indicator!r}; {suggestion(indicator, read)}"
            for indicator in unread
        )

    def renewed(self, subject: Subject) -> Self:
        """The policy after a rejuvenation, or of the next generation; it keeps what must outlast one."""
        return type(self)(self.options, subject)

    def observe(self, age: float, values: Mapping[str, float]) -> None:
        """Take readings by indicator, ``age`` seconds after the generation was ready."""

    @abstractmethod
    def decide(self, now: Moment) -> Decision | None:
        """The decision to rejuvenate now, or None; called about once per second.

        It is repeated as long as it holds: a rule of the governor, or a window, may make it wait.
        """
