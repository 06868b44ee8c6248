"""The numbers behind a chart as tables: which rows it draws, and what each column is, with its unit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_CHANNELS = ("x", "y", "x2", "y2", "xError", "yError", "facet", "row", "column", "color", "shape", "size", "text")
_PARTS = ("layer", "concat", "hconcat", "vconcat", "spec")
_HELPER_ROWS = 2  # a line between two points and the rule of a limit are no data


@dataclass
class _Source:
    """One dataset of a chart: its rows and the titles that encodings give to their fields."""

    name: str
    rows: list[Any]
    title: str = ""
    titles: dict[str, str] = field(default_factory=dict)


def data_tables(spec: Mapping[str, Any], titles: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """Return the tables behind a Vega-Lite document: {"data": name, "title": text, "columns": [[field, title], ...]}.

    A column's title is that of the axis, legend or tooltip that shows it, so it has its unit; `titles` adds fields that
    only a transform reads. Data that are single numbers instead of rows are a matrix over two parameters of the
    document, `well_names` down and `column_names` across: {"data", "title", "rows": name, "across": name}.
    Two rows that only draw a line or a limit are no table where the chart has others.
    """
    found: dict[str, _Source] = {}
    for node, name, title in _views(spec, "", ""):
        source = found.setdefault(name, _Source(name, list(spec.get("datasets", {}).get(name, ()))))
        source.title = source.title or title
        for key, text in _encoded(node):
            source.titles.setdefault(key, text)
    tables = [table for source in found.values() if (table := _table(source, titles or {}))]
    tables = [table for table in tables if len(found[table["data"]].rows) > _HELPER_ROWS] or tables
    if len(tables) > 1:  # each is chosen by its title
        tables = [t if t["title"] or "columns" not in t else t | {"title": t["columns"][0][1]} for t in tables]
    return tables


def _views(node: Mapping[str, Any], data: str, title: str) -> Iterator[tuple[Mapping[str, Any], str, str]]:
    """Yield every view that names or inherits data, with the name of its data and the nearest title above it."""
    own = node.get("data")
    if isinstance(own, Mapping):
        data = str(own.get("name", ""))
    given = node.get("title")
    text = given.get("text", "") if isinstance(given, Mapping) else given
    title = " ".join(text) if isinstance(text, list) else str(text or title)
    if data and "encoding" in node:
        yield node, data, title
    for part in _PARTS:
        below = node.get(part, ())
        for child in [below] if isinstance(below, Mapping) else below:
            yield from _views(child, data, title)


def _encoded(node: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (field, title) of the channels of a view, those with a title first."""
    encoding = node["encoding"]
    channels = [encoding[name] for name in _CHANNELS if name in encoding]
    tips = encoding.get("tooltip", [])
    channels += tips if isinstance(tips, list) else [tips]
    pairs = [(str(c["field"]), _title(c)) for c in channels if isinstance(c, Mapping) and "field" in c]
    yield from ((key, text) for key, text in pairs if text)
    yield from ((key, key) for key, text in pairs if not text)


def _title(channel: Mapping[str, Any]) -> str:
    for holder in (channel, channel.get("axis"), channel.get("legend"), channel.get("header")):
        if isinstance(holder, Mapping) and holder.get("title"):
            text = holder["title"]
            return " ".join(text) if isinstance(text, list) else str(text)
    return ""


def _table(source: _Source, titles: Mapping[str, str]) -> dict[str, Any] | None:
    if not source.rows:
        return None
    first = source.rows[0]
    if not isinstance(first, Mapping):
        return {"data": source.name, "title": source.title, "rows": "well_names", "across": "column_names"}
    known = {**source.titles, **titles}
    columns = [[key, known[key]] for key in first if key in known]
    return {"data": source.name, "title": source.title, "columns": columns} if columns else None
