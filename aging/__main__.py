"""``python -m aging``, and the ``aging`` command: the command line, interruptible from its first import on."""

import sys


def run() -> int:
    """The exit code of the command line's verb."""
    try:
        from aging.cli.main import main  # noqa: PLC0415 - its imports may be interrupted, too

        return main()
    except KeyboardInterrupt:
        print("aging: interrupted before anything was done", file=sys.stderr)  # noqa: T201
        return 130


if __name__ == "__main__":
    sys.exit(run())
