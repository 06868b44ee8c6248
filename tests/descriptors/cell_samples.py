"""Small frames with cells for the tests of descriptors."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
from phasewell.cells import DESCRIPTORS, Cells
from phasewell.descriptors import describe_adjusted
from PIL import Image


def draw_ellipses(seed: int, shape: tuple[int, int] = (160, 170), cells: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Return a textured frame (h, w) uint8 and labels int32: ellipses of all sizes, some touching, some on the rim."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    labels = np.zeros(shape, np.int32)
    for label in range(1, cells + 1):
        cy, cx = rng.uniform(0, shape[0]), rng.uniform(0, shape[1])
        a, b, angle = rng.uniform(6, 30), rng.uniform(2, 12), rng.uniform(0, np.pi)
        u = (x - cx) * np.cos(angle) + (y - cy) * np.sin(angle)
        v = (y - cy) * np.cos(angle) - (x - cx) * np.sin(angle)
        labels[((u / a) ** 2 + (v / b) ** 2 <= 1) & (labels == 0)] = label
    frame = 120 + 40 * np.sin(x / 4) + 25 * np.cos(y / 7) + rng.normal(0, 18, shape)
    return np.clip(frame, 0, 255).astype(np.uint8), labels


def draw_noise(seed: int, shape: tuple[int, int, int], labels: int, grey: int = 256) -> tuple[np.ndarray, np.ndarray]:
    """Return frames and labels without any structure: labels in many pieces, touching everything."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, grey, shape, np.uint8), rng.integers(0, labels + 1, shape, np.int32)


def read_hand_drawn(field: str) -> tuple[np.ndarray, np.ndarray]:
    """Return a frame (h, w) uint8 of the plate in the package, and the cells drawn by hand in it, int32."""
    folder = files("phasewell") / "demo" / "t98g"
    with (folder / "images" / f"{field}.png").open("rb") as stream:
        frame = np.asarray(Image.open(stream))
    with (folder / "masks" / f"{field}_hand.png").open("rb") as stream:
        return frame, np.asarray(Image.open(stream)).astype(np.int32)


def measure(frames: np.ndarray, labels: np.ndarray) -> Cells:
    """Describe (frames, h, w) or one (h, w) frame without background adjustment."""
    if frames.ndim == 2:
        frames, labels = frames[None], labels[None]
    return describe_adjusted(frames, labels, 1.0, "cpu")


def make_cells(frame: np.ndarray, values: np.ndarray, n_frames: int) -> Cells:
    """Return a cell table with given values (n, 12) and nothing else of interest."""
    n = len(frame)
    assert values.shape == (n, len(DESCRIPTORS))
    return Cells(
        frame=frame.astype(np.int32),
        label=np.arange(1, n + 1, dtype=np.int32),
        centroid_y_px=np.zeros(n),
        centroid_x_px=np.zeros(n),
        bbox_px=np.zeros((n, 4), np.int32),
        values=values,
        n_frames=n_frames,
        pixel_size_um=1.0,
    )
