"""The policies of this installation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aging.rejuvenation.policies
from aging.core.plugins import Plugins
from aging.rejuvenation.base import Policy

_CONTRACT = "aging.rejuvenation.base:Policy"


def policies() -> Mapping[str, type[Policy[Any]]]:
    """The policies by kind, each imported when it is asked for."""
    return Plugins(aging.rejuvenation.policies, _CONTRACT)
