"""Anonymous memory plus swap of a process by kind of mapping, from ``/proc/PID/smaps``.

The kinds are those of the leak indicator, so they add up to it. Reading walks every page table of the process, as
``smaps_rollup`` does, and takes up to four times as long.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from aging.core.processes import procfs

HEAP, STACK = "process_heap_bytes", "process_stack_bytes"
MAPPING, FILE = "process_anonymous_mapping_bytes", "process_modified_file_bytes"
STACKS, RESERVED = "process_thread_stacks", "process_thread_stack_reserved_bytes"

KINDS = (HEAP, STACK, MAPPING, FILE, STACKS, RESERVED)

_KIB = 1024
_READ_BYTES = 2**16
_LARGEST_GUARD = 2**16
"""Of glibc a page, of musl two, of a JVM some more: no access, right below a thread's stack."""

_ARENA_ALIGNMENT = 2**26
"""An arena of glibc's allocator begins at such an address, and may lie above the unused rest of another one."""

_ENTRY = re.compile(
    rb"^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ (\d+) *([^\n]*)\n"
    rb"(?:[^\n]*\n)*?Anonymous: +(\d+) kB\n(?:[^\n]*\n)*?Swap: +(\d+) kB\n",
    re.MULTILINE,
)
_ENTRY_END = b"VmFlags:"
_NO_ACCESS, _READ_WRITE = b"---p", b"rw-p"


def memory_by_kind(pid: int) -> Counter[str]:
    """The values of :data:`KINDS`. Raises OSError for a process that ended or belongs to another user."""
    found: Counter[str] = Counter(dict.fromkeys(KINDS, 0))
    guard = -1  # the end of a guard: a stack begins there
    for start, end, access, inode, name, anonymous, swap in _entries(pid):
        begin, size, held = int(start, 16), int(end, 16) - int(start, 16), (int(anonymous) + int(swap)) * _KIB
        if name == b"[heap]":
            found[HEAP] += held
        elif name == b"[stack]":
            found[STACK] += held
        elif inode != b"0":
            found[FILE] += held
        elif access == _READ_WRITE and begin == guard and begin % _ARENA_ALIGNMENT:
            found[STACK] += held
            found[STACKS] += 1
            found[RESERVED] += size
        else:
            found[MAPPING] += held
        guard = int(end, 16) if access == _NO_ACCESS and size <= _LARGEST_GUARD else -1
    return found


def _entries(pid: int) -> Iterator[tuple[bytes, ...]]:
    """The fields of each mapping; a part of the file at a time, since that of a large process has megabytes."""
    rest = b""
    with open(procfs.name(pid, "smaps"), "rb", buffering=_READ_BYTES) as stream:
        while part := stream.read(_READ_BYTES):
            text = rest + part
            whole = text.rfind(b"\n", 0, text.rfind(_ENTRY_END) + 1) + 1  # up to the flags of the last one
            yield from _ENTRY.findall(text[:whole])
            rest = text[whole:]
