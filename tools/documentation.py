"""The pages of the documentation, as ``docs/README.md`` lists them: its parts, and of each page title and purpose.

Makes ``docs/index.md``, the first page of the site with its navigation, and ``docs/llms.txt`` (https://llmstxt.org).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"

FROM_OUTSIDE = {
    "README.md": "project/readme.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "CHANGELOG.md": "project/changelog.md",
    "SECURITY.md": "project/security.md",
    "results/README.md": "project/results.md",
    "results/recordings/README.md": "project/recordings.md",
}
"""Pages of the site that lie outside of ``docs/``, below the checkout, and the copy that the site is built from."""

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_ROW = re.compile(r"^\| (?!you want|---)(.+?) \| \[[^]]*\]\(([^)\s]+)\)(.*?) \|$")


@dataclass(frozen=True, slots=True)
class Page:
    path: str
    """Below the checkout, such as ``docs/tutorial.md``."""
    purpose: str
    """What a reader wants who reads it."""

    @property
    def title(self) -> str:
        first = next(line for line in (ROOT / self.path).read_text(encoding="utf-8").splitlines() if line[:2] == "# ")
        return first[2:]


@dataclass(frozen=True, slots=True)
class Part:
    title: str
    pages: Sequence[Page]


def parts() -> Sequence[Part]:
    """The parts of ``docs/README.md``, each page in the part that names it first."""
    seen: set[str] = set()
    found = []
    for title, text in _sections((DOCS / "README.md").read_text(encoding="utf-8")):
        pages = [page for page in _pages(text) if page.path not in seen]
        seen |= {page.path for page in pages}
        found.append(Part(title, pages))
    return found


def _all() -> Iterator[Page]:
    for part in parts():
        yield from part.pages


def index_page() -> str:
    """``docs/index.md``: ``docs/README.md`` with titles in place of file names, and the navigation of the site."""
    text = (DOCS / "README.md").read_text(encoding="utf-8")
    made = "<!-- Made by tools/documentation.py from docs/README.md: change it there, then run: make docs -->\n"
    head, *rest = re.split(r"^(?=## )", text, flags=re.MULTILINE)
    sections = (f"{section.rstrip()}\n\n{_navigation(part)}\n" for section, part in zip(rest, parts(), strict=True))
    titles = {f"[{name}]({name}": f"[{page.title}]({name}" for page in _all() if (name := page.path[len("docs/") :])}
    named = f"{head}{''.join(sections)}"
    for link, titled in titles.items():
        named = named.replace(link, titled)
    return f"{made}\n{named}"


def llms_page() -> str:
    """``docs/llms.txt``: the title, what it is, and of every page a link with one line."""
    _, summary, *_ = (DOCS / "README.md").read_text(encoding="utf-8").split("\n\n")
    plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", " ".join(summary.split()))
    lines = ["# aging", "", f"> {plain.partition(' New here')[0]}", ""]
    for part in parts():
        lines += [f"## {part.title}", "", *(_listed(page) for page in part.pages), ""]
    return "\n".join(lines).rstrip() + "\n"


def site_path(path: str) -> str:
    """Where the site has a file of the checkout, below ``docs/``: pages outside of it are copied there."""
    if path in ("docs/README.md", "docs"):
        return "index.md"
    return FROM_OUTSIDE.get(path) or _relative(path, PurePosixPath("docs"))


def with_links_of_the_site(text: str, page: str) -> str:
    """The text of a page (by its path below the checkout) with links that hold where the site has it.

    A link to a folder becomes plain text, since the site has no page of it.
    """
    here = PurePosixPath(site_path(page)).parent

    def moved(found: re.Match[str]) -> str:
        target, mark, anchor = found[1].partition("#")
        if not target or re.match(r"[a-z]+:", target):
            return found[0]
        path = normpath(PurePosixPath(page).parent / target)
        return f"]({_relative(site_path(path), here)}{mark}{anchor})"

    kept = re.split(r"(^```.*?^```)", text, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if part.startswith("```") else _LINK.sub(moved, _without_folders(part, page)) for part in kept)


def _without_folders(text: str, page: str) -> str:
    def plain(found: re.Match[str]) -> str:
        target = found[2].partition("#")[0]
        folder = target and not re.match(r"[a-z]+:", target) and (ROOT / page).parent.joinpath(target).is_dir()
        return found[1] if folder else found[0]

    return re.sub(r"(?<!!)\[([^]]*)\]\(([^)\s]+)\)", plain, text)


def _relative(path: str, start: PurePosixPath) -> str:
    here = "/checkout/docs"  # not the present folder, in whose name `..` may end
    return relpath(f"{here}/{path}", f"{here}/{start}")


def _sections(text: str) -> Iterator[tuple[str, str]]:
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        title, _, rest = section.partition("\n")
        yield title, rest


def _pages(text: str) -> Iterator[Page]:
    for line in text.splitlines():
        if row := _ROW.match(line):
            path = normpath(f"docs/{row[2].partition('#')[0]}")
            yield Page(path, row[1])


def _navigation(part: Part) -> str:
    names = "\n".join(site_path(page.path).removesuffix(".md") for page in part.pages)
    return f"```{{toctree}}\n:hidden:\n:caption: {part.title}\n\n{names}\n```\n"


def _listed(page: Page) -> str:
    return f"- [{page.title}]({_relative(page.path, PurePosixPath('docs'))}): {page.purpose}"
