"""The campaign of a smoke run: every deployment for a minute."""

from __future__ import annotations

from aging.campaign.schema import Campaign

SUFFIX = ".smoke"
"""Ends the name of a smoke run's folder and campaign."""


def smoke_campaign(campaign: Campaign, seconds: float) -> Campaign:
    """The campaign with every deployment once, for ``seconds``, and nothing of what takes long."""
    changes = {
        "name": campaign.name + SUFFIX,
        "duration": seconds,
        "warmup": 0.0,
        "replicas": 1,
        "cooldown": 0.0,
        "retries": 0,
        "rejuvenation": None,
        "orphan_grace": 0.0,
        "sanity": 0.0,
    }
    return campaign.model_copy(update=changes)
