"""Pictures for parity tests: every real field of the sample data as 8 bit, and shapes that are hard on segmentation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

Picture = NDArray[np.uint8]  # (height, width)

# folder: (pattern of its pictures, how many of them)
REAL = {
    "t98g_phase": (("manual_fovs/*/raw.tif", "timelapse_xy01/images/*.tif"), None),
    "ali_timelapse": (("*.tif",), None),
    "phase_singles": (("*/*.jpg", "*/*.JPG", "*/*.png", "*/*.tif"), None),
    "bbbc013_96well": (("images/*.tif*", "images/*.TIF*"), None),
    "imagexpress": (("**/*.TIF",), None),
    "operetta_harmony": (("Images/*.tif*",), None),
    "cv8000_layout": (("*.tif",), 2),  # blank pixels, all alike
}


def real_pictures(data: Path, folder: str) -> Iterator[tuple[str, Picture]]:
    """Yield (name, picture) of every real field of one folder of the sample data."""
    patterns, most = REAL[folder]
    found = sorted({path for pattern in patterns for path in (data / folder).glob(pattern)})
    for path in found[:most]:
        yield str(path.relative_to(data)), as_8_bit(path)


def as_8_bit(path: Path) -> Picture:
    """Return a picture file as (height, width) uint8: its first channel, wide integers stretched to 0..255."""
    is_tiff = path.suffix.lower().startswith(".tif")
    pixels = tifffile.imread(path) if is_tiff else np.asarray(Image.open(path))
    while pixels.ndim > 2:
        pixels = pixels[..., 0] if pixels.shape[-1] <= 4 else pixels[0]
    if pixels.dtype == np.uint8:
        return np.ascontiguousarray(pixels)
    low, high = int(pixels.min()), int(pixels.max())
    return ((pixels.astype(np.int64) - low) * 255 // max(high - low, 1)).astype(np.uint8)


def flat(height: int, width: int, grey: int = 128) -> Picture:
    """Return a picture of one grey level."""
    return np.full((height, width), grey, np.uint8)


def checkerboard(height: int, width: int, side: int = 1) -> Picture:
    """Return a black and white checkerboard."""
    y, x = np.indices((height, width)) // side
    return ((y + x) % 2 * 255).astype(np.uint8)


def spiral(side: int, pitch: int = 12) -> Picture:
    """Return a square picture of one winding bright line: one object, and one background that is no hole."""
    y, x = np.indices((side, side)) - side / 2
    turns = np.hypot(y, x) / pitch - np.arctan2(y, x) / (2 * np.pi)
    return np.where(turns % 1 < 0.4, 210, 128).astype(np.uint8)


def dots(height: int, width: int, pitch: int = 4) -> Picture:
    """Return single bright pixels on a grid."""
    picture = flat(height, width)
    picture[1::pitch, 1::pitch] = 255
    return picture


def noise(height: int, width: int, seed: int = 0) -> Picture:
    """Return white noise over all grey levels."""
    return np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)


def blobs(height: int, width: int, seed: int = 0, count: int | None = None) -> Picture:
    """Return textured discs with bright rims on an uneven background; many touch each other or the frame."""
    chance = np.random.default_rng(seed)
    y, x = np.indices((height, width))
    picture = 120 + 20 * x / width + chance.normal(0, 3, (height, width))
    for _ in range(count if count is not None else 1 + height * width // 4000):
        cy, cx, radius = chance.uniform(0, height), chance.uniform(0, width), chance.uniform(6, 24)
        top, left = max(int(cy - radius - 4), 0), max(int(cx - radius - 4), 0)
        near = slice(top, int(cy + radius) + 5), slice(left, int(cx + radius) + 5)
        depth = radius - np.hypot(y[near] - cy, x[near] - cx)
        picture[near] += np.where(depth > 0, chance.normal(-8, 22, depth.shape), 40 * np.exp(-((depth + 1) ** 2) / 4))
    return np.clip(picture, 0, 255).astype(np.uint8)
