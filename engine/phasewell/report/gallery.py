"""Which frames the gallery shows, and their pixels and labels from the stores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.errors import PhasewellError
from phasewell.images import open_plate
from phasewell.manifest import LABELS_NAME, RunManifest
from phasewell.plate import Plate, Unit
from phasewell.report.overlay import Picture, make_picture

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ALL_WELLS, _SOME_WELLS = 24, 8  # crops of every well, or of some where the page has more wells than room
MOST_WELLS = 96
"""A gallery shows at most this many wells, evenly chosen; the page says so when there are more."""


@dataclass(frozen=True)
class Shot:
    """One frame to show: its well, its time as index in the plate, its field and the digest of its pixels."""

    well: str
    time: int
    field: str
    sha256: str = ""


class LabelStore:
    """The label images a run kept, as far as they belong to the parts in its manifest."""

    def __init__(self, run_dir: Path, manifest: RunManifest) -> None:
        self._keys = {(part.well, part.time): part.key for part in manifest.parts if part.stage == "cells"}
        path = run_dir / LABELS_NAME
        self._plate: Plate | None = open_plate(path) if path.exists() else None

    def fields(self, well: str, time: int) -> tuple[str, ...]:
        """Return the fields of a unit whose labels are kept and were made for the unit's part."""
        plate, key = self._plate, self._keys.get((well, time))
        if plate is None or key is None or well not in plate.wells or time >= len(plate.times_h):
            return ()
        records = plate.records(well, time)
        return tuple(r.key.field for r in records if r.status == "present" and (r.source or "").endswith(f"key {key}"))

    def key(self, well: str, time: int) -> str:
        """Return the content key of a unit's part; "" for a unit that the run has not."""
        return self._keys.get((well, time), "")

    def read(self, shot: Shot) -> NDArray[np.int32] | None:
        """Return the labels of a frame, (height, width) int32, or None where none are kept."""
        if self._plate is None or shot.field not in self.fields(shot.well, shot.time):
            return None
        reader: Any = self._plate.reader
        pixels, _ = reader.read_raw(self._plate.unit(shot.well, shot.time), (shot.field,))
        labels: NDArray[np.int32] = pixels[0]
        return labels


def choose_shots(
    frames: Mapping[str, NDArray[Any]], labels: LabelStore, most_wells: int = MOST_WELLS
) -> tuple[list[Shot], str]:
    """Return which frames to show, and a sentence on what is left out ("" when every well is shown).

    `frames` has well, field, plate_time (index in the plate), status and frame_sha256. Per well one to three hours,
    evenly over those with a measured frame, labelled ones first; at each the first labelled field, else the first
    measured one; where there are fewer hours than places, further fields.
    """
    measured = frames["status"] == "processed"
    by_unit: dict[str, dict[int, list[str]]] = {}
    digests = {}
    for i in np.flatnonzero(measured):
        unit = by_unit.setdefault(str(frames["well"][i]), {})
        time, field = int(frames["plate_time"][i]), str(frames["field"][i])
        unit.setdefault(time, []).append(field)
        digests[str(frames["well"][i]), time, field] = str(frames["frame_sha256"][i])
    wells = _spread(list(by_unit), most_wells)
    each = 3 if len(by_unit) <= 12 else 2 if len(by_unit) <= 24 else 1
    shots = []
    for well in wells:
        labelled = {t: [f for f in by_unit[well][t] if f in labels.fields(well, t)] for t in sorted(by_unit[well])}
        times = [t for t in labelled if labelled[t]] or list(labelled)
        fields = {time: labelled[time] or by_unit[well][time] for time in _spread(times, each)}
        # the first field of every hour, then the second of every hour, until the row is full
        ranked = sorted((rank, time, field) for time in fields for rank, field in enumerate(fields[time]))
        for time, field in sorted((time, field) for _, time, field in ranked[:each]):
            shots.append(Shot(well, time, field, digests[well, time, field]))
    note = f"{len(wells)} of {len(by_unit)} wells are shown." if len(wells) < len(by_unit) else ""
    return shots, note


def _spread(items: Sequence[Any], most: int) -> list[Any]:
    """Return at most `most` items, evenly, first and last among them; the last one alone for most = 1."""
    if len(items) <= most:
        return list(items)
    return [items[round(i)] for i in np.linspace(0 if most > 1 else len(items) - 1, len(items) - 1, most)]


def draw(plate: Plate, labels: LabelStore, shots: Sequence[Shot]) -> tuple[tuple[Picture, ...], str]:
    """Return the pictures of the chosen frames, and a sentence on those that could not be read."""
    side = 320 if len(shots) <= 45 else 224  # keeps a gallery of 96 wells near 2 MB
    pictures, failed = [], 0
    for shot in shots:
        try:
            pixels = read_pixels(plate, shot)
            found = labels.read(shot)
        except PhasewellError:
            pixels = None
        if pixels is None:
            failed += 1
            continue
        pictures.append(
            make_picture(
                pixels,
                found,
                well=shot.well,
                field=shot.field,
                time_h=plate.times_h[shot.time],
                pixel_size_um=plate.pixel_size_um,
                thumbnail_px=side,
                crop_px=side,
            )
        )
    note = ""
    if failed:
        note = (
            f"{failed} of {len(shots)} chosen frames are damaged, or no longer the ones this run measured; "
            "`phasewell validate` looks at the store."
        )
    return tuple(pictures), note


def read_pixels(plate: Plate, shot: Shot) -> NDArray[np.uint8] | None:
    """Return a frame, (height, width) uint8; None when the store no longer has the pixels that the run measured."""
    unit = Unit(plate.name, shot.well, shot.time)
    digests = {record.key.field: record.sha256 for record in plate.reader.read_records(unit)}
    if digests.get(shot.field) != shot.sha256:
        return None
    pixels: NDArray[np.uint8] = np.asarray(plate.reader.read_frames(unit, (shot.field,)).pixels[0])
    return pixels


def open_labels(run_dir: Path, manifest: RunManifest) -> LabelStore:
    """Return the labels that a run kept; an empty store where they cannot be read."""
    try:
        return LabelStore(run_dir, manifest)
    except PhasewellError:
        return LabelStore(run_dir / "none", manifest)


def make_gallery(
    run_dir: Path, manifest: RunManifest, plate: Plate | None, frames: Mapping[str, NDArray[Any]]
) -> tuple[tuple[Picture, ...], str]:
    """Return the pictures of a run and a sentence on what is not there and why."""
    if plate is None:
        return (), "The plate store cannot be opened from here, so the frames themselves cannot be shown."
    notes = []
    try:
        labels = LabelStore(run_dir, manifest)
    except PhasewellError as error:
        labels = LabelStore(run_dir / "none", manifest)
        notes.append(f"The kept labels cannot be read ({error}).")
    n_wells = len({str(well) for well in frames["well"]})
    shots, left_out = choose_shots(frames, labels, MOST_WELLS if n_wells <= _ALL_WELLS else _SOME_WELLS)
    if not shots:
        return (), "No frame was measured, so there is none to show."
    pictures, unreadable = draw(plate, labels, shots)
    if not any(picture.field_outlines for picture in pictures):
        notes.append(
            'This run kept no labels, so the frames are shown without outlines (run.labels = "sample" keeps some).'
        )
    return pictures, " ".join(note for note in (left_out, unreadable, *notes) if note)
