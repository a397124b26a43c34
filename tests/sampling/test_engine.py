"""The engine sampler over a real HTTP server that answers with Prometheus text, or does not."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from aging.core import http
from aging.core.records import Reading
from aging.core.targets import ENGINE_METRICS, EngineMetric, Target
from aging.deployments.runtimes.llama_cpp import LlamaCpp
from aging.deployments.runtimes.triton import Triton
from aging.deployments.runtimes.vllm import Vllm
from aging.runner.catalogue import Catalogue
from aging.sampling.loop import Plan, Sampling
from aging.sampling.samplers import engine
from aging.sampling.samplers.engine import EngineSampler, common_values, parse_metrics, raw_values
from aging.store.reader import read_rows

METRICS = """\
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="m"} 3.0
vllm:num_requests_running{engine="1",model_name="m"} 4.0
# TYPE vllm:generation_tokens counter
vllm:generation_tokens_total{model_name="m"} 1.5e+06
vllm:generation_tokens_created{model_name="m"} 1.7e+09
# TYPE vllm:time_to_first_token_seconds histogram
vllm:time_to_first_token_seconds_bucket{le="0.1",model_name="m"} 5.0
vllm:time_to_first_token_seconds_bucket{le="+Inf",model_name="m"} 9.0
vllm:time_to_first_token_seconds_count{model_name="m"} 9.0
vllm:time_to_first_token_seconds_sum{model_name="m"} 2.25
# TYPE request_latency_seconds summary
request_latency_seconds{quantile="0.99"} 0.7
request_latency_seconds_count 6
request_latency_seconds_sum 3.5
# TYPE kv_cache_usage_ratio gauge
kv_cache_usage_ratio NaN
"""
VALUES = {
    "engine_vllm_num_requests_running": 7.0,
    "engine_vllm_generation_tokens_total": 1.5e6,
    "engine_vllm_time_to_first_token_seconds_count": 9.0,
    "engine_vllm_time_to_first_token_seconds_sum": 2.25,
    "engine_request_latency_seconds_count": 6.0,
    "engine_request_latency_seconds_sum": 3.5,
    "engine_request_latency_p99_seconds": 0.7,
    'engine_vllm_num_requests_running{engine="0",model_name="m"}': 3.0,
    'engine_vllm_num_requests_running{engine="1",model_name="m"}': 4.0,
}


class Engine:
    """A server of ``/metrics`` on loopback whose next answers are set here."""

    def __init__(self) -> None:
        self.status = 200
        self.body = METRICS.encode()
        self.silent = threading.Event()
        self.released = threading.Event()
        self.asked = 0
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                stub.asked += 1
                if stub.silent.is_set():
                    stub.released.wait(30)
                    return
                self.send_response(stub.status)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(stub.body)))
                self.end_headers()
                self.wfile.write(stub.body)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/metrics"

    def stop(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def reading(self) -> Reading:
        [reading] = EngineSampler(lambda: [_target(self.url)]).read()
        return reading


def _target(url: str | None, owner: str = "vllm") -> Target:
    return Target(owner, "tree", 5, (1,), metrics_url=url)


@pytest.fixture
def server() -> Iterator[Engine]:
    engine = Engine()
    yield engine
    engine.stop()


def test_label_sets_have_columns_and_are_summed_and_buckets_are_left_out(server: Engine) -> None:
    described = '{"buckets": {"engine_vllm_time_to_first_token_seconds": [0.1]}}'
    assert server.reading() == Reading("vllm", "engine", 5, VALUES, described=described)


def test_only_what_has_an_endpoint_is_asked(server: Engine) -> None:
    targets = [_target(None, "quiet"), _target(server.url)]
    assert [reading.owner for reading in EngineSampler(lambda: targets).read()] == ["vllm"]


def test_an_error_status_is_missing_with_the_reason_until_it_is_over(server: Engine) -> None:
    server.status = 500
    reading = server.reading()
    assert (reading.values, reading.generation) == ({}, 5)
    assert list(reading.missing) == ["engine"]
    assert "500 Internal Server Error" in reading.missing["engine"]
    server.status = 200
    assert server.reading().values == VALUES


@pytest.mark.parametrize(
    "body",
    [
        b"<!doctype html><html><body>It works!</body></html>",
        b'{"error": "not found"}',
        b"requests_total twelve\n",
        b'requests_total{method="GET" 3\n',
        b"\xff\xfe\x00binary",
    ],
)
def test_text_that_is_not_prometheus_is_missing_with_the_reason(server: Engine, body: bytes) -> None:
    server.body = body
    reading = server.reading()
    assert reading.values == {}
    assert list(reading.missing) == ["engine"]


def test_a_truncated_answer_is_not_half_a_truth(server: Engine) -> None:
    server.body = METRICS[: METRICS.index(" 4.0")].encode()
    reading = server.reading()
    assert reading.values == {}
    assert list(reading.missing) == ["engine"]


def test_a_server_that_is_gone_costs_its_own_reading_only(server: Engine) -> None:
    gone = Engine()
    gone.stop()
    readings = list(EngineSampler(lambda: [_target(gone.url, "gone"), _target(server.url)]).read())
    assert readings[0].values == {}
    assert readings[0].missing["engine"].startswith("ConnectError: ")
    assert readings[1].values == VALUES


def test_a_server_that_does_not_answer_is_given_up(server: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_TIMEOUT_SECONDS", 0.2)
    server.silent.set()
    assert server.reading().missing == {"engine": "no complete answer within 0.2 s"}


@contextlib.contextmanager
def endpoints(count: int, *, answer: bool) -> Iterator[list[str]]:
    """Endpoints that are connected to and never answer; or that answer once all of them have been asked."""
    asked = threading.Barrier(count)

    def serve(listener: socket.socket) -> None:
        with contextlib.suppress(OSError, threading.BrokenBarrierError):
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                asked.wait(60.0)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nup 1\n")

    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        threads = [threading.Thread(target=serve, args=(one,), daemon=True) for one in listeners if answer]
        for thread in threads:
            thread.start()
        try:
            yield [f"http://127.0.0.1:{one.getsockname()[1]}/metrics" for one in listeners]
        finally:
            asked.abort()
            for thread in threads:
                thread.join()


def test_every_endpoint_is_asked_before_the_first_has_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_TIMEOUT_SECONDS", 10.0)
    with endpoints(3, answer=True) as urls:
        readings = list(EngineSampler(lambda: [_target(url, url) for url in urls]).read())
    assert [reading.values for reading in readings] == [{"engine_up": 1.0}] * 3


def test_endpoints_that_never_answer_cost_their_own_readings_only(server: Engine) -> None:
    before = time.monotonic()
    with endpoints(3, answer=False) as urls:
        sampler = EngineSampler(lambda: [*(_target(url, url) for url in urls), _target(server.url)])
        *hung, good = sampler.read()
    after = time.monotonic()
    assert [reading.missing["engine"] for reading in hung] == ["no complete answer within 3 s"] * 3
    assert good.values == VALUES
    assert good.stamp is not None
    assert before < good.stamp.mono < after - 1.0, "its values are stamped when they came, not when all was over"


def test_a_timeout_of_the_http_library_has_the_same_reason(server: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    server.silent.set()
    monkeypatch.setattr(engine, "client", lambda: http.Client(timeout=0.05, trust_env=False))
    assert server.reading().missing == {"engine": "no complete answer within 3 s"}


def test_endpoints_that_never_answer_cost_no_row_of_another(server: Engine, tmp_path: Path) -> None:
    events: list[str] = []

    async def run(urls: list[str]) -> None:
        good = 0
        enough, loop = asyncio.Event(), asyncio.get_running_loop()

        def see(reading: Reading) -> None:
            nonlocal good
            good += reading.owner == "vllm"
            if good >= 3:
                enough.set()

        targets = [*(_target(url, f"hung{number}") for number, url in enumerate(urls)), _target(server.url)]
        sampling = Sampling(
            lambda owner, source: tmp_path / owner / source, lambda event: events.append(event.kind), see
        )
        task = loop.create_task(sampling.run(Plan(EngineSampler(lambda: targets), 1.0), loop.time()))
        try:
            async with asyncio.timeout(60.0):
                await enough.wait()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            sampling.close()

    with endpoints(3, answer=False) as urls:
        asyncio.run(run(urls))
    assert events == [], "the sampler as a whole never failed"
    counts = {folder.parent.name: read_rows(folder).table.num_rows for folder in tmp_path.glob("*/engine")}
    assert counts.keys() == {"vllm", "hung0", "hung1", "hung2"}
    assert len(set(counts.values())) == 1, "each endpoint has a row of each tick"


def test_no_answer_is_waited_for_beyond_the_next_reading() -> None:
    with endpoints(1, answer=False) as (url,):
        sampler = EngineSampler(lambda: [_target(url)])
        sampler.interval = 0.1
        (reading,) = sampler.read()
    assert reading.missing == {"engine": "no complete answer within 0.1 s"}


def test_an_endpoint_is_not_asked_again_while_it_has_not_answered(server: Engine) -> None:
    server.silent.set()
    sampler = EngineSampler(lambda: [_target(server.url)])
    sampler.interval = 0.05
    for _ in range(5):
        (reading,) = sampler.read()
        assert reading.values == {}
    assert server.asked == 1


def test_an_answer_of_an_ended_generation_is_not_used_for_the_next(server: Engine) -> None:
    server.silent.set()
    targets = [_target(server.url)]
    sampler = EngineSampler(lambda: targets)
    sampler.interval = 0.05
    list(sampler.read())
    targets[0] = replace(targets[0], generation=6)
    list(sampler.read())
    assert server.asked == 2


def test_a_proxy_of_the_environment_is_not_asked(server: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert server.reading().values == VALUES


def test_names_are_made_of_letters_digits_and_underscores() -> None:
    assert raw_values(parse_metrics("nv_inference:count 1\n")) == {"engine_nv_inference_count": 1.0}
    assert parse_metrics("") == {}


def scraped(name: str) -> dict[str, float]:
    """The answer of a real server of that release, under the common names."""
    text = (Path(__file__).parent / "data" / f"{name}.txt").read_text()
    metrics = {
        "vllm-0.32.0": Vllm.engine_metrics,
        "llama-cpp-2026.10.11549": LlamaCpp.engine_metrics,
        "triton-2.51.0": Triton.engine_metrics,
    }[name]
    values, missing = common_values(parse_metrics(text), metrics)
    assert missing == {}, "a metric was renamed"
    return values


def test_vllm_has_all_of_the_common_names() -> None:
    assert scraped("vllm-0.32.0") == {
        "engine_kv_cache_usage_ratio": 0.015625,
        "engine_requests_running": 1.0,
        "engine_requests_waiting": 0.0,
        "engine_process_memory_bytes": 658866176.0,
        "engine_prefix_cache_queries_total": 69695.0,
        "engine_prefix_cache_hits_total": 0.0,
        "engine_preemptions_total": 0.0,
        "engine_prompt_tokens_total": 69695.0,
        "engine_generation_tokens_total": 24451.0,
    }


def test_llama_cpp_has_some_of_the_common_names() -> None:
    assert scraped("llama-cpp-2026.10.11549") == {
        "engine_requests_running": 0.0,
        "engine_requests_waiting": 0.0,
        "engine_prompt_tokens_total": 69693.0,
        "engine_prefix_cache_hits_total": 2.0,
        "engine_generation_tokens_total": 24451.0,
    }


def test_triton_and_the_model_in_it_have_some_of_the_common_names() -> None:
    assert scraped("triton-2.51.0") == {
        "engine_requests_running": 6.0,
        "engine_requests_waiting": 0.0,
        "engine_prompt_tokens_total": 4650.0,
        "engine_generation_tokens_total": 9300.0,
    }


def test_ratios_are_averaged_over_engines_and_counts_summed() -> None:
    text = 'usage_percent{engine="0"} 20\nusage_percent{engine="1"} 60\nrunning{engine="0"} 2\nrunning{engine="1"} 3\n'
    metrics = {
        "engine_kv_cache_usage_ratio": EngineMetric(("newer", "usage_percent"), combine="mean", scale=0.01),
        "engine_requests_running": EngineMetric(("running",)),
    }
    values, missing = common_values(parse_metrics(text), metrics)
    assert values == {"engine_kv_cache_usage_ratio": pytest.approx(0.4), "engine_requests_running": 5.0}
    assert missing == {}


def test_a_metric_that_is_gone_is_reported(server: Engine) -> None:
    target = Target("vllm", "tree", 5, (1,), metrics_url=server.url, engine_metrics=Vllm.engine_metrics)
    [reading] = EngineSampler(lambda: [target]).read()
    assert reading.values["engine_requests_running"] == 7.0
    expected = "the engine has no metric vllm:kv_cache_usage_perc or vllm:gpu_cache_usage_perc"
    assert reading.missing["engine_kv_cache_usage_ratio"] == expected


def test_deployments_use_the_common_names_alone() -> None:
    for kind, plugin in Catalogue.discovered().deployments.items():
        assert set(plugin.engine_metrics) <= set(ENGINE_METRICS), kind
