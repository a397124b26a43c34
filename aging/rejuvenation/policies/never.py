"""No rejuvenation: what the other policies are compared with."""

from __future__ import annotations

from typing import Literal

from aging.campaign.schema import RejuvenationOptions
from aging.rejuvenation.base import Decision, Moment, Policy


class NeverOptions(RejuvenationOptions):
    """No keys of its own."""

    policy: Literal["never"]


class Never(Policy[NeverOptions]):
    """Never fires: one level of a campaign that compares policies."""

    kind = "never"
    options_table = NeverOptions

    def decide(self, now: Moment) -> Decision | None:  # noqa: ARG002 - it never asks
        return None
