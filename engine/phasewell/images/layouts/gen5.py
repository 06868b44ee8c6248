"""Layout `gen5`: images of BioTek / Agilent Gen5 (Cytation, Lionheart) by their names; the rest is in each TIFF's XML.

Names as public readers of such exports describe them (the BioTek reader of Bio-Formats and bioformats2raw):
`A1_02_1_3_Bright Field_001.tif` = well, read step, channel index, field, channel, time;
`A1_2Z0_DAPI_1_003_.tif` = well, field, plane, channel, index, time; `A1ROI2_01_1_1Z0_...` has a region of interest.
"""

from __future__ import annotations

import re
from dataclasses import replace

from phasewell.images.layouts.entries import Entry, LayoutOptions, Listing, leave_out, read_time, read_well
from phasewell.images.layouts.folder import SourceFile, SourceFolder
from phasewell.names import stored_name

_WELL = r"(?P<well>[A-Z]{1,2}\d{1,2})(?:ROI(?P<roi>\d+))?"
_FIELD = r"(?P<field>\d+)(?:Z(?P<plane>\d+))?"
_NAMES = (
    re.compile(rf"{_WELL}_(?P<step>-?\d+)_\d+_{_FIELD}_(?P<channel>.+)_(?P<time>-?\d+)\.tiff?", re.I | re.S),
    re.compile(rf"{_WELL}_{_FIELD}_(?P<channel>.*[^\d_].*)_\d+_(?P<time>-?\d+)_(?:-?\d+)?\.tiff?", re.I | re.S),
)
# a folder of one well, `B2` or `ID_B2 info`, belongs to the plate above it
_WELL_FOLDER = re.compile(r"(?:ID_)?[A-Z]{1,2}\d{1,2}(?: info)?", re.I)


def looks_like_gen5(folder: SourceFolder) -> bool:
    """Whether most of the images have names of Gen5."""
    images, _ = leave_out(folder.files)
    return 2 * sum(_match(file) is not None for file in images) > len(images) > 0


def list_gen5(folder: SourceFolder, options: LayoutOptions) -> Listing:
    """Return one entry per image named by Gen5; a plate is a folder, unless the folder is that of one well.

    Channels are called as in the names, with blanks for `_`. Where one channel was read in several steps, each step
    is a channel of its own, such as `Bright Field read 2`. Stitched and transformed images are channels too, called
    `Stitched[...]` and `Tsf[...]`. Time 1 is the first; a negative number means a single time.
    """
    images, ignored = leave_out(folder.files)
    found = [(file, _match(file)) for file in images]
    steps: dict[str, set[int]] = {}
    for _, match in found:
        if match is not None:
            steps.setdefault(_channel(match), set()).add(_step(match))
    entries = tuple(_entry(file, match, options, steps) for file, match in found if match is not None)
    unmatched = tuple(file.name for file, match in found if match is None)
    names = {entry.plate for entry in entries}
    return Listing("gen5", entries, tuple(ignored), unmatched, plate_name=names.pop() if len(names) == 1 else None)


def _match(file: SourceFile) -> re.Match[str] | None:
    return next((match for name in _NAMES if (match := name.fullmatch(file.base))), None)


def _channel(match: re.Match[str]) -> str:
    return stored_name(match["channel"].replace("_", " ").strip())


def _step(match: re.Match[str]) -> int:
    return int(match.groupdict().get("step") or 0)


def _entry(file: SourceFile, match: re.Match[str], options: LayoutOptions, steps: dict[str, set[int]]) -> Entry:
    well, problem = read_well(match["well"], options.well_names)
    number = match["time"]
    time, time_problem = read_time("1" if number.startswith("-") else number)
    channel = _channel(match)
    if len(steps[channel]) > 1:
        channel += f" read {_step(match)}"
    field = str(int(match["field"]))
    folders = [part for part in file.name.split("/")[:-1] if not _WELL_FOLDER.fullmatch(part)]
    entry = Entry(
        file,
        well,
        f"ROI{int(match['roi'])}-{field}" if match["roi"] else field,
        time,
        plate=stored_name("/".join(folders)) or None,
        channel=channel,
        plane=str(int(match["plane"])) if match["plane"] else None,
    )
    return replace(entry, problem=problem or time_problem)
