"""Ray's exceptions in a sentence each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ray import exceptions

from aging.core.errors import AgingError
from aging.core.package_code import check_unchanged, code_at_start
from aging.study.fleet import SHARED_ROOMS, HostLostError, OtherCodeError

_SENTENCES: tuple[tuple[type[BaseException], str], ...] = (
    (exceptions.NodeDiedError, "The host left the cluster during the call."),
    (exceptions.LocalRayletDiedError, "The Ray node of the host ended during the call."),
    (exceptions.OutOfMemoryError, "Ray ended the call: the memory of the host is nearly full."),
    (exceptions.WorkerCrashedError, "The Ray worker on the host ended during the call."),
    (exceptions.TaskCancelledError, "The call was canceled."),
    (exceptions.ActorUnschedulableError, "The host is not in the cluster any more."),
    (exceptions.RayActorError, "The Ray worker on the host ended during the call, or the host left the cluster."),
    (exceptions.ActorPlacementGroupRemoved, "The reservation of the cell was removed during the call."),
    (exceptions.OutOfDiskError, "The disk of Ray's temporary folder is full."),
    (exceptions.ObjectStoreFullError, "Ray's object store is full."),
    (exceptions.ObjectLostError, "An answer of the host was lost on its way."),
    (exceptions.GetTimeoutError, "The call timed out."),
    (exceptions.RuntimeEnvSetupError, "Ray could not set up the environment of the call on the host."),
    (exceptions.RaySystemError, "Ray reported an internal error; the cluster may be restarting."),
    (exceptions.RpcError, "The cluster did not answer."),
)
"""The first that fits holds, so a class stands before its bases."""

_NOT_IMPORTED = "failed to import on the worker"


@contextmanager
def losses_named(host: str) -> Iterator[None]:
    """Raise Ray's exceptions as HostLostError, and what a host function raised as AgingError, both naming the host.

    Any other exception of a host function is a bug of the package and passes with its traceback.
    """
    try:
        yield
    except exceptions.RayTaskError as error:
        cause = error.cause
        if isinstance(cause, OtherCodeError):
            check_unchanged("The cells go on: aging resume STUDYDIR goes on with the new code.", *SHARED_ROOMS)
            own = code_at_start(*SHARED_ROOMS)[:8]
            raise OtherCodeError(f"Host {host}: {cause} than this process ({own}); install the same") from None
        if isinstance(cause, AgingError):
            raise type(cause)(*cause.args) from None
        if _NOT_IMPORTED in str(error) or isinstance(cause, ImportError):
            raise AgingError(_not_imported(host)) from None
        sentence = _sentence(cause) if cause is not None else None
        if sentence is None:
            raise
        raise HostLostError(f"Host {host}: {sentence}") from None
    except exceptions.RayError as error:
        if _NOT_IMPORTED in str(error):
            raise AgingError(_not_imported(host)) from None
        raise HostLostError(f"Host {host}: {_sentence(error) or 'Ray lost the call.'}") from None
    except TimeoutError:
        raise HostLostError(f"Host {host}: The call timed out.") from None


def _not_imported(host: str) -> str:
    return (
        f"Host {host}: the Python of its Ray node cannot import this release of aging. Install it there: "
        "pip install 'llm-aging[ray]'."
    )


def _sentence(error: BaseException) -> str | None:
    return next((text for kind, text in _SENTENCES if isinstance(error, kind)), None)
