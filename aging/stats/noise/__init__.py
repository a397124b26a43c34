"""Autocorrelated noise: its models, their order, long-run variance and pre-whitening."""
