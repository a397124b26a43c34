"""A study: one campaign on many hosts.

A study file names a campaign file as its template, a matrix of levels, and the hosts that may run it. Every combination
of levels and replicate is a *cell*: one campaign on one host, run by the same code as ``aging run``. This room knows no
cluster: :mod:`aging.study.fleet` is what it asks of one, and :mod:`aging.cluster` answers with Ray.
"""
