"""A scan or an ingest in words: what was found, what was not, and where the pixel size comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from phasewell.names import one_line

MOST_NAMES = 5  # of a list; the JSON document has all


def describe_intake(document: Mapping[str, Any]) -> str:
    """Return the `to_dict` of a Scan or an IngestReport as text, several lines."""
    height, width = document["frame_shape"]
    hours = document["times_h"]
    hours_text = _names([f"{hour:g}" for hour in hours])
    given = document["pixel_size_source"].startswith("given")
    size_from = ("" if given else "from ") + document["pixel_size_source"]
    lines = [
        f"plate {one_line(document['plate'])} (layout {document['layout']}): {len(document['wells'])} wells x "
        f"{len(document['fields'])} fields x {len(hours)} times, frames of {height} x {width} {document['dtype']}",
        f"wells {_names(document['wells'])}; hours {hours_text} ({document['times_from']})",
        f"pixel size {document['pixel_size_um']} um, {size_from}",
        "frames: " + _counts(document["frames"]),
        "files: " + _counts(document["files"]),
    ]
    if document.get("window"):
        lines.append(f"16-bit window {document['window'][0]}..{document['window'][1]}, kept for this plate")
    if document["ignored"]:
        lines.append("ignored: " + ", ".join(f"{n} {reason}" for reason, n in document["ignored"].items()))
    if document["missing"]:
        lines.append("missing: " + _names([_place(key) for key in document["missing"]]))
    if blank := document["blank"]:
        whole = len(blank) == document["frames"].get("present")
        lines.append(
            f"blank: {'all ' if whole else ''}{len(blank)} frames have one value in every pixel and will not be "
            f"measured: {_names([_place(key) for key in blank])}; check the export"
        )
    for title, key in (("duplicates", "duplicates"), ("odd shapes", "odd_shapes"), ("unmatched names", "unmatched")):
        if document[key]:
            lines.append(f"{title}: {_names([_row(row) for row in document[key]])}")
    lines += [f"quarantined: {_row(row)}" for row in document["quarantined"][:MOST_NAMES]]
    if len(document["quarantined"]) > MOST_NAMES:
        lines.append(f"quarantined: and {len(document['quarantined']) - MOST_NAMES} more; --json lists all")
    lines += [f"note: {one_line(note)}" for note in document["notes"]]
    if "store" in document:
        lines.append(
            f"{document['store']}: {document['units_written']} units written, {document['units_unchanged']} unchanged"
        )
    return "\n".join(lines)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {name}" for name, n in counts.items())


def _names(names: Sequence[Any]) -> str:
    shown = ", ".join(one_line(str(name)) for name in names[:MOST_NAMES])
    return shown if len(names) <= MOST_NAMES else f"{shown} and {len(names) - MOST_NAMES} more"


def _place(key: Sequence[Any]) -> str:
    _, well, field, time = key
    return f"{well} field {field} time {time}"


def _row(row: Any) -> str:
    if isinstance(row, Mapping):
        return ", ".join(f"{name} {value!r}" for name, value in row.items() if value not in (None, "", [], ()))
    return repr(row)
