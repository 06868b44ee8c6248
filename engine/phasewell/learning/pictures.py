"""What a network learns from: pictures of frames, and the line and class that each frame inherits from its well."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from phasewell.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phasewell.plate import FrameKey


@dataclass(frozen=True)
class LabelledPictures:
    """Pictures with the donor line and the class of each; a line belongs to one class (paper K: labels are of lines).

    `pictures` (frames, height, width) uint8, as `inference.prepare_frames` makes them, possibly a memory map; `lines`
    (frames,) text; `targets` (frames,) int64, places in `classes`; `keys` names the frames in the same order.
    Raises InputError when lengths differ, a target is no place in `classes` or a line has frames of two classes.
    """

    pictures: NDArray[np.uint8]
    lines: NDArray[np.str_]
    targets: NDArray[np.int64]
    classes: tuple[str, ...]
    keys: tuple[FrameKey, ...]

    def __post_init__(self) -> None:
        """Check that every frame has one line, and every line one class."""
        count = len(self.pictures)
        if not count == len(self.lines) == len(self.targets) == len(self.keys):
            raise InputError(
                f"labelled pictures: {count} pictures, {len(self.lines)} lines, {len(self.targets)} targets, "
                f"{len(self.keys)} keys; expected as many of each"
            )
        if count and not 0 <= int(self.targets.min()) <= int(self.targets.max()) < len(self.classes):
            raise InputError(f"labelled pictures: targets outside 0..{len(self.classes) - 1} of {self.classes}")
        for line in np.unique(self.lines):
            found = np.unique(self.targets[self.lines == line])
            if len(found) > 1:
                names = ", ".join(self.classes[place] for place in found)
                raise InputError(
                    f"line {line}: frames of the classes {names}; a line has one class: mend the plate map"
                )

    def take(self, frames: NDArray[np.int64]) -> LabelledPictures:
        """Return the frames at places (n,), in the order of the places."""
        keys = tuple(self.keys[place] for place in frames)
        return LabelledPictures(self.pictures[frames], self.lines[frames], self.targets[frames], self.classes, keys)

    @functools.cached_property
    def digests(self) -> tuple[str, ...]:
        """The SHA-256 of every picture, read once: a search asks for them at each of its trainings."""
        return tuple(hashlib.sha256(picture.tobytes()).hexdigest() for picture in self.pictures)

    @property
    def class_of_line(self) -> dict[str, int]:
        """The class, as a place in `classes`, of every line, in the order of the lines' names."""
        names, first = np.unique(self.lines, return_index=True)
        return {str(name): int(self.targets[place]) for name, place in zip(names, first, strict=True)}
