"""What NVML is asked, in NVML's order of things: a device's figures, its errors, its processes, who it is.

What it does not answer is told with its reason, never as a zero. No module here knows of deployments.
"""

from __future__ import annotations

from typing import Any

import pynvml

Device = Any
"""NVML's opaque handle of a device."""

LIBRARY_LOST = (pynvml.NVMLError_Uninitialized, pynvml.NVMLError_DriverNotLoaded)
