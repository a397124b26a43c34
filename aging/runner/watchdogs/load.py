"""Does the server still answer, and does the client keep its schedule?"""

from __future__ import annotations

from collections.abc import Mapping

from aging.load.heartbeat import Beat

MUTE_SECONDS = 10.0
"""A load process tells its pulse every second."""


def troubles(beat: Beat | None, heard: float, silent_after: float, late_after: float) -> Mapping[str, str]:
    """What is wrong with a load, in words by kind, from its last pulse, which came ``heard`` seconds ago."""
    if heard > MUTE_SECONDS:
        return {"mute": "its load process, which should every second, has told nothing"}
    if beat is None:
        return {}
    found = {}
    if beat.quiet > silent_after:
        found["silent"] = (
            f"the server has answered nothing for {beat.quiet:.0f} s, with {beat.waiting} requests in flight"
        )
    if beat.late > late_after:
        found["behind"] = f"the client is {beat.late:.1f} s behind its schedule"
    return found
