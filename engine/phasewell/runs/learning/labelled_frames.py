"""Frames of a plate store as a network learns from them: the pictures it reads, with line and class of the plate map.

The pictures of a plate are made once and kept in one file, named for everything they depend on: pictures one after the
other, then a JSON document with line, class and address of each, then the document's length and a mark. The file is
mapped into memory; its digests are checked when it is opened.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from phasewell.device import as_device
from phasewell.durable import find_temporaries, replace_file
from phasewell.errors import InputError, UsageError
from phasewell.images.validation import plate_digest
from phasewell.inference import Framing, show_frames
from phasewell.inference.preparation import SHRINK, Mode
from phasewell.learning import LabelledPictures
from phasewell.manifest import canonical_json, digest_json
from phasewell.plate import FrameKey, Plate, Unit
from phasewell.runs.folder.code import pictures_code_version

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phasewell.device import Device

_MARK = b"PWPICT01"
_TAIL = struct.Struct("<Q32s8s")  # length of the document, its SHA-256, the mark
UNLABELLED = "unlabelled"


class FrameOptions(TypedDict, total=False):
    """Which frames are taken, and what of them: the keywords of `label_frames` with their meaning there."""

    line: str
    class_: str
    classes: Sequence[str] | None
    frame_px: tuple[int, int] | None
    mode: Mode
    window_h: tuple[float, float] | None


@dataclass(frozen=True)
class LabelledFrames:
    """The pictures of a plate that a network may learn from, and what became of all other frames.

    `left_out` counts frames by reason: `too_bright`, `unlabelled` (the plate map names no line, or none of the
    classes, for the well), `missing`, and the reasons of quarantined ones. `sha256` is of everything that the pictures
    depend on.
    """

    pictures: LabelledPictures
    left_out: dict[str, int]
    framing: Framing
    mode: Mode
    sha256: str
    path: Path | None = None  # the file they lie in, None in memory

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON document of everything but the pictures."""
        names, counts = np.unique(self.pictures.lines, return_counts=True)
        return {
            "frames": len(self.pictures.keys),
            "frames_of_line": {str(name): int(count) for name, count in zip(names, counts, strict=True)},
            "class_of_line": {line: self.pictures.classes[at] for line, at in self.pictures.class_of_line.items()},
            "left_out": self.left_out,
            "window_px": list(self.framing.window_px),
            "mode": self.mode,
            "sha256": self.sha256,
        }


def label_frames(
    plate: Plate,
    cache: Path | None = None,
    *,
    line: str = "line",
    class_: str = "class",
    classes: Sequence[str] | None = None,
    frame_px: tuple[int, int] | None = None,
    mode: Mode = "offset",
    window_h: tuple[float, float] | None = None,
    device: Device | str = "auto",
    progress: Callable[[int, int], None] | None = None,
    stop: Callable[[], None] | None = None,
) -> LabelledFrames:
    """Return the pictures of every usable frame of the wells whose line and class the plate map names.

    `line` and `class_` are columns of the plate map. `classes` is their order, the positive one last; left out: low,
    high where the plate has these two, else by name. `frame_px` is the central window that becomes the picture; left
    out: whole frames, down to a multiple of 4. `window_h` is the first and last hour, inclusive. `cache` is a folder
    for the file of the pictures; without it they stay in memory. `progress` is called with (units done, units); `stop`
    before each unit: what it raises ends the work, and nothing is left behind.
    Raises UsageError for columns and classes the plate map lacks and windows that do not fit, InputError for a line of
    two classes, a plate without a usable frame and a cached file that is damaged.
    """
    labels = _read_labels(plate, line, class_)
    order = _order_classes(plate, {found for _, found in labels.values()}, class_, classes)
    labels = {well: both for well, both in labels.items() if both[1] in order}
    framing = _central_window(plate, frame_px)
    identity = {
        "plate": plate_digest(plate),
        "columns": [line, class_],
        "classes": order,
        "framing": list(framing),
        "mode": mode,
        "window_h": window_h,
        "code": pictures_code_version(),
    }
    sha256 = digest_json(identity)
    gathering = _Gathering(plate, labels, order, framing, mode, window_h, as_device(device), progress, stop)
    if cache is None:
        return _frames_in_memory(gathering, sha256)
    path = cache / f"pictures-{sha256[:16]}.bin"
    if not path.exists():
        for leftover in find_temporaries(cache) if cache.is_dir() else ():
            if leftover.name.startswith(f".{path.name}."):
                leftover.unlink(missing_ok=True)
        replace_file(path, gathering.pieces())
    return _open_cached(path, gathering, sha256)


def _read_labels(plate: Plate, line: str, class_: str) -> dict[str, tuple[str, str]]:
    # well -> line and class as text
    for name in (line, class_):
        if not any(row.get(name) is not None for row in plate.platemap.values()):
            columns = sorted({key for row in plate.platemap.values() for key in row})
            raise UsageError(
                f"plate {plate.name}: its plate map has no column {name!r}; it has {', '.join(columns) or 'none'}. "
                "Give a plate map at ingest, or name another column"
            )
    return {
        well: (str(plate.platemap[well][line]), str(plate.platemap[well][class_]))
        for well in plate.wells
        if plate.platemap.get(well, {}).get(line) is not None and plate.platemap[well].get(class_) is not None
    }


def _order_classes(plate: Plate, found: set[str], column: str, wanted: Sequence[str] | None) -> list[str]:
    if wanted is None:
        return ["low", "high"] if found == {"low", "high"} else sorted(found)
    if len(set(wanted)) != len(wanted) or set(wanted) - found:
        raise UsageError(
            f"classes {', '.join(wanted)}: expected distinct ones of column {column!r} of plate {plate.name}: "
            f"{', '.join(sorted(found))}"
        )
    return list(wanted)


def _central_window(plate: Plate, frame_px: tuple[int, int] | None) -> Framing:
    height, width = plate.frame_shape
    window = tuple(frame_px) if frame_px else (height // SHRINK * SHRINK, width // SHRINK * SHRINK)
    if any(side % SHRINK or not 0 < side <= most for side, most in zip(window, (height, width), strict=True)):
        raise UsageError(
            f"frame_px {window[0]} x {window[1]}: plate {plate.name} has frames of {height} x {width} px; expected "
            f"multiples of {SHRINK} up to these: frames are never stretched"
        )
    return Framing((height - window[0]) // 2, (width - window[1]) // 2, (window[0], window[1]), 1, 1)


@dataclass
class _Gathering:
    """One walk through the units of a plate; `document` is complete when the last picture was handed out."""

    plate: Plate
    labels: dict[str, tuple[str, str]]
    classes: list[str]
    framing: Framing
    mode: Mode
    window_h: tuple[float, float] | None
    device: Device
    progress: Callable[[int, int], None] | None
    stop: Callable[[], None] | None
    keys: list[FrameKey] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    def pictures(self) -> Iterator[NDArray[np.uint8]]:
        """Yield the pictures of each unit, (frames, height, width); raises InputError when there is none at all."""
        first, last = self.window_h or (self.plate.times_h[0], self.plate.times_h[-1])
        units = [unit for unit in self.plate.units() if first <= self.plate.times_h[unit.time] <= last]
        for done, unit in enumerate(units, start=1):
            if self.stop:
                self.stop()
            if unit.well in self.labels:
                yield self._unit_pictures(unit)
            else:
                self.left_out[UNLABELLED] += len(self.plate.fields)
            if self.progress:
                self.progress(done, len(units))
        if not self.keys:
            reasons = ", ".join(f"{count} {reason}" for reason, count in self.left_out.items())
            raise InputError(f"plate {self.plate.name}: no frame to learn from ({reasons or 'no hour in the window'})")

    def _unit_pictures(self, unit: Unit) -> NDArray[np.uint8]:
        batch, records = self.plate.reader.read_unit(unit)
        self.left_out.update(record.reason or record.status for record in records if record.status != "present")
        if not batch.keys:
            return np.empty((0, *self.framing.picture_px), np.uint8)
        shown = show_frames(batch.pixels, self.framing, self.mode, self.device)
        usable = ~shown.too_bright
        self.keys += [key for key, fine in zip(batch.keys, usable, strict=True) if fine]
        if not usable.all():
            self.left_out["too_bright"] += int((~usable).sum())
        pictures: NDArray[np.uint8] = np.asarray(self.device.get(shown.pictures))[usable]
        return pictures

    def pieces(self) -> Iterator[bytes | NDArray[np.uint8]]:
        """Yield the bytes of the cached file."""
        digest = hashlib.sha256()
        for pictures in self.pictures():
            digest.update(pictures.data)
            yield pictures
        document = {"keys": [list(key) for key in self.keys], "left_out": self.left_out, "sha256": digest.hexdigest()}
        data = canonical_json(document)
        yield data
        yield _TAIL.pack(len(data), hashlib.sha256(data).digest(), _MARK)

    def labelled(self, pictures: NDArray[np.uint8], keys: Sequence[FrameKey]) -> LabelledPictures:
        """Return pictures with the line and class of each."""
        both = [self.labels[key.well] for key in keys]
        lines = np.array([line for line, _ in both], dtype=np.str_)
        targets = np.array([self.classes.index(name) for _, name in both], np.int64)
        return LabelledPictures(pictures, lines, targets, tuple(self.classes), tuple(keys))


def _frames_in_memory(gathering: _Gathering, sha256: str) -> LabelledFrames:
    pictures = np.concatenate(list(gathering.pictures()))
    return LabelledFrames(
        gathering.labelled(pictures, gathering.keys),
        dict(sorted(gathering.left_out.items())),
        gathering.framing,
        gathering.mode,
        sha256,
    )


def _open_cached(path: Path, gathering: _Gathering, sha256: str) -> LabelledFrames:
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            file.seek(max(size - _TAIL.size, 0))
            length, digest, mark = _TAIL.unpack(file.read())
            file.seek(size - _TAIL.size - length)
            data = file.read(length)
        if mark != _MARK or hashlib.sha256(data).digest() != digest:
            raise ValueError("its document is not what was written")
        document = json.loads(data)
        keys = tuple(FrameKey(*key) for key in document["keys"])
        shape = (len(keys), *gathering.framing.picture_px)
        if int(np.prod(shape)) != size - _TAIL.size - length:
            raise ValueError(f"expected {shape[0]} pictures of {shape[1]} x {shape[2]} px")
        pictures: NDArray[np.uint8] = np.memmap(path, np.uint8, "r", shape=shape)
        if _digest_of(pictures) != document["sha256"]:
            raise ValueError("its pictures do not have their SHA-256")
    except (OSError, ValueError, struct.error) as error:
        raise InputError(f"pictures {path}: damaged ({error}); remove it: it is made again") from error
    labelled = gathering.labelled(pictures, keys)
    return LabelledFrames(labelled, document["left_out"], gathering.framing, gathering.mode, sha256, path)


def _digest_of(pictures: NDArray[np.uint8]) -> str:
    digest = hashlib.sha256()
    for first in range(0, len(pictures), 256):
        digest.update(pictures[first : first + 256].tobytes())
    return digest.hexdigest()
