"""An analytics service on DuckDB: inserts measurements, aggregates the last ones, deletes old ones once a minute."""

import itertools
import os
import random

import duckdb

from analysis.recordings.servers import wire
from analysis.recordings.servers.leaks import Leak

db = duckdb.connect(":memory:", config={"memory_limit": "256MB", "threads": 1})
db.execute("create table m (k bigint, v double, s varchar)")
counter = itertools.count(1)


def handle(key: int, size: int, body: bytes) -> bytes:
    served = next(counter)
    rng = random.Random(key)
    text = body[:60].decode("ascii", "replace").replace("'", "")
    rows = ", ".join(f"({key}, {rng.random():.4f}, '{text[i:]}')" for i in range(1 + min(30, size // 100)))
    db.execute(f"insert into m values {rows}")
    if served % 200 == 0:
        [(count,)] = db.execute("select count(*) from m").fetchall()
        if count > int(os.environ.get("CAP", "20000")):
            db.execute("create or replace table m as select * from m offset 10000")
    got = db.execute("select count(*), avg(v), max(length(s)) from m where k = ?", [key]).fetchall()
    return repr(got).encode()


wire.serve(handle, Leak())
