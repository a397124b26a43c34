"""Does the server still answer, and does the client keep its schedule?"""

from __future__ import annotations

from collections.abc import Mapping

from aging.load.heartbeat import Beat

MUTE_SECONDS = 10.0
"""A load process sends a heartbeat every second."""


def troubles(beat: Beat | None, heard: float, silent_after: float, late_after: float) -> Mapping[str, str]:
    """Messages about a load, by kind, from its last heartbeat, which came ``heard`` seconds ago."""
    if heard > MUTE_SECONDS:
        return {"mute": f"The load process has sent no heartbeat for {heard:.0f} s (expected every 1 s)."}
    if beat is None:
        return {}
    found = {}
    if beat.quiet > silent_after:
        found["silent"] = (
            f"The server has sent no answer for {beat.quiet:.0f} s, with {beat.waiting} requests in flight."
        )
    if beat.late > late_after:
        found["behind"] = f"The load client is {beat.late:.1f} s behind its schedule."
    return found
