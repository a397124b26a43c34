"""The pairs: what leaks in which release, which request shows it, and how much each of them grew when measured.

Bytes per request were measured on 29 November 2026 (x86-64, Python 3.11.7) with a plain client over one connection:
anonymous memory plus swap of the server's processes after a warm-up of 500 to 10,000 requests and after 4,000 to 20,000
more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Release:
    """A release, its pinned requirements (the first is its own), and the bytes per request that were measured."""

    version: str
    requirements: tuple[str, ...]
    bytes_per_request: float


@dataclass(frozen=True, slots=True)
class Pair:
    """A library in two releases. ``server`` is a file of ``servers/`` that gets the port as its first argument.

    ``request`` and ``limit`` are as on the command line of ``aging check``; the limit is at most half the leak.
    ``source`` is where the leak is described. ``model`` is whether the server gets the path of a tiny GGUF model.
    """

    name: str
    server: str
    request: str
    limit: str
    leaky: Release
    repaired: Release
    source: str
    body: str | None = None
    rate: float = 100.0
    budget: str = "2m"
    installer: Literal["pip", "npm"] = "pip"
    program: str = "bin/python"
    model: bool = False


_AIOHTTP = (
    "aiohappyeyeballs==2.7.1",
    "aiosignal==1.4.0",
    "attrs==26.1.0",
    "frozenlist==1.8.0",
    "idna==3.20",
    "multidict==6.9.1",
    "propcache==0.5.4",
    "typing_extensions==4.16.0",
    "yarl==1.25.1",
)


def _openvino(genai: str, openvino: str) -> tuple[str, ...]:
    """The tokenizers, which leaked, are released with the library."""
    return (
        f"openvino-genai=={genai}",
        f"openvino=={openvino}",
        f"openvino-tokenizers=={genai}",
        "openvino-telemetry==2025.2.0",
        "numpy==2.4.6",
    )


PAIRS = (
    Pair(
        name="aiohttp",
        server="aiohttp_middleware.py",
        request="GET:/{number}=404",
        limit="1KiB",
        leaky=Release("3.10.10", ("aiohttp==3.10.10", *_AIOHTTP), 7396),
        repaired=Release("3.10.11", ("aiohttp==3.10.11", *_AIOHTTP), 34),
        source="https://github.com/aio-libs/aiohttp/security/advisories/GHSA-27mf-ghqm-j3j8 (CVE-2024-52303)",
    ),
    Pair(
        name="orjson",
        server="orjson_default.py",
        request="GET:/",
        limit="256B",
        leaky=Release("3.9.0", ("orjson==3.9.0",), 1081),
        repaired=Release("3.9.1", ("orjson==3.9.1",), 0),
        source="https://github.com/ijl/orjson/issues/392",
    ),
    Pair(
        name="ijson",
        server="ijson_error.py",
        request="GET:/",
        limit="1KiB",
        leaky=Release("3.2.0.post0", ("ijson==3.2.0.post0",), 65616),
        repaired=Release("3.2.1", ("ijson==3.2.1",), 0),
        source="https://github.com/ICRAR/ijson/issues/97",
    ),
    Pair(
        name="ujson",
        server="ujson_write.py",
        request="GET:/",
        limit="256B",
        leaky=Release("5.12.0", ("ujson==5.12.0",), 1136),
        repaired=Release("5.12.1", ("ujson==5.12.1",), 0),
        source="https://github.com/ultrajson/ultrajson/pull/727 (CVE-2026-44660)",
    ),
    Pair(
        name="bun",
        server="bun_body.js",
        request="POST:/x@body.json",
        body='{"text": "the body that the handler does not read"}',
        limit="64B",
        leaky=Release("1.1.21", ("@oven/bun-linux-x64@1.1.21",), 248),
        repaired=Release("1.1.22", ("@oven/bun-linux-x64@1.1.22",), 3),
        source="https://github.com/oven-sh/bun/issues/10265",
        rate=500.0,
        installer="npm",
        program="node_modules/@oven/bun-linux-x64/bin/bun",
    ),
    Pair(
        name="openvino-genai",
        server="openvino_words.py",
        request="GET:/",
        limit="3KiB",
        leaky=Release("2026.1.0.0", _openvino("2026.1.0.0", "2026.1.0"), 8369),
        repaired=Release("2026.2.0.0", _openvino("2026.2.0.0", "2026.2.0"), 870),
        source="https://github.com/openvinotoolkit/openvino_tokenizers/pull/629",
        rate=20.0,
        budget="4m",
        model=True,
    ),
)
