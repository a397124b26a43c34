"""Trend tests, one file each; the contract is in :mod:`aging.stats.trend_tests.base`."""
