"""Faults of processes, disks and clocks, in real campaigns: each function of these modules is a kind."""

from faulting import clocks, disks, processes, runners
from faulting.kinds import KINDS, Kind, Struck

__all__ = ["KINDS", "Kind", "Struck", "clocks", "disks", "processes", "runners"]
