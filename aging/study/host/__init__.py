"""What is done on the host of a cell: its facts, and starting, reading, resuming and stopping the cell's campaign.

Plain functions without Ray; a cell that is one job of a batch system uses them as well. Each can be repeated, and ends
in bounded time; what a host refuses is an :class:`~aging.core.errors.AgingError`, or a look with its reason.
"""

from aging.study.host.content import ChangedFileError, read
from aging.study.host.control import discard, resume, stop
from aging.study.host.host_facts import facts
from aging.study.host.launch import start
from aging.study.host.looks import look

__all__ = ["ChangedFileError", "discard", "facts", "look", "read", "resume", "start", "stop"]
