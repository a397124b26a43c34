"""The parts of the page that change, and which of them changed since when: a page that is open gets only those."""

from __future__ import annotations

import json

from aging.core.web import server_sent_event


class Parts:
    """The last text of each part and figure, with the turn in which it changed."""

    def __init__(self) -> None:
        self.turn = 0
        self._html: dict[str, tuple[int, str]] = {}
        self._figures: dict[str, tuple[int, str]] = {}

    def put(self, id_: str, html: str) -> None:
        """The content of the element ``id_``."""
        if id_ not in self._html or self._html[id_][1] != html:
            self._html[id_] = (self.turn, html)

    def draw(self, key: str, figure: str, *, anew: bool) -> None:
        """A figure as JSON; ``anew``: its element is another one, so it is sent even if it has not changed."""
        if anew or key not in self._figures or self._figures[key][1] != figure:
            self._figures[key] = (self.turn, figure)

    def since(self, turn: int) -> bytes | None:
        """What has changed after a turn, as an event; None of nothing."""
        html = {id_: text for id_, (changed, text) in self._html.items() if changed > turn}
        figures = [(key, text) for key, (changed, text) in self._figures.items() if changed > turn]
        if not html and not figures:
            return None
        drawn = ",".join(f"{json.dumps(key)}:{text}" for key, text in figures)
        return server_sent_event("update", f'{{"html":{json.dumps(html)},"figures":{{{drawn}}}}}')
