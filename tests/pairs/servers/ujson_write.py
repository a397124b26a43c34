"""ujson with a file that refuses to be written: every call ends in an exception."""

import ujson
from loopback import serve

ROWS = [{"id": number, "name": f"name {number}"} for number in range(40)]


class Full:
    """A file on a full disk."""

    def write(self, _: str) -> int:
        raise OSError(28, "no space left on device")


def work() -> None:
    try:
        ujson.dump(ROWS, Full())
    except OSError:
        return
    raise AssertionError("ujson wrote to a full disk")


if __name__ == "__main__":
    serve(work)
