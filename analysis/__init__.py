"""Studies and benchmarks of `aging` itself, run from the root of the repository: ``python -m analysis.ROOM.STUDY``."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The root of the repository."""
