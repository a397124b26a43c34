"""The conditions of ``aging observe --fail`` in a result directory: what resumes the observation judges by them."""

from __future__ import annotations

import json
from collections.abc import Sequence

from aging.core.errors import ResultsError, writing
from aging.store.layout import Layout


def write_gate(layout: Layout, conditions: Sequence[str]) -> None:
    """Store the conditions as they were given; none where --fail was not."""
    with writing(layout.gate):
        layout.gate.write_text(json.dumps({"schema": 1, "fail": list(conditions)}) + "\n", "utf-8")


def read_gate(layout: Layout) -> Sequence[str] | None:
    """The conditions of an observation; None of other campaigns. Raises ResultsError for a damaged file."""
    try:
        content = json.loads(layout.gate.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ResultsError(
            f"{layout.gate}: {error}; without this file the observation is resumed without --fail"
        ) from None
    given = content.get("fail") if isinstance(content, dict) else None
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise ResultsError(f'{layout.gate}: is not like {{"fail": ["aging"]}}')
    return given
