"""The HTTP library, imported here alone: httpx today; a change to its successor is a change of this file.

The load client sends through a transport of its own (:mod:`aging.load.http.transport`) and takes from here its
contract, requests, responses and errors; scrapes and queries use the library's own client.
"""

from httpx import (
    URL,
    AsyncBaseTransport,
    AsyncByteStream,
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
