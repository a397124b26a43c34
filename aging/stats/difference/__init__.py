"""Differences of independent estimates, each with its own error and degrees of freedom."""
