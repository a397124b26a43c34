"""Designed experiments: which combinations of factor levels are run, and what each factor does to the leak rate.

``fractions`` are regular two-level fractions and their aliases, ``designs`` makes the points of any design,
``effects`` is the regression. Pure functions: no module here knows of campaigns or of files.
"""
