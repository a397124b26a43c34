"""What a cluster cannot be used for. This module does not need Ray."""

from __future__ import annotations

from aging.core.errors import AgingError, ExitCode


class ClusterError(AgingError):
    """A cluster that does not answer, or cannot be used for this."""

    exit_code = ExitCode.BAD_INPUT
