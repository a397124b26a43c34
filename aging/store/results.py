"""A result directory as pandas frames; it may still be written.

Opening one and reading its journal and manifest imports neither pandas nor pyarrow, as for `aging status`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aging.core.errors import ResultsError
from aging.core.parts import SEALED as PARQUET
from aging.core.records import HARNESS, TREE
from aging.store.events import Event
from aging.store.journal import read_journal
from aging.store.layout import REQUESTS, Layout
from aging.store.manifest_file import manifest_content
from aging.store.other_path import not_a_campaign
from aging.store.segments import LIVE, SEALED
from aging.store.state import CampaignState, fold, superseded

if TYPE_CHECKING:
    import pandas as pd

    from aging.store.frames import Frames
    from aging.store.manifest import Manifest


@dataclass(frozen=True)
class Results:
    """The results of a campaign. Times in the frames are monotonic seconds (``mono``) and epoch seconds (``wall``).

    ``events`` is the journal, oldest first, and ``state`` its fold, both as they were when the directory was opened.
    ``checked`` results read every column, so that :meth:`trimmed` does not read again: an analysis uses most columns
    and must report damage to any.
    """

    layout: Layout
    events: tuple[Event, ...] = field(repr=False)
    state: CampaignState = field(repr=False)
    checked: bool = False

    @cached_property
    def manifest(self) -> Manifest:
        """Host, versions, seed, schedule hash, and the campaign with its defaults filled in."""
        from aging.store.manifest import checked  # noqa: PLC0415 - what follows a campaign needs its name alone

        return checked(self.content, self.layout.manifest)

    def under(self, manifest: Manifest) -> Results:
        """The same rows, read once for both, under another manifest: what would other settings have said?"""
        other = replace(self)
        vars(other).update(manifest=manifest, _frames=self._frames, _trimmed=self._trimmed)
        return other

    @cached_property
    def content(self) -> Mapping[str, Any]:
        """``manifest.json``, its values unchecked."""
        return manifest_content(self.layout.manifest)

    @property
    def name(self) -> str:
        """The campaign's name."""
        return str(self.content["campaign"]["name"])

    @property
    def description(self) -> str:
        """The campaign's line of text; of an observation, what is observed."""
        return str(self.content["campaign"].get("description") or "")

    @property
    def observed(self) -> Mapping[str, Any]:
        """By deployment, what was known of a process that ran already: pid, command, ports, unit, control group."""
        found = {one.get("name"): one.get("observed") for one in self.content["deployments"]}
        return {name: known for name, known in found.items() if known}

    def events_of(self, deployment: str, replica: int) -> tuple[Event, ...]:
        """The events of one run; of its last attempt if it was repeated."""
        return tuple(event for event in self.lasting_events if event.of_run(deployment, replica))

    @cached_property
    def lasting_events(self) -> tuple[Event, ...]:
        """The journal without the events of earlier attempts at repeated runs."""
        gone = superseded(self.events)
        return tuple(event for place, event in enumerate(self.events) if place not in gone)

    @property
    def deployments(self) -> tuple[str, ...]:
        """Names of the deployments under test, in the campaign's order."""
        return tuple(deployment.name for deployment in self.manifest.deployments)

    def samples(self, owner: str, source: str, replica: int = 1, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Rows of one sampler (``process``, ``host``, ``engine``, ``device``, …), one column a metric.

        ``owner`` is a deployment, or ``_harness`` for the harness, host and devices. With ``columns`` only those are
        read, unless the results are ``checked``: one metric of nine days at 1 Hz takes a second.
        """
        folder = self.layout.source(owner, source, replica)
        frame = self._frames.get(folder, columns)
        if frame is None:
            frame, trimmed = self._read(folder, columns)
            if self.checked or columns is None:
                self._trimmed[folder] = trimmed
            self._frames.put(folder, columns, frame)
            frame = frame.copy(deep=False)
        return frame

    def _read(self, folder: Path, columns: Sequence[str] | None) -> tuple[pd.DataFrame, Sequence[str]]:
        """The rows of a folder, and a message per file with unreadable ones."""
        if not PARQUET.installed:
            from aging.store.line_reader import read_lines  # noqa: PLC0415 - pandas: rows need it, a look does not

            lines = read_lines(folder, columns)
            return lines.frame, lines.trimmed
        from aging.store.reader import read_requests, read_rows  # noqa: PLC0415 - pyarrow, likewise

        read = read_requests if folder.name == REQUESTS else read_rows
        rows = read(folder, columns, checked=self.checked)
        return rows.table.to_pandas(), rows.trimmed

    def tree(
        self, deployment: str, replica: int = 1, source: str = "process", columns: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """Rows of a sampler about a deployment as a whole, without those of its components."""
        wanted = None if columns is None else ("entity", *columns)
        rows = self.samples(deployment, source, replica, wanted)
        return rows if rows.empty else rows[rows["entity"] == TREE]

    def requests(self, deployment: str, replica: int = 1, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """One row per request, in the order of their ends, with the columns of ``RequestRecord``, or these of them."""
        return self.samples(deployment, REQUESTS, replica, columns)

    @cached_property
    def _frames(self) -> Frames:
        from aging.store.frames import Frames  # noqa: PLC0415 - pandas, as above

        return Frames()

    @cached_property
    def _trimmed(self) -> dict[Path, Sequence[str]]:
        """Unreadable files of the folders that were read completely."""
        return {}

    def replicas(self, deployment: str) -> tuple[int, ...]:
        """Replicas with data."""
        return tuple(sorted(replica for name, replica in self.state.runs if name == deployment))

    def trimmed(self) -> list[str]:
        """One message per file of the directory that cannot be read completely."""
        if PARQUET.installed:
            from aging.store.reader import trimmed_in  # noqa: PLC0415 - pyarrow, as above
        else:
            from aging.store.line_reader import trimmed_in  # noqa: PLC0415

        folders = sorted({path.parent for path in self.layout.root.glob(f"*/r*/*/*{LIVE}")}) + sorted(
            {path.parent for path in self.layout.root.glob(f"*/r*/*/*{SEALED}")}
        )
        notes = [
            f"{folder.relative_to(self.layout.root)}/{note}"
            for folder in dict.fromkeys(folders)
            for note in (self._trimmed[folder] if folder in self._trimmed else trimmed_in(folder))
        ]
        broken = len(self.layout.journal.read_bytes().splitlines()) - len(self.events)
        if broken:
            lines = "line was" if broken == 1 else "lines were"
            notes.append(f"journal.jsonl: {broken} incomplete {lines} left out")
        return notes


def open_results(path: str | Path, *, checked: bool = False) -> Results:
    """Open a result directory, ``checked`` for an analysis. Raises :class:`ResultsError` for any other path."""
    root = Path(path)
    try:
        there = root.exists()
    except OSError as error:  # a name that is too long
        raise ResultsError(f"{root}: {error.strerror}; give a result directory") from None
    if not there:
        raise ResultsError(f"{root}: does not exist")
    if not (root / "journal.jsonl").is_file():
        raise ResultsError(f"{root}: {not_a_campaign(root)}")
    layout = Layout(root)
    events = read_journal(layout.journal)
    state = fold(events)
    results = Results(replace(layout, attempts=state.attempts), events, state, checked)
    results.content  # noqa: B018 - raise now for an unreadable manifest, not halfway
    return results


__all__ = ["HARNESS", "Results", "open_results"]
