"""Samplers, one file each; the contract is in :mod:`aging.sampling.base`."""
