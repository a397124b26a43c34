"""The campaign of a smoke run: every deployment for a minute."""

from __future__ import annotations

from aging.campaign.schema import Campaign

SUFFIX = ".smoke"
"""Suffix of the name of a smoke run and of its folder."""


def smoke_campaign(campaign: Campaign, seconds: float) -> Campaign:
    """The campaign with one run of ``seconds`` per deployment and no pauses, repeats or rejuvenation."""
    changes = {
        "name": campaign.name + SUFFIX,
        "duration": seconds,
        "warmup": 0.0,
        "replicas": 1,
        "cooldown": 0.0,
        "retries": 0,
        "rejuvenation": (),
        "orphan_grace": 0.0,
        "sanity": 0.0,
    }
    return campaign.model_copy(update=changes)
