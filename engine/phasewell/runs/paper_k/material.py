"""The frames of a reproduction: which of a plate's pictures, which lines for tests, which folds."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.errors import InputError
from phasewell.inference.preparation import SHRINK
from phasewell.learning import LabelledPictures, LineSplit, choose_test_lines, fold_lines, frames_of
from phasewell.manifest import digest_json

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phasewell.runs.learning.labelled_frames import LabelledFrames
    from phasewell.runs.paper_k.scale import ReproductionScale


@dataclasses.dataclass(frozen=True)
class Material:
    """Pictures of all lines, the lines kept for the test, and the folds of the others."""

    source: LabelledFrames  # of which some frames were taken
    pictures: LabelledPictures
    test_lines: tuple[str, ...]
    folds: tuple[LineSplit, ...]
    sha256: str

    @property
    def development(self) -> NDArray[np.int64]:
        """The frames of all lines but the test lines."""
        return frames_of(self.pictures, [line for line in self.pictures.class_of_line if line not in self.test_lines])

    @property
    def test(self) -> NDArray[np.int64]:
        """The frames of the test lines."""
        return frames_of(self.pictures, self.test_lines)

    def to_dict(self) -> dict[str, Any]:
        """Return lines, counts, splits and digest as one JSON document."""
        pictures = self.pictures
        lines = [
            {"line": line, "class": pictures.classes[place], "frames": int((pictures.lines == line).sum())}
            for line, place in pictures.class_of_line.items()
        ]
        return {
            "lines": lines,
            "classes": list(pictures.classes),
            "positive": pictures.classes[1],
            "frames": len(pictures.lines),
            "left_out": dict(self.source.left_out),
            "picture_px": list(pictures.pictures.shape[1:]),
            "test_lines": list(self.test_lines),
            "folds": [{"training": list(f.training), "held_out": list(f.held_out)} for f in self.folds],
            "sha256": self.sha256,
        }


def choose_material(frames: LabelledFrames, scale: ReproductionScale) -> Material:
    """Return the frames that a scale takes of a plate's pictures, and their lines' parts in it.

    Raises InputError for other than two classes and for too few lines.
    """
    pictures = frames.pictures
    if len(pictures.classes) != 2:
        raise InputError(
            f"paper K tells two classes apart; found {len(pictures.classes)}: {', '.join(pictures.classes)}; mend the "
            "plate map"
        )
    kept = np.concatenate([_thin(np.flatnonzero(pictures.lines == line), scale) for line in pictures.class_of_line])
    chosen = pictures if len(kept) == len(pictures.lines) else pictures.take(np.sort(kept).astype(np.int64))
    test_lines = choose_test_lines(chosen.class_of_line, scale.test_lines_per_class, scale.seed)
    folds = fold_lines(chosen.class_of_line, scale.folds, test_lines, scale.seed)
    names = [list(key) for key in chosen.keys]
    source = dataclasses.replace(frames, pictures=chosen)
    return Material(source, chosen, test_lines, folds, digest_json([frames.sha256, names]))


def central_window(scale: ReproductionScale, frame_shape: tuple[int, int]) -> tuple[int, int] | None:
    """Return the part of frames (height, width) that a scale looks at, in px; None for whole frames."""
    if scale.frame_px is None:
        return None
    height, width = (min(side, most) // SHRINK * SHRINK for side, most in zip(frame_shape, scale.frame_px, strict=True))
    return height, width


def _thin(frames: NDArray[np.int64], scale: ReproductionScale) -> NDArray[np.int64]:
    most = scale.frames_per_line
    if most is None or len(frames) <= most:
        return frames
    return frames[np.linspace(0, len(frames) - 1, most).round().astype(np.int64)]


def find_weights(folder: Path | None, networks: tuple[str, ...]) -> dict[str, Path]:
    """Return the weights file of each network that has one in a folder: NAME.safetensors, NAME.pth or NAME.pt.

    Raises InputError when the folder holds no file for any of the networks.
    """
    if folder is None:
        return {}
    found = {}
    for name in networks:
        files = [path for ending in ("safetensors", "pth", "pt") if (path := folder / f"{name}.{ending}").is_file()]
        if len(files) > 1:
            raise InputError(f"weights {folder}: {files[0].name} and {files[1].name}; keep one of them")
        if files:
            found[name] = files[0]
    if not found:
        raise InputError(f"weights {folder}: no {networks[0]}.safetensors or the like; name a folder that has them")
    return found
