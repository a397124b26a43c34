"""A numerics service: arrays of heavy-tailed size, a Fourier transform, sorting, a bounded window of results."""

import collections
import os

import numpy as np

from analysis.recordings.servers import wire
from analysis.recordings.servers.leaks import Leak

window: collections.deque[np.ndarray] = collections.deque(maxlen=int(os.environ.get("CAP", "500")))


def handle(key: int, size: int, body: bytes) -> bytes:
    x = np.frombuffer(body, dtype=np.uint8).astype(float)
    x = np.resize(x, 64 + size)
    spectrum = np.abs(np.fft.rfft(x))
    order = np.argsort(spectrum)[-20:]
    window.append(spectrum[: 64 + key % 512].copy())
    mean = np.mean([each[:64].mean() for each in list(window)[-20:]])
    return f"{order.tolist()} {mean:.3f}".encode()


wire.serve(handle, Leak())
