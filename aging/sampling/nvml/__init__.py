"""The queries of NVML: a device's figures, its errors, its processes, its identity.

A value that NVML does not give is missing with the reason, never zero. No module here uses deployments.
"""

from __future__ import annotations

from typing import Any

import pynvml

Device = Any
"""NVML's opaque handle of a device."""

LIBRARY_LOST = (pynvml.NVMLError_Uninitialized, pynvml.NVMLError_DriverNotLoaded)
