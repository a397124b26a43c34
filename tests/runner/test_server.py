"""A server's readiness: what it costs the loop that samples the others."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import pytest

from aging.runner import probe
from aging.runner.generation import Generation
from aging.runner.probe import _answer_or_end


def test_listener_lookup_off_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[threading.Thread] = []

    class Life:
        trees: ClassVar = {"main": (1,)}

        def serves(self) -> bool:
            looked.append(threading.current_thread())
            return True

        async def wait(self) -> str:
            await asyncio.Event().wait()
            return "never"

    async def answered(*_: object) -> SimpleNamespace:
        return SimpleNamespace(error=None)

    monkeypatch.setattr(probe, "send", answered)
    monkeypatch.setattr(probe, "completion", lambda *_: None)
    options = SimpleNamespace(name="a", ready_timeout=60.0)
    deployment = SimpleNamespace(options=options, chooses_port=False, origin=lambda: None)
    served = Generation(1, cast("Any", deployment), 1, cast("Any", None), lambda _: None, over=lambda _: None)
    asyncio.run(served._until_ready(cast("Any", Life()), cast("Any", None), 0.0))
    assert len(looked) == 1
    assert looked[0] is not threading.main_thread()


def test_server_ends_during_probe() -> None:
    class Ending:
        async def wait(self) -> str:
            return "exit 1"

    async def asked() -> object:
        life: Any = Ending()
        never: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        async def unanswered() -> Any:
            return await never

        return await _answer_or_end(life, unanswered())

    assert asyncio.run(asked()) is None
