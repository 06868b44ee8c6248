"""What a plate is: wells, fields and hours, and the addresses of its units and frames."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from phasewell.errors import InputError, UsageError
from phasewell.names import one_line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from phasewell.frames import FrameBatch

_WELL = re.compile(r"\s*([A-Za-z]{1,2})\s*0*([1-9][0-9]?)\s*")
_MAX_ROWS, _MAX_COLUMNS = 32, 48  # a 1536-well plate


def parse_well(text: str) -> str:
    """Return the canonical name of a well: `A1`, `A01` and `a01` are all `A01`.

    Raises InputError when `text` is no well of a plate of up to 32 x 48 wells.
    """
    match = _WELL.fullmatch(text)
    if match:
        row, column = _row_index(match[1].upper()), int(match[2])
        if row < _MAX_ROWS and column <= _MAX_COLUMNS:
            return f"{match[1].upper()}{column:02d}"
    raise InputError(f"well {text!r}: expected a row letter and a column number such as B03 (up to AF48)")


def _row_index(letters: str) -> int:
    index = 0
    for letter in letters:
        index = index * 26 + ord(letter) - ord("A") + 1
    return index - 1


def row_name(index: int) -> str:
    """Return the letters of a row counted from 0: 0 is A, 25 is Z, 26 is AA."""
    return chr(ord("A") + index) if index < 26 else "A" + chr(ord("A") + index - 26)


def well_position(well: str) -> tuple[int, int]:
    """Return (row, column) of a canonical well name, both counted from 0."""
    letters = well.rstrip("0123456789")
    return _row_index(letters), int(well[len(letters) :]) - 1


class Unit(NamedTuple):
    """One well at one time: the unit of storage and of commit.

    `time` is the index in `Plate.times_h`. Order of units: `well_position`, then time.
    """

    plate: str
    well: str
    time: int

    def __str__(self) -> str:
        return f"plate {one_line(self.plate)} well {self.well} time {self.time}"


class FrameKey(NamedTuple):
    """The address of one frame; `field` is a name of `Plate.fields`, `time` an index in `Plate.times_h`."""

    plate: str
    well: str
    field: str
    time: int

    def __str__(self) -> str:
        return f"plate {one_line(self.plate)} well {self.well} field {one_line(self.field)} time {self.time}"


@dataclass(frozen=True)
class Field:
    """One field of view of a well: its name and its place in the well's mosaic, counted from 0."""

    name: str
    row: int
    column: int
    x_um: float | None = None  # stage position of the first pixel; None where the source does not say
    y_um: float | None = None


@dataclass(frozen=True)
class FrameRecord:
    """What the store knows of one expected frame.

    `status` is "present", "missing" (never delivered) or "quarantined" (delivered but unusable, see `reason`).
    `sha256` is of the stored pixels (little-endian, C order) and exists exactly when the frame is present.
    `time_h` is the true hour where the source says it, beside the nominal grid.
    """

    key: FrameKey
    status: str
    reason: str | None = None
    sha256: str | None = None
    source: str | None = None
    time_h: float | None = None
    flags: tuple[str, ...] = ()


class UnitReader(Protocol):
    """One unit, read frame by frame into memory of the caller; threads may read different frames at the same time."""

    @property
    def records(self) -> tuple[FrameRecord, ...]:
        """One record per field of the plate, in field order, as stored."""
        ...

    @property
    def keys(self) -> tuple[FrameKey, ...]:
        """The addresses of the present frames, in field order."""
        ...

    def open(self) -> None:
        """Make ready to read; raises InputError for damaged metadata, StorageError when the system refuses."""
        ...

    def read_into(self, index: int, out: NDArray[np.uint8]) -> str | None:
        """Write frame `index` of `keys`, mapped to 8 bit, into `out` (height, width); return what is wrong with it."""
        ...

    def records_after(self, damaged: Collection[FrameKey]) -> tuple[FrameRecord, ...]:
        """Return the records with those of damaged frames turned to quarantined."""
        ...

    def close(self) -> None:
        """Let go of what `open` took."""
        ...


class FrameReader(Protocol):
    """What a plate needs from the module that holds its pixels."""

    def read_frames(self, unit: Unit, fields: tuple[str, ...] | None = None) -> FrameBatch:
        """Return the present frames of a unit, in field order, mapped to 8 bit."""
        ...

    def read_unit(self, unit: Unit) -> tuple[FrameBatch, tuple[FrameRecord, ...]]:
        """Return the good frames as `read_frames` does, and all records with damaged frames turned to quarantined."""
        ...

    def open_unit(self, unit: Unit) -> UnitReader:
        """Return a unit to be read frame by frame, not open yet; raises InputError for damaged records."""
        ...

    def read_records(self, unit: Unit) -> tuple[FrameRecord, ...]:
        """Return one record per field of the plate, in field order."""
        ...


@dataclass(frozen=True)
class Plate:
    """A plate of wells x fields x hours, and the reader that fetches its pixels.

    Lengths are in pixels unless the name says um. `times_h` is the nominal grid in hours.
    `window` is the plate-wide (low, high) that maps 16-bit pixels to 8 bit; None for 8-bit plates.
    `platemap` gives annotations per well (line, clone, donor, passage, target...), strings or numbers.
    """

    name: str
    wells: tuple[str, ...]
    fields: tuple[Field, ...]
    times_h: tuple[float, ...]
    frame_shape: tuple[int, int]  # (height, width)
    dtype: str  # "uint8" or "uint16", as stored
    pixel_size_um: float
    window: tuple[int, int] | None
    reader: FrameReader = field(repr=False, compare=False)
    platemap: dict[str, dict[str, str | float | int | None]] = field(default_factory=dict, repr=False)
    provenance: dict[str, str] = field(default_factory=dict, repr=False)  # e.g. {"simulated": "seed 0"}

    def units(self) -> Iterator[Unit]:
        """Yield every unit in plate order: by well position, then by time."""
        for well in self.wells:
            for time in range(len(self.times_h)):
                yield Unit(self.name, well, time)

    @property
    def n_frames_expected(self) -> int:
        """Wells x fields x hours."""
        return len(self.wells) * len(self.fields) * len(self.times_h)

    def unit(self, well: str, time: int) -> Unit:
        """Return the unit of a well and a time index; raises UsageError when the plate lacks it."""
        name = parse_well(well)
        if name not in self.wells:
            raise UsageError(f"plate {self.name}: no well {name}; it has {', '.join(self.wells)}")
        if not 0 <= time < len(self.times_h):
            raise UsageError(f"plate {self.name}: no time {time}; expected 0..{len(self.times_h) - 1}")
        return Unit(self.name, name, time)

    def frames(self, well: str, time: int, fields: tuple[str, ...] | None = None) -> FrameBatch:
        """Return the present frames of one well at one time index as 8-bit pixels."""
        return self.reader.read_frames(self.unit(well, time), fields)

    def records(self, well: str, time: int) -> tuple[FrameRecord, ...]:
        """Return what is known of every field of one well at one time index."""
        return self.reader.read_records(self.unit(well, time))
