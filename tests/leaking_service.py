"""A small service that ages in what its metrics show: latency, cache, descriptors; ``python -m tests.leaking_service``.

It works for itself, at 50 requests a second that take no time: what it exports is what a server under that load would
export. Its arguments are growths per minute; it prints its port and ends with its input.
"""

from __future__ import annotations

import argparse
import random
import sys
import threading
import time
from typing import IO

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary, start_http_server

_EVERY = 0.1
_BATCH = 5


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--latency", type=float, default=0.0, help="seconds a minute")
    parser.add_argument("--cache", type=float, default=0.0, help="share of the cache a minute")
    parser.add_argument("--files", type=float, default=0.0, help="descriptors a minute")
    grows = parser.parse_args()
    registry = CollectorRegistry()
    latency = Histogram("shop_request_latency_seconds", "Latency", ["endpoint"], registry=registry)
    queue = Summary("shop_queue_seconds", "Time in the queue", registry=registry)
    cache = Gauge("shop_kv_cache_usage_ratio", "Share of the cache in use", registry=registry)
    running = Gauge("shop_requests_running", "Requests in progress", registry=registry)
    requests = Counter("shop_requests", "Requests", ["endpoint", "status"], registry=registry)
    errors = Counter("shop_errors", "Errors", registry=registry)
    Gauge("shop_uptime_seconds", "Time since the start", registry=registry).set_function(time.monotonic)
    Gauge("shop_workers", "Workers", registry=registry).set(4)
    server, _ = start_http_server(0, addr="127.0.0.1", registry=registry)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    ended = threading.Event()
    threading.Thread(target=_wait_for_the_end, args=(ended,), daemon=True).start()
    random.seed(1)
    began, held = time.monotonic(), list[IO[bytes]]()
    while not ended.is_set():
        minutes = (time.monotonic() - began) / 60
        for _ in range(_BATCH):
            endpoint = random.choice(["/chat", "/embed"])
            usual = 0.15 if endpoint == "/chat" else 0.04
            latency.labels(endpoint).observe(random.gammavariate(100, usual / 100) + grows.latency * minutes)
            queue.observe(random.gammavariate(4, 0.005))
            requests.labels(endpoint, "200").inc()
        if random.random() < 0.02:
            errors.inc()
        cache.set(0.2 + grows.cache * minutes + random.gauss(0, 0.005))
        running.set(random.randrange(3, 7))
        while len(held) < grows.files * minutes:
            held.append(open("/dev/null", "rb"))  # noqa: SIM115 - it is the leak
        time.sleep(_EVERY)
    server.shutdown()


def _wait_for_the_end(ended: threading.Event) -> None:
    sys.stdin.read()
    ended.set()


if __name__ == "__main__":
    main()
