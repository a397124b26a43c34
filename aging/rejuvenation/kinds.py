"""The policies of this installation, for one that wraps another."""

from __future__ import annotations

from typing import Any

import aging.rejuvenation.policies
from aging.campaign.errors import suggestion
from aging.campaign.schema import RejuvenationOptions
from aging.core.plugins import Plugins
from aging.rejuvenation.base import Policy, Subject


def policies() -> Plugins[type[Policy[Any]]]:
    """The policies by kind, imported when they are asked for."""
    return Plugins(aging.rejuvenation.policies, "aging.rejuvenation.base:Policy")


def policy_of(options: RejuvenationOptions, subject: Subject) -> Policy[Any]:
    """A new policy of the kind that a table names."""
    return policies()[options.policy](options, subject)


def options_of(table: Any) -> RejuvenationOptions:
    """The checked options of a table as a file has it. Raises ValueError, pydantic's where a key is wrong."""
    known = policies()
    kind = table.get("policy") if isinstance(table, dict) else None
    if not isinstance(kind, str) or kind not in known:
        raise ValueError(f"must be a table with `policy`, got {table!r}; {suggestion(kind, known)}")
    options: RejuvenationOptions = known[kind].options_table.model_validate(table)
    return options
