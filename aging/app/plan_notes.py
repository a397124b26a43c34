"""What a plan forebodes for its findings, said before anything runs."""

from __future__ import annotations

from aging.campaign.schema import Campaign
from aging.stats.multiple.pooling import width_beside_one_more
from aging.stats.note import Note

_FEWEST = 2


def plan_notes(campaign: Campaign) -> list[Note]:
    """Remarks on a campaign; empty where there is nothing to say.

    A designed experiment pools its points in a regression of their own and is not meant.
    """
    if campaign.replicas != _FEWEST or campaign.factors:
        return []
    message = (
        "Two replicas: the interval of a pooled rate has 1 degree of freedom and is about "
        f"{width_beside_one_more(_FEWEST):.1f} times as wide as with three. Set replicas = 3, or replicas = 1 with a "
        "longer duration."
    )
    return [Note("few_replicas", message)]
