"""Sections of the report, one file each; the contract is in :mod:`aging.report.sections.base`."""
