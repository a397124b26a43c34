"""Designs of experiments: ``fractions`` makes regular two-level fractions, ``points`` the points of any design.

Pure functions without campaigns or files; the effects are estimated in :mod:`aging.stats.factor_effects`.
"""
