"""Layout `incucyte`: images of Sartorius Incucyte, exported (two forms of names) or as the archive keeps them.

Exports: `NAME_B1_2_2022y05m08d_08h46m.tif` (date and hour) and `NAME_B1_2_00d06h00m.tif` (since the first scan).
Archive: `EssenFiles/ScanData/YYMM/DD/HHMM/VESSEL/B1-2-Ph.tif`, one folder per scan. Names as public tools for these
files describe them. No form says the pixel size.
"""

from __future__ import annotations

import datetime
import re
from collections import Counter

from phasewell.errors import UsageError
from phasewell.images.layouts.entries import Entry, LayoutOptions, Listing, leave_out, read_well
from phasewell.images.layouts.folder import SourceFile, SourceFolder, printable
from phasewell.names import stored_name

_WELL = r"(?P<well>[A-P]\d{1,2})"
_ADDRESS = rf"(?:(?P<name>.+)_)?{_WELL}_(?P<field>\d+)"
_FORMS = {
    "dates": re.compile(
        rf"{_ADDRESS}_(?P<year>\d{{4}})y(?P<month>\d\d)m(?P<day>\d\d)d_(?P<hour>\d\d)h(?P<minute>\d\d)m"
        r"(?:_(?P<channel>[^_]+))?\.tiff?",
        re.IGNORECASE | re.DOTALL,
    ),
    "elapsed times": re.compile(
        rf"{_ADDRESS}_(?P<day>\d+)d(?P<hour>\d\d)h(?P<minute>\d\d)m(?:_(?P<channel>[^_]+))?\.tiff?",
        re.IGNORECASE | re.DOTALL,
    ),
    "archive": re.compile(
        r"(?:.*/)?(?P<year>\d\d)(?P<month>\d\d)/(?P<day>\d\d)/(?P<hour>\d\d)(?P<minute>\d\d)/(?P<name>[^/]+)/"
        rf"{_WELL}-(?P<field>\d+)-(?P<channel>[^-/]+)\.tiff?",
        re.IGNORECASE | re.DOTALL,
    ),
}


def looks_like_incucyte(folder: SourceFolder) -> bool:
    """Whether most of the images have names of one of the three forms."""
    images, _ = leave_out(folder.files)
    return 2 * sum(_match(file) is not None for file in images) > len(images) > 0


def list_incucyte(folder: SourceFolder, options: LayoutOptions) -> Listing:
    """Return one entry per image; scans are placed by the hour that their name or folder says.

    The archive's images may be pyramids: their first, largest image is taken. Raises UsageError when forms of names
    are mixed, because hours since the first scan and dates have no common zero.
    """
    images, ignored = leave_out(folder.files)
    found = [(file, _match(file)) for file in images]
    forms = Counter(match[0] for _, match in found if match is not None)
    if len(forms) > 1:
        shown = ", ".join(f"{count} with {form}" for form, count in forms.items())
        raise UsageError(f"layout incucyte: names of several forms ({shown}); ingest each form into its own plate")
    entries = tuple(_entry(file, *match, options) for file, match in found if match is not None)
    unmatched = tuple(file.name for file, match in found if match is None)
    names = {entry.plate for entry in entries}
    return Listing("incucyte", entries, tuple(ignored), unmatched, plate_name=names.pop() if len(names) == 1 else None)


def _match(file: SourceFile) -> tuple[str, re.Match[str]] | None:
    for form, pattern in _FORMS.items():
        if match := pattern.fullmatch(file.name if form == "archive" else file.base):
            return form, match
    return None


def _entry(file: SourceFile, form: str, match: re.Match[str], options: LayoutOptions) -> Entry:
    well, problem = read_well(match["well"], options.well_names)
    time_h = scan_s = None
    if form == "elapsed times":
        time_h = int(match["day"]) * 24 + int(match["hour"]) + int(match["minute"]) / 60
    else:
        try:
            scan_s = _seconds(match)
        except ValueError as error:
            problem = problem or ("bad_index", f"{printable(match[0])!r}: no date ({error})")
    return Entry(
        file,
        well,
        str(int(match["field"])),
        plate=stored_name(match["name"]) if match["name"] else None,
        channel=stored_name(match["channel"]) if match["channel"] else None,
        page=0 if form == "archive" else None,
        time_h=time_h,
        scan_s=scan_s,
        problem=problem,
    )


def _seconds(match: re.Match[str]) -> float:
    year, month, day, hour, minute = (int(match[part]) for part in ("year", "month", "day", "hour", "minute"))
    year += 2000 if year < 100 else 0
    # the instrument's clock has no zone; only differences are used
    return datetime.datetime(year, month, day, hour, minute, tzinfo=datetime.UTC).timestamp()
