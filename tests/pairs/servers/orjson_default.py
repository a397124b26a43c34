"""orjson with a ``default`` that refuses: every call ends in an exception."""

import orjson
from loopback import serve


class Unknown:
    """What orjson cannot serialize."""


def refuse(value: object) -> object:
    raise TypeError(type(value).__name__)


def work() -> None:
    try:
        orjson.dumps({"value": Unknown()}, default=refuse)
    except TypeError:
        return
    raise AssertionError("orjson serialized what it cannot")


if __name__ == "__main__":
    serve(work)
