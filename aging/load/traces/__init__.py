"""Formats of recorded traces, one file each; the contract is in :mod:`aging.load.traces.base`."""
