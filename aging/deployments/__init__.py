"""Servers under test: the contract of a runtime, where its processes come from, one file a runtime."""
