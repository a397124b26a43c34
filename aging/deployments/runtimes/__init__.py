"""Runtimes, one file each; found by their base class, see :mod:`aging.deployments.base`."""
