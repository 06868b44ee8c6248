"""Layout `table`: a CSV, TSV or Parquet file names the images and their addresses; CellProfiler LoadData is one."""

from __future__ import annotations

import csv
import difflib
import io
import math
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from phasewell.errors import InputError, UsageError
from phasewell.images.layouts.entries import Entry, LayoutOptions, Listing, canonical_number, read_time, read_well
from phasewell.images.layouts.folder import Ignored, SourceFile, SourceFolder, printable
from phasewell.names import stored_name

# role -> the column names that mean it, in lower case
ROLES: dict[str, tuple[str, ...]] = {
    "file": ("file", "filename", "file_name", "image", "path"),
    "folder": ("folder", "pathname", "path_name"),
    "plate": ("plate", "metadata_plate", "image_metadata_plate", "barcode"),
    "well": ("well", "metadata_well", "image_metadata_well", "well_name"),
    "row": ("row", "metadata_row", "well_row"),
    "column": ("column", "col", "metadata_column", "metadata_col", "well_column"),
    "field": ("field", "site", "fov", "metadata_site", "metadata_field", "image_metadata_site", "metadata_fov"),
    "time": ("time", "timepoint", "time_index", "metadata_timepoint", "metadata_time", "metadata_t", "t"),
    "channel": ("channel", "metadata_channel"),
    "plane": ("plane", "z", "metadata_z", "metadata_plane"),
    "time_h": ("time_h", "hours", "metadata_time_h"),
    "time_s": ("time_s", "seconds", "metadata_time_s"),
    "x_um": ("x_um", "stage_x_um", "metadata_positionx", "metadata_x_um"),
    "y_um": ("y_um", "stage_y_um", "metadata_positiony", "metadata_y_um"),
    "pixel_size_um": ("pixel_size_um", "pixel_um", "um_per_px", "metadata_pixel_size_um"),
}
_FILE_COLUMN = re.compile(r"(?:image_)?filename_(.+)", re.IGNORECASE)
_MAX_TABLE_BYTES = 1 << 30


def is_load_data(names: list[str]) -> bool:
    """Whether columns look like a table of images: LoadData, or a file column beside a well column."""
    lowered = {name.lower() for name in names}
    has_file = any(_FILE_COLUMN.fullmatch(name) for name in names) or bool(lowered & set(ROLES["file"]))
    return has_file and bool(lowered & set(ROLES["well"]))


def table_columns(path: Path) -> list[str]:
    """Return the column names of a table; an unreadable one has none."""
    try:
        return _read_table(path, header_only=True)[0]
    except (InputError, UsageError):
        return []


def _read_table(path: Path, header_only: bool = False) -> tuple[list[str], list[dict[str, Any]]]:
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            import pyarrow.parquet as pq

            names = list(pq.read_schema(path).names)
            return names, [] if header_only else pq.read_table(path).to_pylist()
        if not path.is_file() or path.stat().st_size > _MAX_TABLE_BYTES:
            raise UsageError(f"table {path}: expected a regular file of at most 1 GiB")
        if header_only:
            with path.open("rb") as file:
                text = file.readline(1 << 20).decode("utf-8-sig", "replace")
        else:
            text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"table {path}: not UTF-8 at byte {error.start}; save it as UTF-8") from error
    except (OSError, ValueError) as error:  # pyarrow's errors are both
        raise UsageError(f"table {path}: cannot be read ({error}); expected CSV, TSV or Parquet") from error
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        return [name or "" for name in reader.fieldnames or []], [] if header_only else list(reader)
    except csv.Error as error:
        raise UsageError(f"table {path}: line {reader.line_num}: {error}") from error


def list_table(folder: SourceFolder, options: LayoutOptions) -> Listing:
    """Return one entry per row of `options.table`; files the table does not name are ignored.

    Columns are found by their usual names (ROLES), or by `options.columns`, role -> column. A LoadData table has one
    column of files per channel; each is a channel. Raises UsageError for a table without files or wells.
    """
    if options.table is None:
        raise UsageError("layout table: no table; give the CSV, TSV or Parquet that names the files")
    inside = folder.root / options.table
    path = inside if inside.is_file() else options.table
    names, rows = _read_table(path)
    roles = _roles(path, names, options.columns)
    channels = {} if "file" in roles else {m[1]: name for name in names if (m := _FILE_COLUMN.fullmatch(name))}
    if "file" not in roles and not channels:
        raise UsageError(f"table {path}: no column of file names; its columns are {', '.join(names)}; call it file, or "
                         "name one with columns={'file': ...}")  # fmt: skip
    if "well" not in roles and not {"row", "column"} <= roles.keys():
        raise UsageError(f"table {path}: no column of wells; its columns are {', '.join(names)}; call it well, or "
                         "name one with columns={'well': ...}")  # fmt: skip
    by_name = {file.name: file for file in folder.files}
    by_base: dict[str, list[SourceFile]] = {}
    for file in folder.files:
        by_base.setdefault(file.base, []).append(file)
    entries: list[Entry] = []
    absent: list[str] = []
    for number, row in enumerate(rows, start=2):
        for channel, column in (channels or {None: roles.get("file", "")}).items():
            name = _join_path(row, column, channel, roles)
            if not name:
                continue  # a channel that this row does not have
            found = _find(name, folder, by_name, by_base)
            if found is None:
                absent.append(printable(name))
            else:
                entries.append(_entry(found, row, roles, channel, options, f"{path.name} line {number}"))
    unique = list(dict.fromkeys(entries))
    named = {entry.file.name for entry in unique}
    ignored = [Ignored(f.name, "not named in the table") for f in folder.files if f.name not in named]
    return Listing("table", tuple(unique), tuple(ignored), absent=tuple(sorted(set(absent))))


def _roles(path: Path, names: list[str], chosen: dict[str, str]) -> dict[str, str]:
    roles = {}
    for role, column in chosen.items():
        if role not in ROLES:
            near = difflib.get_close_matches(role, ROLES, n=1)
            raise UsageError(f"columns: unknown role {role!r}; " + (f"did you mean {near[0]}?" if near else
                             f"expected one of {', '.join(ROLES)}"))  # fmt: skip
        if column not in names:
            raise UsageError(f"table {path}: no column {column!r}; its columns are {', '.join(names)}")
        roles[role] = column
    for role, known in ROLES.items():
        for alias in known:
            hit = next((name for name in names if name.lower() == alias), None)
            if hit is not None and role not in roles:
                roles[role] = hit
    return roles


def _text(row: dict[str, Any], column: str | None) -> str | None:
    value = row.get(column) if column else None
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return str(value).strip() or None


def _number(row: dict[str, Any], column: str | None) -> float | None:
    text = _text(row, column)
    try:
        value = float(text) if text is not None else None
    except ValueError:
        return None
    return value if value is not None and math.isfinite(value) else None


def _join_path(row: dict[str, Any], column: str, channel: str | None, roles: dict[str, str]) -> str | None:
    name = _text(row, column)
    if name is None:
        return None
    folder = _text(row, roles.get("folder"))
    if channel is not None:
        prefix = column[: -len(f"FileName_{channel}")]
        folder = _text(row, f"{prefix}PathName_{channel}")
    return f"{folder.rstrip('/')}/{name}" if folder else name


def _find(
    name: str, folder: SourceFolder, by_name: dict[str, SourceFile], by_base: dict[str, list[SourceFile]]
) -> SourceFile | None:
    """Find a file by its path below the root, by absolute path, or by a base name that only one file has."""
    name = name.replace("\\", "/")
    for candidate in (name, name.removeprefix("./"), os.path.relpath(name, folder.root) if name[:1] == "/" else name):
        if candidate in by_name:
            return by_name[candidate]
    same = by_base.get(name.rpartition("/")[2], [])
    return same[0] if len(same) == 1 else None


def _entry(
    file: SourceFile, row: dict[str, Any], roles: dict[str, str], channel: str | None, options: LayoutOptions, line: str
) -> Entry:
    text = _text(row, roles.get("well"))
    if text is None:
        text = f"{_text(row, roles.get('row')) or ''}{_text(row, roles.get('column')) or ''}"
    well, problem = read_well(text, options.well_names)
    time, time_problem = read_time(_text(row, roles.get("time")))
    seconds, hours = _number(row, roles.get("time_s")), _number(row, roles.get("time_h"))
    field, plane = _text(row, roles.get("field")), _text(row, roles.get("plane"))
    named = channel or _text(row, roles.get("channel"))
    pixel_size = _number(row, roles.get("pixel_size_um"))
    entry = Entry(
        file,
        well,
        canonical_number(field) if field else "1",
        time,
        plate=stored_name(plate) if (plate := _text(row, roles.get("plate"))) else None,
        channel=canonical_number(named) if named else None,
        plane=canonical_number(plane) if plane else None,
        time_h=hours if hours is not None else seconds / 3600 if seconds is not None else None,
        x_um=_number(row, roles.get("x_um")),
        y_um=_number(row, roles.get("y_um")),
        pixel_size_um=pixel_size,
        pixel_size_source=f"table column {roles['pixel_size_um']}" if pixel_size is not None else None,
    )
    bad = problem or time_problem
    return replace(entry, problem=(bad[0], f"{line}: {bad[1]}")) if bad else entry
