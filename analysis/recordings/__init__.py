"""Recordings of real servers, healthy and leaking; ``python -m analysis.recordings`` makes them again."""
