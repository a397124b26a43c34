"""Every column of the stored rows that is not a metric, described: ``docs/rows.md`` is made from these tables.

A test compares them with what the sampling loop and the load client write.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its type as pandas shows it, unit, meaning, and when a row has no value in it."""

    type: str
    unit: str
    meaning: str
    absent: str = "never"


SAMPLE_COLUMNS: Mapping[str, Column] = {
    "wall": Column("float", "seconds since 1970", "wall clock at the tick"),
    "mono": Column(
        "float",
        "seconds",
        "`CLOCK_MONOTONIC` at the tick, on the campaign's timeline; of an engine's answer, when it came",
    ),
    "generation": Column("integer", "—", "which start of the server was read, from 1; of the runner, which runner"),
    "entity": Column(
        "text",
        "—",
        "what was read, where an owner has several: `tree`, `tree/prefill`, `tree/pid:4123` (one process, in"
        " `process-each` and `footprint-each`), `tree/pid:others` (processes without rows of their own), `gpu0`,"
        " `host`",
    ),
    "late": Column("float", "seconds", "how long after it was due the tick began"),
    "missed": Column("integer", "count", "ticks that were skipped before this one"),
    "missing": Column(
        "text",
        "JSON",
        "object of metric (or sampler) and the reason why it has no value in this row",
        "every value was read",
    ),
    "pids": Column(
        "text", "—", "processes that the values are sums over, separated by spaces", "the values are not sums"
    ),
    "parent": Column("integer", "—", "pid of the parent process", "the row is not one process's"),
    "command": Column(
        "text",
        "—",
        "command line of the process, at most 200 characters, values of secret-like arguments masked",
        "the row is not one process's, or an earlier row of the last 10 minutes has it",
    ),
    "described": Column(
        "text",
        "JSON",
        "of an engine, what the names of its columns do not show: `gauges` (columns that are named like"
        " counters), `common` (columns that are stored under a common name as well), `buckets` (bounds of each"
        " histogram), `summed` (label"
        " sets of a metric that have no column of their own)",
        "the row is not an engine's, or an earlier row of the last 10 minutes has it",
    ),
}
"""Of every row of a sampler, before its metrics."""

_NOT_STREAMED = "not streamed, or no token came"
_GAPS = "not streamed, fewer than 2 tokens, or a result of 0.1"

REQUEST_COLUMNS: Mapping[str, Column] = {
    "index": Column(
        "integer",
        "—",
        "number in the schedule of its class, from 0; those of each further class from the next 10¹²",
    ),
    "generation": Column("integer", "—", "which start of the server it was sent to"),
    "scheduled": Column("float", "seconds", "when it was due"),
    "sent": Column("float", "seconds", "when it was sent", "`dropped`, or held until the run ended"),
    "first_token": Column(
        "float",
        "seconds",
        "when the first token was received; of a plain request the first byte of the body",
        _NOT_STREAMED,
    ),
    "last_token": Column(
        "float", "seconds", "when the last token was received; of a plain request the last byte", "no token came"
    ),
    "finished": Column("float", "seconds", "when the record was made"),
    "streaming": Column(
        "true or false",
        "—",
        "whether the answer was asked for as a stream; true of a plain request, which is read as it comes",
    ),
    "prompt_tokens": Column("integer", "tokens", "length of the prompt"),
    "output_tokens_asked": Column("integer", "tokens", "length of answer that was asked for"),
    "output_tokens": Column("integer", "tokens", "length of the answer", "no answer came"),
    "http_status": Column("integer", "—", "HTTP status", "no response came"),
    "status": Column(
        "text",
        "—",
        "`ok`; `error`; `dropped` (over the concurrency cap, not sent); of a client fault `aborted` (by the client, as"
        " planned) or `refused` (by the server, rightly)",
    ),
    "error": Column("text", "—", "the error, at most 200 characters", "`status` is not `error`"),
    "held": Column("true or false", "—", "whether it waited for a rejuvenation to end"),
    "failure": Column(
        "text",
        "—",
        "kind of the error: `connect`, `timeout`, `reset`, `truncated`, `garbage`, `too-long`, `http` (a wrong"
        " status), `redirect`, `reported` (in the stream), `no-token`, `wrong` (not what the reference server must"
        " answer), `cut` (the run ended first, or the `drain` of a rejuvenation)",
        "`status` is not `error`, or a result of 0.1",
    ),
    "itl_p50": Column("float", "seconds", "median of the times between tokens", _GAPS),
    "itl_p99": Column("float", "seconds", "99th percentile of the times between tokens", _GAPS),
    "stall": Column("float", "seconds", "longest time between two tokens", _GAPS),
    "counted": Column(
        "true or false", "—", "whether `output_tokens` was counted by the client, since the server sent no usage"
    ),
    "load_class": Column("text", "—", "class of the load; empty where the load has one alone"),
    "options": Column("text", "—", "options of the request, joined by `+`: `chat`, `n`, `logprobs`, …; empty for none"),
    "fault": Column("text", "—", "client fault: `abort`, `timeout`, `probe`, …; empty for none"),
}
"""Of every row of ``requests``: the fields of :class:`aging.core.records.RequestRecord`."""
