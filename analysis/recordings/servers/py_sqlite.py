"""An order service: forked workers, each with an SQLite database in memory whose rows are purged now and then."""

import itertools
import json
import os
import sqlite3

from analysis.recordings.servers import wire
from analysis.recordings.servers.leaks import Leak

CAP = int(os.environ.get("CAP", "4000"))
workers = int(os.environ.get("WORKERS", "1"))
worker = wire.fork(workers) if workers > 1 else 0
db = sqlite3.connect(":memory:")
db.execute("create table orders (id integer primary key, customer int, note text, amount real)")
db.execute("create index by_customer on orders (customer)")
counter = itertools.count(1)


def handle(key: int, size: int, body: bytes) -> bytes:
    served = next(counter)
    note = body[: 40 + size // 2].decode("ascii", "replace")
    db.execute("insert into orders (customer, note, amount) values (?, ?, ?)", (key, note, size / 7))
    db.commit()
    if served % 1000 == 0:
        db.execute("delete from orders where id < (select max(id) from orders) - ?", (CAP,))
        db.commit()
    rows = db.execute(
        "select id, note, amount from orders where customer = ? order by id desc limit 10", (key,)
    ).fetchall()
    return json.dumps([{"id": i, "note": n[:50], "amount": a} for i, n, a in rows]).encode()


wire.serve(handle, Leak(worker), worker)
