"""The documentation site: Sphinx, MyST and furo, without network. ``make site`` builds it; warnings are errors."""

from __future__ import annotations

import re
import sys
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools.documentation import FROM_OUTSIDE, llms_page, parts, site_path, with_links_of_the_site  # noqa: E402

project = "aging"
author = copyright = "the authors of aging"
release = version = version_of("llm-aging")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_copybutton"]
root_doc = "index"
exclude_patterns = ["_build", "_static", "README.md", "examples"]
language = "en"
smartquotes = False

myst_heading_anchors = 4
myst_links_external_new_tab = False
copybutton_exclude = ".linenos, .gp, .go"
copybutton_prompt_text = "$ "

nitpicky = True
# Types of other libraries have no page here, and without network none can be looked up.
nitpick_ignore_regex = [(r"py:.*", r"(?!aging\.(stats\.|testing\.)?\w+$).*")]
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_use_legacy_class_based = False

html_theme = "furo"
html_title = f"aging {release}"
html_static_path = ["_static"]
html_js_files = ["access.js"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False


def _copy_pages_from_outside() -> None:
    for path, copy in FROM_OUTSIDE.items():
        target = ROOT / "docs" / copy
        text = (ROOT / path).read_text(encoding="utf-8")
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            target.parent.mkdir(exist_ok=True)
            target.write_text(text, encoding="utf-8")


_LISTED = {"docs/index.md", *(page.path for part in parts() for page in part.pages)}
_PATHS = {site_path(path): path for path in FROM_OUTSIDE}


def _source_read(_app: Any, name: str, source: list[str]) -> None:
    page = _PATHS.get(f"{name}.md", f"docs/{name}.md")
    source[0] = with_links_of_the_site(source[0], page)
    if page not in _LISTED:  # such as tables of studies, which belong to the pages that link to them
        source[0] = f"---\norphan: true\n---\n\n{source[0]}"


def _for_language_models(app: Any, error: Exception | None) -> None:
    """Every page as Markdown beside its HTML, llms.txt with links to these, and llms-full.txt, which is all of them."""
    if error or app.builder.format != "html":
        return
    out = Path(app.outdir)
    whole = [f"# {project} {release}\n"]
    for page in (page.path for part in parts() for page in part.pages):
        text = with_links_of_the_site((ROOT / page).read_text(encoding="utf-8"), page)
        target = out / site_path(page)
        target.parent.mkdir(exist_ok=True)
        target.write_text(text, encoding="utf-8")
        whole.append(re.sub(r"^<!--.*?-->\n\n?", "", text, flags=re.MULTILINE))
    (out / "llms.txt").write_text(with_links_of_the_site(llms_page(), "docs/llms.txt"), encoding="utf-8")
    (out / "llms-full.txt").write_text("\n\n".join(whole), encoding="utf-8")


def setup(app: Any) -> None:
    _copy_pages_from_outside()
    app.connect("source-read", _source_read)
    app.connect("build-finished", _for_language_models)
