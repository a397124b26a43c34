"""The front of engines that are libraries: what it does with answers under way when it is asked to end."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator

import pytest

from tests.conftest import ROOT, unused_port, wait_for

ENGINE = """
import os, sys
sys.path.insert(0, sys.argv[1])
from openai_front import Usage, serve

class Engine:
    def complete(self, prompt, max_tokens):
        yield "first"
        os.read(0, 1)  # the test says when to go on
        yield "last"
        return Usage(1, 2)

    def metrics(self):
        return {}

serve(Engine(), int(sys.argv[2]))
"""


class Front:
    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        body = json.dumps({"prompt": "a", "max_tokens": 2, "stream": True}).encode()
        asked = urllib.request.Request(f"http://127.0.0.1:{port}/v1/completions", body)
        self.answer = urllib.request.urlopen(asked, timeout=60)
        assert b"first" in self.answer.readline()

    def go_on(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(b"x")
        self.process.stdin.flush()


@pytest.fixture
def front() -> Iterator[Front]:
    port = unused_port()
    argv = [sys.executable, "-c", ENGINE, str(ROOT / "aging" / "deployments" / "_scripts"), str(port)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        made = Front(process, port)
        yield made
        made.answer.close()
        process.kill()


def test_answers_under_way_end_before_it_does(front: Front) -> None:
    front.process.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        front.process.wait(0.3)
    front.go_on()
    assert b"[DONE]" in front.answer.read()
    assert front.process.wait(60) == 0


def test_second_signal_ends_it_at_once(front: Front) -> None:
    front.process.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        front.process.wait(0.3)
    wait_for(lambda: _told_again(front.process), "a second signal was passed over")
    assert front.process.wait(60) == 0


def _told_again(process: subprocess.Popen[bytes]) -> bool:
    process.send_signal(signal.SIGTERM)
    return process.poll() is not None
