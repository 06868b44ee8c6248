"""The documentation site: `make docs` builds it into build/docs, which opens from a disk and fetches nothing.

Sphinx and not Zensical: its search and pages work from `file://`, no font is fetched, broken links and docstrings fail
the build, and the reference comes from the imported package, without MkDocs beside it.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import phasewell

sys.path.insert(0, str(Path(__file__).parent))
from make_pages import make_pages

project = "phasewell"
version = release = phasewell.__version__
author = "the authors of phasewell"
extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["notebooks"]
html_theme = "furo"
html_title = "phasewell"
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False
html_show_sourcelink = False
myst_heading_anchors = 4
myst_enable_extensions = ["deflist"]
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
default_role = "literal"
smartquotes = False  # they would make one dash of the two of an option

make_pages(Path(__file__).parent)


def plain_docstring(_app: Any, _what: str, _name: str, _object: Any, _options: Any, lines: list[str]) -> None:
    """Our docstrings are plain text with names between backticks: nothing else in them is markup."""
    text = "\n".join(lines)
    pieces = re.split(r"(`[^`]+`)", text)
    escaped = [
        f"``{piece.strip('`')}``" if piece.startswith("`") else re.sub(r"([\\*_|`])", r"\\\1", piece)
        for piece in pieces
        if piece
    ]
    lines[:] = "".join(escaped).split("\n")


def list_every_page(_app: Any, name: str, source: list[str]) -> None:
    """Pages that no list of the index names stand in one more, so that none is lost."""
    if name == "index":
        pages = sorted(path.stem for path in Path(__file__).parent.glob("*.md"))
        more = [page for page in pages if page != "index" and not re.search(rf"^{page}$", source[0], re.MULTILINE)]
        if more:
            source[0] += "\n```{toctree}\n:hidden:\n:caption: More\n\n" + "\n".join(more) + "\n```\n"


def setup(app: Any) -> None:
    """Connect the readers of docstrings and of the index; tables in CSV are shown as they are."""
    from pygments.lexers.special import TextLexer

    app.add_lexer("csv", TextLexer)
    app.connect("source-read", list_every_page)
    app.connect("autodoc-process-docstring", plain_docstring)
