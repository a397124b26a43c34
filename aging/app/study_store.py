"""The copy of a study's folder in an object store, where its `results` is a URL; the local folder stays the truth."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from aging.core.errors import InputError, StorageError
from aging.core.parts import CLUSTER
from aging.core.tasks import cancel_all
from aging.store.lock import LockedError, owner_of
from aging.study.layout import StudyLayout
from aging.study.schema import StudyFile

if TYPE_CHECKING:
    from aging.cluster.store import StudyStore

_URL = "://"
_PATH_OF_URL = re.compile(r"([a-z][a-z0-9]+):/(.*)")
_PAUSE_SECONDS = 10.0
_LOCAL = Path("results")


def results_folder(file: StudyFile, beside: Path, given: Path | None) -> Path:
    """The local folder of results: as ``given``, else that of the study file, relative to it, else ``results``.

    Raises InputError for a URL that is ``given``, which as a path has one slash.
    """
    if (where := _given_url(given)) is not None:
        raise InputError(
            f"--results {where}: is a folder of this machine; name a store in the study file: results = {where!r}"
        )
    if given is not None:
        return given
    if file.results is None or _URL in file.results:
        return _LOCAL
    return beside / file.results


def shared_folder(file: StudyFile, beside: Path, given: Path | None) -> Path:
    """The folder of results that the jobs of a study share: as :func:`results_folder`.

    Raises InputError for a URL, also for that of the study file where no folder is ``given``.
    """
    where = f"--results {url}" if (url := _given_url(given)) is not None else None
    if given is None and file.results is not None and _URL in file.results:
        where = f"results = {file.results!r} of the study file"
    if where is not None:
        raise InputError(f"--cell: {where} is a store, and jobs share a folder; give it: --results FOLDER")
    return results_folder(file, beside, given)


def _given_url(given: Path | None) -> str | None:
    """The URL that was given as a folder."""
    url = None if given is None else _PATH_OF_URL.match(str(given))
    return None if url is None else f"{url[1]}://{url[2]}"


def store_of(file: StudyFile, layout: StudyLayout) -> StudyStore | None:
    """The store that the study file names, opened; None where it names none.

    Raises MissingPartError without its driver, InputError for what is no URL, StorageError where nothing answers.
    """
    if file.results is None or _URL not in file.results:
        return None
    CLUSTER.require(f"results = {file.results}")
    from aging.cluster.store import StudyStore, study_url  # noqa: PLC0415 - an optional part

    return StudyStore.open(study_url(file.results, layout.root.parent.name, layout.root.name))


def fetched(url: str) -> Path:
    """The local folder of a study in a store, ``results/<study>/<UTC start>``, with all that is there as a whole.

    Raises LockedError where a process works in the local folder.
    """
    CLUSTER.require(url)
    from aging.cluster.store import fetch  # noqa: PLC0415 - an optional part

    parts = [one for one in url.partition(_URL)[2].split("/") if one not in ("", ".", "..")]
    if len(parts) < 2:
        raise InputError(f"{url}: give the URL of one study, like s3://bucket/results/STUDY/20261121T011500Z")
    into = _LOCAL / parts[-2] / parts[-1]
    if (owner := owner_of(into)) is not None:
        raise LockedError(into, owner)
    return fetch(url, into)


@contextlib.asynccontextmanager
async def mirrored(store: StudyStore | None, root: Path, tell: Callable[[str], None]) -> AsyncIterator[None]:
    """Send what is new in the folder to the store, now and then within the body, and once more after it."""
    if store is None:
        yield
        return
    sending = asyncio.create_task(_send_on(store, root, tell))
    try:
        yield
    finally:
        await cancel_all([sending])
        send(store, root, tell)


def send(store: StudyStore, root: Path, tell: Callable[[str], None]) -> bool:
    """Send what is new once; whether all of it was sent. What was not is sent by the next call."""
    try:
        store.push(root)
    except StorageError as error:
        tell(f"The store does not take the results; they stay in {root}: {error}")
        return False
    return True


async def _send_on(store: StudyStore, root: Path, tell: Callable[[str], None]) -> None:
    refused = False
    while True:
        sent = await asyncio.to_thread(send, store, root, tell if not refused else _silent)
        refused = not sent
        await asyncio.sleep(_PAUSE_SECONDS)


def _silent(_line: str) -> None:
    """A store that refuses is named once, and again when it has taken something in between."""
