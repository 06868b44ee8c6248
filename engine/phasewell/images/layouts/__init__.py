"""Layouts: how a source folder says which file is which well, field, time and channel."""

from __future__ import annotations

from collections.abc import Callable

from phasewell.errors import InputError, UsageError
from phasewell.images.layouts.cellvoyager import find_records, list_cellvoyager
from phasewell.images.layouts.entries import Entry, LayoutOptions, Listing
from phasewell.images.layouts.folder import SourceFolder
from phasewell.images.layouts.gen5 import list_gen5, looks_like_gen5
from phasewell.images.layouts.imagexpress import list_imagexpress, looks_like_imagexpress
from phasewell.images.layouts.incucyte import list_incucyte, looks_like_incucyte
from phasewell.images.layouts.ome_tiff import list_ome_tiff, looks_like_ome_tiff
from phasewell.images.layouts.operetta import find_indices, list_operetta
from phasewell.images.layouts.regex import list_regex
from phasewell.images.layouts.table import is_load_data, list_table, table_columns

__all__ = ["LAYOUTS", "Entry", "LayoutOptions", "Listing", "list_source"]

LAYOUTS: dict[str, Callable[[SourceFolder, LayoutOptions], Listing]] = {
    "regex": list_regex,
    "table": list_table,
    "imagexpress": list_imagexpress,
    "operetta": list_operetta,
    "cellvoyager": list_cellvoyager,
    "gen5": list_gen5,
    "incucyte": list_incucyte,
    "ome-tiff": list_ome_tiff,
}

# what "auto" looks for, in this order: an index first, then names
_TRACES: dict[str, Callable[[SourceFolder], object]] = {
    "operetta": find_indices,
    "cellvoyager": find_records,
    "imagexpress": looks_like_imagexpress,
    "incucyte": looks_like_incucyte,
    "gen5": looks_like_gen5,
    "ome-tiff": looks_like_ome_tiff,
}


def list_source(folder: SourceFolder, layout: str, options: LayoutOptions) -> Listing:
    """Return what a layout finds in a folder; "auto" takes the layout whose traces are there.

    Raises UsageError for an unknown layout, or when "auto" finds no trace of any.
    """
    if layout != "auto":
        if layout not in LAYOUTS:
            raise UsageError(f"layout {layout!r}: expected auto, {', '.join(LAYOUTS)}")
        return LAYOUTS[layout](folder, options)
    if options.pattern is not None and options.table is not None:
        raise UsageError("layout auto: a pattern and a table are given; say which with layout regex or table")
    if options.pattern is not None:  # what OME-TIFF's XML does not say, the names do
        return (list_ome_tiff if looks_like_ome_tiff(folder) else list_regex)(folder, options)
    if options.table is not None:
        return list_table(folder, options)
    if not folder.files:
        raise InputError(f"source {folder.root}: holds no file; give the folder of raw frames")
    for name, has_trace in _TRACES.items():
        if has_trace(folder):
            return LAYOUTS[name](folder, options)
    tables = [
        file.path
        for file in folder.files
        if "/" not in file.name
        and file.problem is None
        and file.name.lower().endswith((".csv", ".tsv", ".parquet"))
        and is_load_data(table_columns(folder.root / file.name))
    ]
    if len(tables) == 1:
        from dataclasses import replace
        from pathlib import Path

        return list_table(folder, replace(options, table=Path(tables[0])))
    raise UsageError(
        f"source {folder.root}: no index of Harmony or CellVoyager, no names of ImageXpress, Incucyte or Gen5, no "
        f"OME-TIFF and {len(tables)} tables of images; say how the files are named with layout regex and a pattern, "
        "or layout table and a table; see layout=, pattern= and table="
    )
