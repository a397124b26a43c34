"""The process between a study and Ray: ``python -m aging.cluster.bridge ADDRESS``, calls on stdin, answers on stdout.

Its first line is the digest of its code: a study whose code was changed under it must not read on.

Ray's core ends the process that it is loaded into (``abort``) as soon as it has lost the head for a minute or its own
node at once, prints to its stdout, and takes its SIGTERM. A study must survive each of them; so it starts this process,
and another one when it is gone.
"""

from __future__ import annotations

import asyncio
import os
import sys
import traceback
from typing import BinaryIO

from aging.cluster.session import Session, connect
from aging.cluster.wire import Answer, Call, frame, receive
from aging.core.errors import AgingError
from aging.core.package_code import ChangedCodeError, code_at_start
from aging.study.fleet import SHARED_ROOMS, HostLostError, OtherCodeError


def main() -> None:
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    _write_all(answers, f"{code_at_start(*SHARED_ROOMS)}\n".encode())
    asyncio.run(_serve(sys.argv[1], answers))
    os._exit(0)  # Ray's own end waits for a head that may be gone


async def _serve(address: str, answers: BinaryIO) -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    session, sending, running = Session(), asyncio.Lock(), set[asyncio.Task[None]]()

    async def send(answer: Answer) -> None:
        content = frame(answer)
        async with sending:
            await asyncio.to_thread(_write_all, answers, content)

    async def answer(call: Call) -> None:
        await send(await _answer(session, call))

    try:
        connect(address)
    except AgingError as error:
        await send(Answer(0, "refused", str(error)))
        return
    await send(Answer(0, "value"))
    while True:
        try:
            call = await receive(reader)
        except EOFError:
            return
        task = asyncio.create_task(answer(call))
        running.add(task)
        task.add_done_callback(running.discard)


async def _answer(session: Session, call: Call) -> Answer:
    task = asyncio.ensure_future(getattr(session, call.method)(*call.arguments))
    await asyncio.wait([task])
    error = task.exception()
    match error:
        case None:
            return Answer(call.number, "value", task.result())
        case HostLostError():
            return Answer(call.number, "lost", str(error))
        case ChangedCodeError() | OtherCodeError():
            return Answer(call.number, "other_code", error)
        case AgingError():
            return Answer(call.number, "refused", str(error))
    return Answer(call.number, "bug", "".join(traceback.format_exception(error)))


def _write_all(out: BinaryIO, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[out.write(view) :]


if __name__ == "__main__":
    main()
