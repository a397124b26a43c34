"""ijson's C backend with a document that is not JSON: every call ends in an exception."""

import ijson.backends.yajl2_c
from ijson.common import JSONError
from loopback import serve


def work() -> None:
    try:
        next(ijson.backends.yajl2_c.items(b"XXX", "item"))
    except JSONError:
        return
    raise AssertionError("ijson read what is not JSON")


if __name__ == "__main__":
    serve(work)
