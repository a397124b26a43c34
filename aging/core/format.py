"""Formats times and durations for display and for file names."""

from __future__ import annotations

from datetime import UTC, datetime


def utc(wall: float) -> datetime:
    """Epoch seconds as an aware UTC datetime."""
    return datetime.fromtimestamp(wall, UTC)


def folder_name(wall: float) -> str:
    """``20261121T001500Z``: a UTC start as a folder name that sorts by time."""
    return utc(wall).strftime("%Y%m%dT%H%M%SZ")


def hour_name(wall: float) -> str:
    """``20261121T00``: the UTC hour that names a segment."""
    return utc(wall).strftime("%Y%m%dT%H")


def readable_duration(seconds: float) -> str:
    """``3m 05s``: a duration for display."""
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, secs = divmod(rest, 60)
    if hours:
        return f"{hours}h {minutes:02d}m"
    return f"{minutes}m {secs:02d}s" if minutes else f"{secs}s"
