"""Rejuvenation policies, one file each; the contract is in :mod:`aging.rejuvenation.base`."""
