"""Layout `regex`: the address of each frame is in its name, read by a regular expression with named groups."""

from __future__ import annotations

import difflib
import re

from phasewell.errors import UsageError
from phasewell.images.layouts.entries import (
    Entry,
    LayoutOptions,
    Listing,
    canonical_number,
    leave_out,
    read_time,
    read_well,
)
from phasewell.images.layouts.folder import SourceFile, SourceFolder, printable
from phasewell.names import stored_name

GROUPS = ("plate", "well", "row", "column", "field", "time", "channel", "plane", "day", "hour", "minute")

# Schemes of common instruments, for `pattern`: the name instead of an expression.
SCHEMES = {
    # A1_02_1_3_Bright Field_001.tif: well, read, slot, field, channel, time (BioTek / Agilent Gen5)
    "gen5": r"(?P<well>[A-P]\d{1,2})_\d+_\d+_(?P<field>\d+)_(?P<channel>.+)_(?P<time>\d+)\.tiff?",
    # plate_B1_2_00d06h00m.tif: well, field, time since the first scan (Incucyte, elapsed)
    "incucyte": r"(?P<plate>.+)_(?P<well>[A-P]\d{1,2})_(?P<field>\d+)_"
    r"(?P<day>\d+)d(?P<hour>\d+)h(?P<minute>\d+)m\.tiff?",
    # plate_D08_T0001F001L01A01Z01C01.tif (Yokogawa CV7000, CV8000, CQ1)
    "cellvoyager": r"(?P<plate>.+)_(?P<well>[A-P]\d{2})_T(?P<time>\d+)F(?P<field>\d+)"
    r"L\d+A\d+Z(?P<plane>\d+)C(?P<channel>\d+)\.tiff?",
    # A01/20220508_P2_T0003_Ph.png: well, position, time, channel (Nikon BioStation CT; no public description of its
    # names was found, so these are the words that its software uses: change the expression to your export)
    "biostation": r"(?:.*/)?(?:(?P<plate>[^/]+?)[_-])??(?P<well>[A-P]\d{1,2})[_/-](?:[^/]*?[_-])?"
    r"P(?:os)?(?P<field>\d+)_T(?P<time>\d+)(?:_(?P<channel>[A-Za-z][A-Za-z0-9]*))?\.(?:tiff?|png)",
}


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Return the compiled expression or scheme; raises UsageError naming what is wrong with it."""
    try:
        compiled = re.compile(SCHEMES.get(pattern, pattern), re.DOTALL)
    except re.error as error:
        raise UsageError(
            f"pattern {pattern!r}: {error}; expected a regular expression or {', '.join(SCHEMES)}"
        ) from error
    groups = compiled.groupindex.keys()
    for unknown in groups - set(GROUPS):
        near = difflib.get_close_matches(unknown, GROUPS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"expected {', '.join(GROUPS)}"
        raise UsageError(f"pattern {pattern!r}: unknown group {unknown!r}; {hint}")
    if "well" not in groups and not {"row", "column"} <= groups:
        raise UsageError(
            f"pattern {pattern!r}: no well; name a group (?P<well>[A-P]\\d+), or two groups row and column"
        )
    return compiled


def list_regex(folder: SourceFolder, options: LayoutOptions) -> Listing:
    """Return one entry per image whose name matches `options.pattern` from first to last character.

    The expression is held against the file name, against the name without its suffix, and against the path below the
    root. A frame without group `field` is field 1, without `time` time 0.
    """
    if options.pattern is None:
        raise UsageError(
            "layout regex: no pattern; give one such as '(?P<well>[A-H]\\d+)_s(?P<field>\\d+)_t(?P<time>\\d+)\\.tif'"
        )
    compiled = compile_pattern(options.pattern)
    images, ignored = leave_out(folder.files)
    entries, unmatched = [], []
    for file in images:
        entry = address_of(file, compiled, options)
        if entry is None:
            unmatched.append(file.name)
        else:
            entries.append(entry)
    return Listing("regex", tuple(entries), tuple(ignored), tuple(unmatched))


def address_of(file: SourceFile, pattern: re.Pattern[str], options: LayoutOptions) -> Entry | None:
    """Return what a file's name says of its frame; None when the expression does not match it."""
    stem = file.base.rpartition(".")[0]
    match = pattern.fullmatch(file.base) or pattern.fullmatch(stem) or pattern.fullmatch(file.name)
    return None if match is None else _entry(file, match, options)


def _entry(file: SourceFile, match: re.Match[str], options: LayoutOptions) -> Entry:
    groups = {name: text for name, text in match.groupdict().items() if text is not None}
    text = groups.get("well") or _join(groups.get("row", ""), groups.get("column", ""))
    well, problem = read_well(text, options.well_names)
    time, time_problem = read_time(groups.get("time"))
    hours = None
    if {"day", "hour", "minute"} & groups.keys():
        try:
            parts = [float(groups.get(unit, "0")) for unit in ("day", "hour", "minute")]
            hours = parts[0] * 24 + parts[1] + parts[2] / 60
        except ValueError:
            time_problem = ("bad_index", f"hours {printable(match[0])!r}: day, hour and minute must be numbers")
    return Entry(
        file,
        well,
        canonical_number(groups.get("field", "1")) or "1",
        time,
        plate=stored_name(groups["plate"]) if "plate" in groups else None,
        channel=canonical_number(groups["channel"]) if "channel" in groups else None,
        plane=canonical_number(groups["plane"]) if "plane" in groups else None,
        time_h=hours,
        problem=problem or time_problem,
        field_named="field" in groups,
    )


def _join(row: str, column: str) -> str:
    if row.isdigit() and 1 <= int(row) <= 32:
        from phasewell.plate import row_name

        row = row_name(int(row) - 1)
    return row + column
