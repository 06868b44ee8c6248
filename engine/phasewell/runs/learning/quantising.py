"""INT8 of a model folder from a plate: lines that it learned from give ranges, other lines say what that cost."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.errors import UsageError
from phasewell.images import open_plate
from phasewell.inference import Int8Graph, frame_windows, quantise_model, read_model
from phasewell.learning import frames_of
from phasewell.runs.learning.labelled_frames import label_frames

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from phasewell.device import Device
    from phasewell.learning import LabelledPictures

CALIBRATION_FRAMES = 128  # a hundred or so give stable ranges; more only take longer


def quantise_on_plate(
    model: Path | str,
    plate: Path | str,
    *,
    line: str = "line",
    class_: str = "class",
    held_out_lines: Iterable[str] | None = None,
    calibration_frames: int = CALIBRATION_FRAMES,
    window_h: tuple[float, float] | None = None,
    cache: Path | str | None = None,
    device: Device | str = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> Int8Graph:
    """Write the INT8 graph of a model folder, if the AUC on held-out lines of a plate changes by at most 0.005.

    `held_out_lines` left out: the lines of the plate that the model did not learn from, as its card says. The others
    calibrate: `calibration_frames` of them, spread evenly over lines and, within a line, over its frames. `line`,
    `class_`, `window_h`, `cache` and `progress` as in `label_frames`.
    Raises UsageError where no line is left to calibrate or to hold out; else as `label_frames` and `quantise_model`.
    """
    read, opened = read_model(model), open_plate(plate)
    card = read.card
    frame_windows(card, opened.frame_shape, opened.pixel_size_um)  # the scale that the model was made for
    pictures = label_frames(
        opened,
        Path(cache) if cache else None,
        line=line,
        class_=class_,
        classes=card.classes,
        frame_px=card.frame_px,
        mode=card.brightness,
        window_h=window_h,
        device=device,
        progress=progress,
    ).pictures
    held_out = _choose_held_out(card, tuple(pictures.class_of_line), held_out_lines, str(read.folder))
    chosen = spread_frames(pictures, set(pictures.class_of_line) - set(held_out), calibration_frames)
    shown = frames_of(pictures, held_out)
    return quantise_model(read, pictures.pictures[chosen], pictures.pictures[shown], pictures.targets[shown], device)


def spread_frames(pictures: LabelledPictures, lines: Iterable[str], count: int) -> NDArray[np.int64]:
    """Return the places of at most `count` frames, as many of every line and evenly among its frames, ascending."""
    each = sorted(lines)
    shares = [count // len(each) + (place < count % len(each)) for place in range(len(each))]
    found = []
    for name, share in zip(each, shares, strict=True):
        places = np.flatnonzero(pictures.lines == name)
        taken = min(share, len(places))
        found.append(places[np.arange(taken) * len(places) // max(taken, 1)])
    return np.sort(np.concatenate(found))


def _choose_held_out(card: Any, lines: tuple[str, ...], wanted: Iterable[str] | None, name: str) -> tuple[str, ...]:
    learned = card.training.training_lines if card.training else ()
    if wanted is None:
        if not learned:
            raise UsageError(f"model {name}: its card names no lines that it learned from; name lines to hold out")
        held_out = tuple(sorted(set(lines) - set(learned)))
    else:
        held_out = tuple(sorted(set(wanted)))
        if unknown := set(held_out) - set(lines):
            raise UsageError(f"line {min(unknown)}: not on the plate; it has {', '.join(lines)}")
        if seen := set(held_out) & set(learned):
            raise UsageError(f"line {min(seen)}: model {name} learned from it; hold out other lines")
    if not held_out or set(held_out) == set(lines):
        raise UsageError(
            f"lines {', '.join(lines)}: {len(held_out)} of them are held out; expected lines to hold out, of every "
            "class, and others that give the ranges"
        )
    return held_out
