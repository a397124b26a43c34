"""Whether this host has NVML, without its bindings: they take 3 MB, and most hosts have no use for them."""

from __future__ import annotations

import ctypes

_LIBRARY = "libnvidia-ml.so.1"


def why_missing() -> str | None:
    """Why NVML cannot be asked; None where its library is installed."""
    try:
        ctypes.CDLL(_LIBRARY)
    except OSError:
        return f"the NVIDIA driver's {_LIBRARY} is not installed"
    return None
