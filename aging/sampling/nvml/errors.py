"""XID errors, from the events of a device."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pynvml

from aging.sampling.nvml import LIBRARY_LOST, Device
from aging.sampling.nvml.queries import XIDS

_LAST_XID = "device_xid_last_code"

_XIDS_A_READ = 100
"""A storm of errors is counted over several reads rather than all in one."""


class Xids:
    """The XID errors of one device since its first read, from an event set that is looked into and never waited on."""

    def __init__(self) -> None:
        self.count = 0
        self.last: int | None = None
        self.refused: str | None = None
        """Why the device's events cannot be read."""
        self._events: Any = None

    def look(self) -> None:
        """Count what has happened since the last look. Raises NVMLError."""
        if self._events is None:
            return
        try:
            for _ in range(_XIDS_A_READ):
                event = pynvml.nvmlEventSetWait_v2(self._events, 0)
                if event.eventType & pynvml.nvmlEventTypeXidCriticalError:
                    self.count += 1
                    self.last = event.eventData
        except pynvml.NVMLError_Timeout:
            return
        except (*LIBRARY_LOST, pynvml.NVMLError_GpuIsLost):
            raise
        except pynvml.NVMLError as error:
            self.release()
            self.refused = f"NVML: {error}"

    def register(self, device: Device) -> None:
        """Register for the device's events from now on; once, until they are released. Raises NVMLError."""
        if self._events is not None or self.refused is not None:
            return
        try:
            self._events = pynvml.nvmlEventSetCreate()
            pynvml.nvmlDeviceRegisterEvents(device, pynvml.nvmlEventTypeXidCriticalError, self._events)
        except (*LIBRARY_LOST, pynvml.NVMLError_GpuIsLost):
            raise
        except pynvml.NVMLError as error:
            self.release()
            self.refused = f"NVML: {error}"

    def release(self) -> None:
        """Release the event set: it must be freed before the library or its device is lost."""
        if self._events is not None:
            with suppress(pynvml.NVMLError):
                pynvml.nvmlEventSetFree(self._events)
        self._events = self.refused = None

    def fill(self, values: dict[str, float], missing: dict[str, str]) -> None:
        """The count and the last code; no code before the first error."""
        if self.refused is not None:
            missing[XIDS] = self.refused
            return
        values[XIDS] = self.count
        if self.last is not None:
            values[_LAST_XID] = self.last
