"""Layout `imagexpress`: MetaXpress folders `TimePoint_N[/ZStep_M]` with `[name_]A01_s1_w1[GUID].tif` and `.HTD`."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from phasewell.errors import UsageError
from phasewell.images.layouts.entries import Entry, LayoutOptions, Listing, leave_out, read_well
from phasewell.images.layouts.folder import Ignored, SourceFile, SourceFolder, printable
from phasewell.names import stored_name

_GUID = r"[0-9A-F]{8}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{12}"
# the GUID follows the channel number without a separator, so the number is matched as short as possible
_NAME = re.compile(
    rf"(?:.*?_)?(?P<well>[A-Z]{{1,2}}\d{{1,2}})(?:_s(?P<site>\d+))?(?:_w(?P<wave>\d{{1,2}}?))?"
    rf"(?P<thumb>_thumb)?(?:{_GUID})?\.tiff?",
    re.IGNORECASE | re.DOTALL,
)
_TIME_FOLDER = re.compile(r"TimePoint_(\d+)", re.IGNORECASE)
_Z_FOLDER = re.compile(r"ZStep_(\d+)", re.IGNORECASE)
_ANNOUNCED = {"times": "TimePoints", "channels": "NWavelengths", "planes": "ZSteps"}
_MAX_HTD_BYTES = 1 << 20


def looks_like_imagexpress(folder: SourceFolder) -> bool:
    """Whether the source has an HTD file, or images named `_s1_w1` inside TimePoint_ or ZStep_ folders."""
    for file in folder.files:
        if file.base.lower().endswith(".htd"):
            return True
        if _NAME.fullmatch(file.base) and (_TIME_FOLDER.search(file.name) or _Z_FOLDER.search(file.name)):
            return True
    return False


def list_imagexpress(folder: SourceFolder, options: LayoutOptions) -> Listing:
    """Return one entry per image; thumbnails are ignored, what the HTD announces is kept beside what is there.

    A plate is a folder that holds TimePoint_ or ZStep_ folders (or images). Time 1 is the first; ZStep_0 is the
    projection where the instrument made one.
    """
    images, not_images = leave_out(folder.files)
    ignored = list(not_images)
    entries, unmatched = [], []
    for file in images:
        match = _NAME.fullmatch(file.base)
        if match is None:
            unmatched.append(file.name)
        elif match["thumb"]:
            ignored.append(Ignored(file.name, "thumbnail"))
        else:
            entries.append(_entry(file, match, options))
    announced, channel_names, notes, shape = _read_htds(folder)
    return Listing(
        "imagexpress",
        tuple(entries),
        tuple(ignored),
        tuple(unmatched),
        plate_name=_plate_name(entries),
        channel_names=channel_names,
        announced=announced,
        notes=tuple(notes),
        plate_shape=shape,
    )


def _entry(file: SourceFile, match: re.Match[str], options: LayoutOptions) -> Entry:
    well, problem = read_well(match["well"], options.well_names)
    plate, time, plane = [], 1, None
    for part in file.name.split("/")[:-1]:
        if found := _TIME_FOLDER.fullmatch(part):
            time = int(found[1])
        elif found := _Z_FOLDER.fullmatch(part):
            plane = str(int(found[1]))
        else:
            plate.append(part)
    return Entry(
        file,
        well,
        str(int(match["site"] or 1)),
        time,
        plate=stored_name("/".join(plate)) or None,
        channel=str(int(match["wave"] or 1)),
        plane=plane,
        problem=problem,
    )


def _plate_name(entries: list[Entry]) -> str | None:
    names = {entry.plate for entry in entries}
    return names.pop() if len(names) == 1 else None


def _read_htds(
    folder: SourceFolder,
) -> tuple[dict[str, dict[str, int]], dict[str, str], list[str], tuple[int, int] | None]:
    """Return (announced counts per plate, channel names, notes, rows and columns of the plate) of the HTD files.

    Copies in sub-folders repeat it.
    """
    shapes: set[tuple[int, int]] = set()
    announced: dict[str, dict[str, int]] = {}
    channels: dict[str, str] = {}
    notes: list[str] = []
    for file in folder.files:
        if not file.base.lower().endswith(".htd"):
            continue
        if file.problem or file.size > _MAX_HTD_BYTES:
            notes.append(f"{printable(file.name)}: not read, {file.problem or 'too large'}")
            continue
        try:
            text = Path(file.path).read_bytes().decode("utf-8", "replace")
            rows = {row[0].strip(): [cell.strip() for cell in row[1:]] for row in _rows(text)}
        except (OSError, csv.Error) as error:
            notes.append(f"{printable(file.name)}: cannot be read ({error})")
            continue
        parts = file.name.split("/")[:-1]
        plate = "/".join(part for part in parts if not (_TIME_FOLDER.fullmatch(part) or _Z_FOLDER.fullmatch(part)))
        counts = _announce(rows)
        known = announced.setdefault(stored_name(plate), counts)
        if known != counts:
            notes.append(f"{printable(file.name)}: announces {counts}, another HTD file {known}")
        shapes.add((_count(rows, "YWells"), _count(rows, "XWells")))
        for key, values in rows.items():
            if (wave := re.fullmatch(r"WaveName(\d+)", key)) and values:
                channels.setdefault(wave[1], stored_name(values[0]))
    shape = shapes.pop() if len(shapes) == 1 else (0, 0)
    return announced, channels, notes, shape if all(shape) else None


def _rows(text: str) -> list[list[str]]:
    return [row for row in csv.reader(text.splitlines(), skipinitialspace=True) if row]


def _count(rows: dict[str, list[str]], key: str) -> int:
    values = rows.get(key, [])
    return int(values[0]) if values and values[0].isdigit() else 0


def _announce(rows: dict[str, list[str]]) -> dict[str, int]:
    selected = [key for key in rows if key.startswith("WellsSelection")]
    wells = sum(value.upper() == "TRUE" for key in selected for value in rows[key])
    sites = [key for key in rows if key.startswith("SiteSelection")]
    fields = sum(value.upper() == "TRUE" for key in sites for value in rows[key])
    named = {name: _count(rows, key) for name, key in _ANNOUNCED.items()}
    found = {"times": named["times"], "wells": wells, "fields": fields} | named
    return {name: number for name, number in found.items() if number}


def choose(kind: str, wanted: str, ids: set[str], names: dict[str, str]) -> str:
    """Return the id of a channel, plane or plate given by id or name; raises UsageError that lists what there is."""
    by_name = {key.lower(): key for key in ids} | {name.lower(): key for key, name in names.items()}
    lowered = wanted.strip().lower()
    for candidate in (wanted.strip(), wanted.strip().lstrip("0"), by_name.get(lowered, ""), lowered.removeprefix("w")):
        if candidate in ids:
            return candidate
    shown = ", ".join(f"{key} ({names[key]})" if key in names else key for key in sorted(ids))
    raise UsageError(f"{kind} {wanted!r}: the source has {shown}")
