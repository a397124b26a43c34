"""The bodies of a campaign's plain requests, kept in its result directory: a resume sends what the start has sent."""

from __future__ import annotations

import shutil
from hashlib import sha256
from pathlib import Path

from aging.campaign.schema import Campaign
from aging.core.errors import writing
from aging.load.schedule.input_files import with_bodies
from aging.store.layout import Layout

_NAME_CHARACTERS = 100


def keep_bodies(campaign: Campaign, layout: Layout) -> None:
    """Copy every body file of the campaign's load into the result directory. Raises StorageError."""

    def copy(file: str) -> str:
        with writing(layout.bodies):
            layout.bodies.mkdir(exist_ok=True)
            shutil.copyfile(file, _kept(layout, file))
        return file

    with_bodies(campaign, copy)


def kept_bodies(campaign: Campaign, layout: Layout) -> Campaign:
    """The campaign with the kept copies in place of its body files, where there are copies."""

    def kept(file: str) -> str:
        copy = _kept(layout, file)
        return str(copy.absolute()) if copy.exists() else file

    return with_bodies(campaign, kept)


def _kept(layout: Layout, file: str) -> Path:
    """The copy of a file, by its path in the campaign file: two files may have one name."""
    return layout.bodies / f"{sha256(file.encode()).hexdigest()[:12]}-{Path(file).name[-_NAME_CHARACTERS:]}"
