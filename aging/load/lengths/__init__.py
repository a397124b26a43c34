"""Distributions of token counts, one file each; the contract is in :mod:`aging.load.lengths.base`."""
