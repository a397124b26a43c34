"""Arrival processes, one file each; the contract is in :mod:`aging.load.arrivals.base`."""
