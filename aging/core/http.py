"""The HTTP library (httpx), imported only here, so that replacing it changes one file.

The load client sends through :mod:`aging.load.http.transport` and uses the library's transport contract, requests,
responses and errors; scrapes and queries use the library's client.
"""

from httpx import (
    URL,
    AsyncBaseTransport,
    AsyncByteStream,
    AsyncClient,
    Client,
    ConnectError,
    HTTPError,
    InvalidURL,
    Limits,
    NetworkError,
    ReadError,
    RemoteProtocolError,
    Request,
    Response,
    TimeoutException,
    TransportError,
    WriteError,
    codes,
    get,
)

__all__ = [
    "URL",
    "AsyncBaseTransport",
    "AsyncByteStream",
    "AsyncClient",
    "Client",
    "ConnectError",
    "HTTPError",
    "InvalidURL",
    "Limits",
    "NetworkError",
    "ReadError",
    "RemoteProtocolError",
    "Request",
    "Response",
    "TimeoutException",
    "TransportError",
    "WriteError",
    "codes",
    "get",
]
