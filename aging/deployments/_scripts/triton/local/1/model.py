"""llama.cpp (the ``xllamacpp`` wheel) as a model of Triton's Python backend.

Loaded by Triton, so it imports nothing of `aging`; its settings come from the
environment that ``triton_server.py`` made. It answers as Triton's own vLLM
backend does when asked for finish reasons and counts of output tokens.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils
import xllamacpp


class TritonPythonModel:
    """One llama.cpp server in this process; one thread per request forwards its pieces."""

    def initialize(self, args: Mapping[str, str]) -> None:  # noqa: ARG002 - Triton's signature
        settings = json.loads(os.environ["AGING_TRITON_MODEL"])
        params = xllamacpp.CommonParams()
        params.model.path = settings["model"]
        params.hostnames = ["127.0.0.1"]
        params.port = 0  # it also listens, on a port that is not used
        params.n_ctx = settings["context"]
        params.n_parallel = settings["parallel"]
        params.cpuparams.n_threads = settings["threads"]
        params.cpuparams_batch.n_threads = settings["threads"]
        params.verbosity = 2
        if settings["cache_ram_mib"] is not None:
            params.cache_ram_mib = settings["cache_ram_mib"]
        self._engine = xllamacpp.Server(params)
        gauge, counter = pb_utils.MetricFamily.GAUGE, pb_utils.MetricFamily.COUNTER
        self._turn = threading.Lock()  # concurrent updates of metrics crash tritonserver 2.51 (SIGSEGV)
        self._families = [  # a metric is deleted with its family
            pb_utils.MetricFamily(name="front_requests_running", description="Requests under way.", kind=gauge),
            pb_utils.MetricFamily(name="front_prompt_tokens_total", description="Prompt tokens.", kind=counter),
            pb_utils.MetricFamily(name="front_generation_tokens_total", description="Output tokens.", kind=counter),
        ]
        self._running, self._prompt_tokens, self._generated_tokens = (
            family.Metric(labels={}) for family in self._families
        )

    def execute(self, requests: list[Any]) -> None:
        for request in requests:
            prompt = pb_utils.get_input_tensor_by_name(request, "text_input").as_numpy()[0].decode()
            asked = json.loads(request.parameters())
            threading.Thread(target=self._answer, args=(request.get_response_sender(), prompt, asked)).start()

    def _answer(self, sender: Any, prompt: str, asked: Mapping[str, Any]) -> None:
        wanted = {
            "prompt": prompt,
            "max_tokens": int(asked.get("max_tokens", 16)),
            "ignore_eos": bool(asked.get("ignore_eos", False)),
            "stream": bool(asked.get("stream", False)),
            "stream_options": {"include_usage": True},
        }
        sent = 0

        def send(answer: Mapping[str, Any]) -> None:
            nonlocal sent
            with self._turn:
                sent += self._send(sender, answer, sent)

        with self._turn:
            self._running.increment(1)
        try:
            self._engine.handle_completions(wanted, send)
        except Exception as error:  # noqa: BLE001 - after any error the client must get an end
            sender.send(pb_utils.InferenceResponse(error=pb_utils.TritonError(f"{type(error).__name__}: {error}")))
        finally:
            with self._turn:
                self._running.increment(-1)
                sender.send(flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)

    def _send(self, sender: Any, answer: Mapping[str, Any], sent: int) -> int:
        """Forward one piece or a whole answer; return its number of tokens, given those already ``sent``."""
        tokens = 0
        if answer.get("error"):
            sender.send(pb_utils.InferenceResponse(error=pb_utils.TritonError(json.dumps(answer["error"]))))
        if usage := answer.get("usage"):
            self._prompt_tokens.increment(usage["prompt_tokens"])
            self._generated_tokens.increment(usage["completion_tokens"])
        for choice in answer.get("choices") or ():
            tokens = usage["completion_tokens"] - sent if usage else int(bool(choice["text"]))
            sender.send(pb_utils.InferenceResponse(_outputs(choice["text"], choice.get("finish_reason"), tokens)))
        return tokens


def _outputs(text: str, finish_reason: str | None, tokens: int) -> list[Any]:
    return [
        pb_utils.Tensor("text_output", np.array([text.encode()], dtype=np.object_)),
        pb_utils.Tensor("finish_reason", np.array([str(finish_reason).encode()], dtype=np.object_)),
        pb_utils.Tensor("num_output_tokens", np.array([tokens], dtype=np.uint32)),
    ]
