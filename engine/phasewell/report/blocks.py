"""What a page is made of: plain values that the template renders with escaping on; no HTML is written here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, ClassVar

from phasewell.report.overlay import Picture

Cell = str | int | float | None


@dataclass(frozen=True)
class Paragraph:
    """A paragraph; `tone` is "plain", "muted", "note" or "warning"."""

    text: str
    tone: str = "plain"
    kind: ClassVar[str] = "paragraph"


@dataclass(frozen=True)
class Fact:
    """One headline number with its label and what it rests on."""

    label: str
    value: str
    detail: str = ""
    tone: str = "plain"


@dataclass(frozen=True)
class Facts:
    """A row of headline numbers."""

    items: Sequence[Fact]
    kind: ClassVar[str] = "facts"


@dataclass(frozen=True)
class Column:
    """A table column: title with unit, and the format of its numbers (a format specification, or empty for text).

    Neighbouring columns with the same `group` stand under one heading.
    """

    title: str
    spec: str = ""
    group: str = ""

    @property
    def numeric(self) -> bool:
        """True when the column is set flush right."""
        return bool(self.spec)


@dataclass(frozen=True)
class Table:
    """A table; a row may be shorter than the columns, None is shown as a dash."""

    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    note: str = ""
    kind: ClassVar[str] = "table"

    @property
    def headings(self) -> list[tuple[str, int]]:
        """The groups over the columns with how many columns each spans; empty when no column has a group."""
        if not any(column.group for column in self.columns):
            return []
        runs = groupby(self.columns, key=lambda column: column.group)
        return [(name, len(list(columns))) for name, columns in runs]


@dataclass(frozen=True)
class Figure:
    """A chart: its Vega-Lite document, what it shows in words (read aloud and printed), and a caption."""

    name: str  # a word of lower-case letters and hyphens, unique on the page
    spec: dict[str, Any] = field(repr=False)
    caption: str
    kind: ClassVar[str] = "figure"


@dataclass(frozen=True)
class Gallery:
    """Pictures grouped by well; each group has a title and pictures in order of time."""

    groups: Sequence[tuple[str, Sequence[Picture]]]
    has_outlines: bool
    compact: bool = False
    kind: ClassVar[str] = "gallery"


@dataclass(frozen=True)
class Image:
    """A picture as data URI with what stands below it, and its size (height, width) in px."""

    source: str = field(repr=False)
    caption: str
    size: tuple[int, int]


@dataclass(frozen=True)
class Images:
    """Rows of pictures, each row with a title."""

    rows: Sequence[tuple[str, Sequence[Image]]]
    caption: str
    kind: ClassVar[str] = "images"


@dataclass(frozen=True)
class Definitions:
    """Terms and what they mean."""

    items: Sequence[tuple[str, str]]
    kind: ClassVar[str] = "definitions"


@dataclass(frozen=True)
class Code:
    """Text shown as it is, in a fixed-width face, inside a fold that is open in print."""

    summary: str
    text: str
    kind: ClassVar[str] = "code"


@dataclass(frozen=True)
class Fold:
    """Blocks behind a summary line."""

    summary: str
    blocks: Sequence[Block]
    kind: ClassVar[str] = "fold"


@dataclass(frozen=True)
class WellBrowser:
    """One well at a time, chosen on the plate: the document that the page's own script shows."""

    document: dict[str, Any] = field(repr=False)
    kind: ClassVar[str] = "wells"


Block = Paragraph | Facts | Table | Figure | Gallery | Images | Definitions | Code | Fold | WellBrowser


@dataclass(frozen=True)
class Section:
    """A titled part of the page; `name` is its anchor."""

    name: str
    title: str
    blocks: Sequence[Block]
    lead: str = ""


OFFLINE = "This page holds everything it shows and fetches nothing."


@dataclass(frozen=True)
class Page:
    """The whole page. `simulated` is the text of the banner on every section, or empty for real frames."""

    title: str
    subtitle: str
    simulated: str
    sections: Sequence[Section]
    footer: str = OFFLINE


def format_cell(value: Cell, column: Column) -> str:
    """Return the text of a table cell: a dash for None and NaN, thin groups of three digits by the column's format."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, str) or not column.spec:
        return str(value)
    return format(value, column.spec)
