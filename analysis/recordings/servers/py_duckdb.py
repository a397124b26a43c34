"""An analytics service on DuckDB: inserts measurements, aggregates the last ones, deletes old ones once a minute."""

import os
import random

import duckdb
import wire
from leaks import Leak

db = duckdb.connect(":memory:", config={"memory_limit": "256MB", "threads": 1})
db.execute("create table m (k bigint, v double, s varchar)")
served = 0


def handle(key, size, body):
    global served
    served += 1
    rng = random.Random(key)
    text = body[:60].decode("ascii", "replace").replace("'", "")
    rows = ", ".join(f"({key}, {rng.random():.4f}, '{text[i:]}')" for i in range(1 + min(30, size // 100)))
    db.execute(f"insert into m values {rows}")
    if served % 200 == 0:
        (count,) = db.execute("select count(*) from m").fetchone()
        if count > int(os.environ.get("CAP", "20000")):
            db.execute("create or replace table m as select * from m offset 10000")
    got = db.execute("select count(*), avg(v), max(length(s)) from m where k = ?", [key]).fetchall()
    return repr(got).encode()


wire.serve(handle, Leak())
