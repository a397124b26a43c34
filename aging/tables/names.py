"""What the name of a column says: its unit, whether it counts, identifies or is a time, and what it tells apart."""

from __future__ import annotations

import re
from functools import cache

from aging.core.measure import Base, Measure
from aging.tables.units import seconds_of_unit, unit_in_name


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


_LABELS = re.compile(r"\{.*\}\s*$", re.DOTALL)
_BRACKETED = re.compile(r"[(\[]\s*([^()\[\]]{1,16}?)\s*[)\]]")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?<![KMGTP]i)(?!(?<=k)B)(?=[A-Z])")
_WORDS = re.compile(r"[A-Za-zµμ%]+|\d+")
_PER_SECOND = re.compile(r"(?:^|[_ .])(\w+?)[_ ]?(?:/s(?:ec)?|per_s(?:ec|econd)?)$", re.IGNORECASE)
_NOT_UNITS = {"d", "w", "h", "m", "min", "cpu", "cpus", "core", "cores", "vcpu", "day", "days", "hour", "hours", "week"}
"""Last words of names that are more often something else: ``rss_min`` is a minimum, ``num_cpus`` a number."""

_SUFFIXES = {"total", "sum", "avg", "mean", "max", "current", "used", "value", "last"}
"""Words that may follow the unit: ``process_cpu_seconds_total``."""

_KINDS: tuple[tuple[Base, frozenset[str]], ...] = (
    ("CPU", frozenset({"cpu", "cores", "core", "millicores", "cpus"})),
    ("s", _set("time latency duration elapsed ttft tpot itl e2e uptime delay seconds wait age lag")),
    (
        "",
        _set(
            "requests request req reads writes tokens token ops count fds fd threads handles connections"
            " queries packets errors hits misses calls objects num"
        ),
    ),
    (
        "B",
        _set(
            "mem memory rss res resident virt virtual vsz vms shr shared swap heap size bytes uss pss vram cache"
            " disk used free available buffer buffers anon data limit usage footprint"
        ),
    ),
)

_TIMES = (
    *("time", "timestamp", "elapsed_seconds", "elapsed", "datetime", "date_time", "date", "epoch", "ts", "t", "mono"),
    *("@timestamp", "_time", "seconds", "clock", "when", "at", "uptime", "unix_time", "unixtime", "created_at"),
    *("zeit", "zeitstempel", "datum", "uhrzeit", "heure", "fecha", "hora", "tiempo"),
)
_TIME_BEGINS = _set("time timestamp ts date datetime elapsed uptime epoch runtime")
_TIME_ONLY = _set("clock unix wall wallclock t")
"""Words that begin names of times only before words of :data:`_TIME_REST`: ``clock_mhz`` is none."""

_TIME_REST = _set(
    "time timestamp utc local ms us ns s sec secs seconds min minutes h hours days nano nanos millis micros iso epoch"
)
_TIME_ENDS = _set("timestamp datetime elapsed uptime epoch time at")
_TIME_WITHIN = _set("timestamp datetime elapsed uptime since mono monotonic")
_UNITS_ALONE = _set("ms sec secs second minute minutes hour hours day days millis")
_MEASURED = _set(
    "response latency cpu wait request per execution exec processing queue idle busy total user system sys gc pause"
    " prefill decode inference to first error errors count limit out outs calls memory bytes spent saved left"
    " remaining lag drift skew step build load start boot"
)
"""Words of names that begin or end like that of a time, but measure something: ``response_time``."""

_ELAPSED = {"elapsed", "uptime", "mono", "monotonic", "runtime", "age", "since", "relative"}
_COUNTS = _set(
    "req reqs request requests iteration iterations iter iters step steps epoch epochs batch batches run runs"
    " call calls query queries cycle cycles round rounds n i num count completion completions prompt prompts"
    " message messages inference inferences job jobs task tasks turn turns"
)
_IDENTIFIERS = _set(
    "index idx id pid ppid tid tgid uid gid port gpu gpu_id gpu_index device line lineno line_number row no nr"
    " rank pgid sid spid nlwp_id inode minor minor_number pci bus device_id seq sequence"
)
_IDENTIFIER_ENDS = ("_id", "_pid", "_port", "_idx", "_index", "_uuid", "line_number", "row_number")
_FEW_OF = _set("gpu device rank minor bus")
"""Names of an index, or of something measured if there are many values: the use of a GPU."""

_ROW_NUMBERS = _set("n no nr # row line i sample samples seq step iteration iter index idx")
_INSTANCES = _set(
    "pod container instance pid name host hostname node replica worker process server service series gpu device"
    " uuid run run_id deployment namespace command cmd comm user id container_id job target label metric interface"
    " index port rank component member app application tgid tid"
)
_SUBJECTS = _set(
    "pod container instance pid host hostname node replica worker process container_id run run_id uuid name gpu"
    " gpu_id gpu_index device index series metric label service server interface app component deployment"
)
"""Names of subjects; a change of a ``state``, a ``phase`` or a ``user`` is none of the subject."""

_MONTH_FIRST = re.compile(r"\(PDH-")
_CAPACITIES = {"mem", "memory", "swap", "ram", "vram", "heap", "disk", "capacity", "space", "size", "fb"}
_CADVISOR_MEMORY = re.compile(r"container_memory_(rss|cache|swap|mapped_file|kernel_usage)")
"""Of bytes, although their names do not say so."""

_TRITON_GAUGE = re.compile(r"pending|_summary_us$|_ratio$")


@cache
def bare(name: str) -> str:
    """Without its labels, in lower case and stripped of decoration: ``#TIME`` is ``time``."""
    return _LABELS.sub("", name).strip().strip("#\"'").strip().lower()


def words(name: str) -> list[str]:
    """The words of a name in lower case: ``heapUsedMB`` has ``heap``, ``used``, ``mb``."""
    text = _LABELS.sub("", name)
    return [word.lower() for piece in _CAMEL.split(text) for word in _WORDS.findall(piece)]


@cache
def measure_of_name(name: str) -> Measure | None:  # noqa: PLR0911
    """The measure that a column of plain numbers has by its name: ``rss_kb``, ``Real (MB)``, ``latency_ms``."""
    text = _LABELS.sub("", name).strip()
    for bracketed in _BRACKETED.findall(text):
        if (found := unit_in_name(bracketed)) is not None:
            return found
        if bracketed.lower() in ("s", "h", "d", "m") and seconds_of_unit(bracketed.lower()):
            return Measure("s", bracketed.lower(), seconds_of_unit(bracketed.lower()) or 1.0)
        if bracketed.lower() in ("w", "c", "°c", "v", "a", "mhz", "ghz", "rpm", "req/s", "tok/s", "ops/s"):
            return Measure("", bracketed)
    if "%" in text:
        return Measure("%", "%")
    if _CADVISOR_MEMORY.fullmatch(bare(name)):
        return Measure("B")
    if (rate := _PER_SECOND.search(text)) is not None:
        of = unit_in_name(rate[1].rpartition("_")[2])
        return None if of is None or of.base != "B" else Measure(of.base, of.written, of.factor, rate=True)
    found_words = words(name)
    while len(found_words) > 1 and found_words[-1] in _SUFFIXES:
        found_words.pop()
    last = found_words[-1] if found_words else ""
    if last in _NOT_UNITS or (len(found_words) == 1 and last not in ("bytes", "seconds", "percent", "mib", "kib")):
        return None
    return unit_in_name(last)


def base_of_name(name: str) -> Base | None:
    """The base that the name suggests for units that could be several: CPU for ``CPU(cores)``, bytes for ``RES``."""
    if (measure := measure_of_name(name)) is not None:
        return measure.base
    spoken = set(words(name))
    return next((base for base, known in _KINDS if spoken & known), None)


def time_rank(name: str) -> int | None:
    """How surely the name is that of a time column: 0 is a usual name; None is no such name."""
    low = bare(name)
    if _MONTH_FIRST.search(name):
        return 0
    if low in _TIMES:
        return 1 + _TIMES.index(low)
    spoken = words(name)
    if not spoken or "%" in name or name.strip().endswith("+") or set(spoken) & _MEASURED:
        return None
    if spoken[0] in _TIME_BEGINS or (spoken[0] in _TIME_ONLY and len(spoken) > 1 and set(spoken[1:]) <= _TIME_REST):
        return 100
    if spoken[-1] in _TIME_ENDS:
        return 200
    return 300 if set(spoken) & _TIME_WITHIN or (len(spoken) == 1 and spoken[0] in _UNITS_ALONE) else None


def unit_of_time(name: str) -> float | None:
    """Seconds of the unit in the name of a time column: 3600 for ``uptime_hours``, 60 for ``time (min)``."""
    text = _LABELS.sub("", name).strip().strip("#").strip()
    for bracketed in _BRACKETED.findall(text):
        if (seconds := seconds_of_unit(bracketed)) is not None:
            return seconds
    spoken = words(text)
    if spoken and (len(spoken) > 1 or len(spoken[0]) > 2 or spoken[0] in _UNITS_ALONE):
        return seconds_of_unit(spoken[-1])
    return None


def counts_elapsed(name: str) -> bool:
    """Whether a time column counts from a start, not from the epoch."""
    return bool(set(words(name)) & _ELAPSED)


def is_count(name: str) -> bool:
    """Whether the name is that of a count that a series may be measured along: ``req``, ``iteration``."""
    spoken = words(name)
    return bool(spoken) and (spoken[-1] in _COUNTS or spoken[0] in _COUNTS)


def is_identifier(name: str) -> bool:
    """Whether its numbers measure nothing: an index, a process id, a port."""
    low = bare(name).replace(" ", "_").replace(".", "_")
    return low in _IDENTIFIERS or low.endswith(_IDENTIFIER_ENDS)


def may_measure(name: str) -> bool:
    """Whether an identifier's name may also be that of a measured value: ``gpu``."""
    return bare(name) in _FEW_OF


def is_row_number(name: str) -> bool:
    """Whether its numbers, if they are 1, 2, 3, …, number the rows; a column without a name is called by its place."""
    low = bare(name)
    return low in _ROW_NUMBERS or low.startswith("unnamed") or low.isdecimal()


def is_instance(name: str) -> bool:
    """Whether its values name what is measured: a pod, a process, a GPU."""
    return _last(name) in _INSTANCES


def is_subject(name: str) -> bool:
    """Whether rows with different values are surely of different subjects, also where their times differ."""
    return _last(name) in _SUBJECTS


def _last(name: str) -> str:
    low = bare(name).replace(" ", "_").replace(".", "_")
    return low if low in _INSTANCES else low.rpartition("_")[2]


def is_month_first(name: str) -> bool:
    """Whether its dates have the month first in every locale: those of Windows' performance counters."""
    return _MONTH_FIRST.search(name) is not None


def is_counter(name: str, others: frozenset[str] = frozenset()) -> bool:
    """Whether it is a cumulative count by its name; ``others`` are the bare names beside it."""
    low = bare(name).rpartition("\\")[2]
    head, _, last = low.rpartition("_")
    if low.startswith("nv_inference_"):
        return not _TRITON_GAUGE.search(low)
    if last == "total":
        return bool(head) and head.rpartition("_")[2] not in _CAPACITIES
    if last == "bucket":
        return bool(head)
    if last in ("sum", "count"):
        other = "count" if last == "sum" else "sum"
        measured = measure_of_name(head) is not None if head else False
        return bool(head) and (measured or not others.isdisjoint((f"{head}_{other}", f"{head}_bucket")))
    return False
