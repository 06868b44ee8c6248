"""A page becomes one HTML file: everything inside, nothing fetched, nothing from the data able to run."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from phasewell.durable import replace_file, temporary_beside
from phasewell.errors import OutputError
from phasewell.report.blocks import Block, Figure, Fold, Page, WellBrowser, format_cell
from phasewell.report.theme import chart_config, hour_text

TEMPLATES = Path(__file__).parent / "templates"


def prepare_output(path: Path) -> Path:
    """Return the path of a page when a file can be made there; raises OutputError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(None, "is a folder")
        probe = temporary_beside(path)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OutputError(f"{path}: the page cannot be made ({error.strerror}); give another output") from error
    return path


def write_page(path: Path, page: Page) -> Path:
    """Write a page as one HTML file and return its path; raises StorageError when the disk is full."""
    replace_file(path, render(page).encode("utf-8"))
    return path


def render(page: Page) -> str:
    """Return the page as HTML. Every text is escaped; only the page's own three scripts may run.

    The content security policy names each script by its SHA-256 and allows no remote origin and no `eval`;
    charts are interpreted, not compiled.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"format_cell": format_cell, "hour_text": hour_text}
    charts = {figure.name: figure.spec for section in page.sections for figure in _figures(section.blocks)}
    browsers = [b.document for section in page.sections for b in section.blocks if isinstance(b, WellBrowser)]
    data: dict[str, Any] = {"config": chart_config(), "charts": charts}
    starter = (TEMPLATES / "charts.js").read_text(encoding="utf-8")
    for browser in browsers[:1]:
        data["wells"] = browser
        starter += "".join((TEMPLATES / name).read_text(encoding="utf-8") for name in ("wells.js", "filter.js"))
    runtime = chart_runtime() if charts else ""
    style = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    template = environment.get_template("page.html")
    return template.render(
        page=page,
        policy=_policy([runtime, starter], style, pictures_beside=any(b["folder"] for b in browsers)),
        runtime=_trusted(runtime, "script"),
        starter=_trusted(starter, "script"),
        style=_trusted(style, "style"),
        charts=_trusted(script_json(data), "script"),
        n_charts=len(charts),
    )


def _figures(blocks: Sequence[Block]) -> Iterator[Figure]:
    for block in blocks:
        if isinstance(block, Figure):
            yield block
        elif isinstance(block, Fold):
            yield from _figures(block.blocks)


def script_json(document: Any) -> str:
    """Return JSON that is safe inside a script element: `<`, `>`, `&`, U+2028 and U+2029 are escaped.

    Raises ValueError for NaN and infinities, which JSON cannot say.
    """
    text = json.dumps(document, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


@functools.cache
def chart_runtime() -> str:
    """Return the JavaScript that draws charts, from the installed vl-convert; the same text for every page."""
    import vl_convert

    bundle: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return bundle


def _policy(scripts: Sequence[str], style: str, pictures_beside: bool) -> str:
    images = "data: 'self' file:" if pictures_beside else "data:"  # 'self' is nothing where the page is a file
    hashes = " ".join(_source_hash(script) for script in scripts if script)
    return (
        f"default-src 'none'; script-src {hashes}; style-src {_source_hash(style)}; img-src {images}; "
        "base-uri 'none'; form-action 'none'"
    )


def _source_hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def _trusted(text: str, element: str) -> Any:
    """Mark a text as ready for a raw-text element; only what cannot close that element passes."""
    from markupsafe import Markup

    if f"</{element}" in text.lower() or "<!--" in text or "\r" in text:
        raise ValueError(f"text of a {element} element could end it early")
    return Markup(text)
