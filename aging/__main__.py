"""``python -m aging``: the command line."""

import sys

from aging.commands import main

if __name__ == "__main__":
    sys.exit(main())
