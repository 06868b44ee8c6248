"""The plate map: what is in each well (line, clone, donor, passage...), from CSV, TSV or TOML."""

from __future__ import annotations

import csv
import difflib
import io
import math
import re
import tomllib
from pathlib import Path
from typing import Any

from phasewell.errors import InputError, UsageError
from phasewell.plate import parse_well

PlateMap = dict[str, dict[str, str | float | int | None]]
USUAL_COLUMNS = ("line", "clone", "donor", "passage", "target", "potency", "class", "medium", "density")
NUMBER_COLUMNS = ("passage", "target", "potency")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")


def read_platemap(path: Path | str) -> PlateMap:
    """Return well -> annotations.

    CSV or TSV (`,` `;` or tab) has a column `well`, or `row` and `column`; TOML has one table per well, `[B03]` or
    `[wells.B03]`. Plain numbers become numbers, others stay text (`007` is text), empty cells are None.
    Raises UsageError naming the file and the line for what cannot be read, a well named twice, or no well.
    """
    path = Path(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"plate map {path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"plate map {path}: not UTF-8 at byte {error.start}; save it as UTF-8") from error
    if "\0" in text:
        raise UsageError(f"plate map {path}: a NUL character at position {text.index(chr(0))}; save it as plain text")
    platemap = _from_toml(path, text) if path.suffix.lower() == ".toml" else _from_csv(path, text)
    if not platemap:
        raise UsageError(f"plate map {path}: no well in it")
    _check_decimal_commas(path, platemap)
    return platemap


def question_columns(platemap: PlateMap) -> list[str]:
    """Return what looks like a mistake and may be none: columns of numbers and text, names close to usual ones."""
    notes = []
    names = dict.fromkeys(name for columns in platemap.values() for name in columns)
    for name in names:
        values = {well: columns[name] for well, columns in platemap.items() if columns.get(name) is not None}
        texts = {well: value for well, value in values.items() if isinstance(value, str)}
        if 0 < len(texts) < len(values):
            well, text = next(iter(texts.items()))
            notes.append(
                f"plate map column {name}: {len(values) - len(texts)} numbers and {len(texts)} texts, such as {text!r} "
                f"in {well}"
            )
        near = difflib.get_close_matches(name.lower(), USUAL_COLUMNS, n=1, cutoff=0.8)
        if near and near[0] != name and near[0] not in names:
            notes.append(f"plate map column {name}: did you mean {near[0]}?")
    return notes


def _check_decimal_commas(path: Path, platemap: PlateMap) -> None:
    for well, columns in platemap.items():
        for name, value in columns.items():
            others = (other.get(name) for other in platemap.values())
            is_number = name in NUMBER_COLUMNS or any(isinstance(other, int | float) for other in others)
            if is_number and isinstance(value, str) and _DECIMAL_COMMA.fullmatch(value):
                raise UsageError(
                    f"plate map {path}: well {well}: {name} {value!r}: expected a number with a decimal point, such as "
                    f"{value.replace(',', '.')}"
                )


def _from_toml(path: Path, text: str) -> PlateMap:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"plate map {path}: not valid TOML: {error}") from error
    wells = document.get("wells", document)
    platemap: PlateMap = {}
    for name, columns in wells.items() if isinstance(wells, dict) else ():
        if not isinstance(columns, dict):
            raise UsageError(f"plate map {path}: {name!r}: expected one table per well, such as [wells.B03]")
        _add(platemap, f"{path}: [{name}]", name, {key: _check(path, name, value) for key, value in columns.items()})
    return platemap


def _check(path: Path, well: str, value: Any) -> str | float | int | None:
    if isinstance(value, str | int | float) and not isinstance(value, bool) and math.isfinite(float_or_zero(value)):
        return value
    raise UsageError(f"plate map {path}: well {well}: {value!r}: expected text or a finite number")


def float_or_zero(value: str | float | int) -> float:
    """Return a number as float, text as 0."""
    return 0.0 if isinstance(value, str) else float(value)


def _from_csv(path: Path, text: str) -> PlateMap:
    first = text.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count))
    header = [(name or "").strip() for name in reader.fieldnames or []]
    if twice := sorted({name for name in header if name and header.count(name) > 1}):
        raise UsageError(f"plate map {path}: column {', '.join(twice)} more than once; give each column its own name")
    names = {(name or "").strip().lower(): name for name in reader.fieldnames or []}
    well, row, column = names.get("well"), names.get("row"), names.get("column") or names.get("col")
    if well is None and (row is None or column is None):
        raise UsageError(f"plate map {path}: no column well (or row and column); it has {', '.join(names)}")
    platemap: PlateMap = {}
    try:
        for line in reader:
            where = f"{path} line {reader.line_num}"
            name = line[well] if well is not None else f"{line[row] or ''}{line[column] or ''}"
            if None in line:
                raise UsageError(f"plate map {where}: more cells than columns")
            used = {well} if well is not None else {row, column}
            cells = {key.strip(): parse_cell(value) for key, value in line.items() if key not in used and key.strip()}
            _add(platemap, where, name or "", cells)
    except csv.Error as error:
        raise UsageError(f"plate map {path}: line {reader.line_num}: {error}") from error
    return platemap


def _add(platemap: PlateMap, where: str, well: str, columns: dict[str, str | float | int | None]) -> None:
    try:
        name = parse_well(well)
    except InputError as error:
        raise UsageError(f"plate map {where}: {error}") from error
    if name in platemap:
        raise UsageError(f"plate map {where}: well {name} a second time")
    platemap[name] = columns


def parse_cell(text: str | None) -> str | float | int | None:
    """Return a cell as int, finite float, text, or None when empty; numbers with leading zeros stay text."""
    text = (text or "").strip()
    if not text:
        return None
    digits = text.lstrip("+-")
    if len(digits) > 1 and digits[0] == "0" and digits[1].isdigit():
        return text
    for kind in (int, float):
        try:
            value: int | float = kind(text)
        except ValueError:
            continue
        return value if math.isfinite(value) and "_" not in text else text
    return text
