"""Quality numbers of a frame, from integer sums: brightness, saturation, focus, blur, illumination, confluence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.cells import Cells
from phasewell.device import Device, as_device
from phasewell.errors import UsageError
from phasewell.frames import FrameBatch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = Any  # numpy.ndarray, or cupy.ndarray on a GPU

BLUR_LEVELS = 4  # boxes of 1, 2, 4 and 8 px
BANDS = 8  # per axis, for the illumination
SUMS = (
    "black",
    "saturated",
    "constant",
    "laplacian",
    "laplacian_squared",
    *(f"energy_{level}" for level in range(BLUR_LEVELS)),
)


@dataclass(frozen=True)
class FrameQuality:
    """One value per frame, (frames,) each; NaN where a frame is too small or too flat for the number to exist."""

    mean_v: NDArray[np.float64]  # mean grey level, 0..255
    saturated_fraction: NDArray[np.float64]  # share of pixels at 255
    black_fraction: NDArray[np.float64]  # share of pixels at 0
    constant: NDArray[np.bool_]  # one single grey value
    focus: NDArray[np.float64]  # population variance of the 4-neighbour Laplacian, level^2
    blur_1: NDArray[np.float64]  # gradient energy of 1 px boxes / of 2 px boxes: 1/4 if smooth, 4 for white noise
    blur_2: NDArray[np.float64]  # of 2 px boxes / of 4 px boxes
    blur_3: NDArray[np.float64]  # of 4 px boxes / of 8 px boxes
    illumination_gradient: NDArray[np.float64]  # grey levels between the brightest and the darkest band of the frame

    def __len__(self) -> int:
        return len(self.mean_v)


def assess(batch: FrameBatch, device: Device | str = "auto") -> FrameQuality:
    """Return the quality numbers of every frame of a batch, from exact integer sums.

    Focus: variance of 4 v - (left + right + up + down) over the pixels that have all four neighbours.
    Blur: a pyramid of 2 x 2 box means; the energy of a level is the mean squared difference of boxes side by side
    or one above the other; each ratio compares a level with the next coarser one. A last odd row or column of a
    level is left out. Illumination: means of 8 horizontal and of 8 vertical bands; the larger of the two ranges,
    so that cells average out and both a tilt and a dark rim show.
    The numbers do not depend on the device or on which frames share a batch.
    """
    where = as_device(device)
    shape = batch.pixels.shape[1:]
    parts: list[FrameQuality] = []
    step = where.batch_frames if where.kernels or where.is_gpu else 1  # one frame's differences fit in a CPU's cache
    for i in range(0, max(len(batch), 1), step):
        frames = where.put(batch.pixels[i : i + step])
        sums = _sum_frames_fused(frames, where) if where.kernels else _sum_frames(frames, where.xp)
        parts.append(finish_quality({name: where.get(values) for name, values in sums.items()}, shape))
    return FrameQuality(
        *(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(FrameQuality))
    )


@dataclass(frozen=True)
class FrameSums:
    """The integers behind the quality numbers of frames, as the kernels write them."""

    integers: Array  # (frames, 9) int64 in the order of SUMS
    rows: Array  # (frames, height) uint32
    columns: Array  # (frames, width) uint32

    def by_name(self) -> dict[str, Array]:
        """Return what `finish_quality` takes: each sum by name, (frames,), and the projections."""
        return dict(zip(SUMS, self.integers.T, strict=True)) | {"rows": self.rows, "columns": self.columns}


def make_sums(shape: tuple[int, ...], xp: ModuleType = np) -> FrameSums:
    """Return arrays for the sums of frames of shape (frames, height, width), contents undefined."""
    n, height, width = shape
    rows, columns = xp.empty((n, height), xp.uint32), xp.empty((n, width), xp.uint32)
    return FrameSums(xp.empty((n, len(SUMS)), xp.int64), rows, columns)


def confluence(labels: Array) -> NDArray[np.float64]:
    """Return the share of every frame covered by labelled cells, (frames,), from labels (frames, height, width).

    Labels after the last segmentation step lack the cells that touch the frame, and erosion has made cells
    smaller: this is a lower bound of the confluence that an eye would estimate. NaN for frames without pixels. Raises
    UsageError for labels of another shape.
    """
    if labels.ndim != 3:
        raise UsageError(f"labels {labels.shape}: expected (frames, height, width)")
    covered = Device("cpu").get((labels != 0).sum(axis=(1, 2)))
    return _share(covered, labels.shape[1] * labels.shape[2])


def confluence_of_cells(cells: Cells, frame_px: int) -> NDArray[np.float64]:
    """Return `confluence` (frames,) of the labels that `cells` were measured on, from their areas; no pixel is read."""
    return _share(np.bincount(cells.frame, weights=cells.column("area"), minlength=cells.n_frames), frame_px)


def _share(covered: NDArray[Any], frame_px: int) -> NDArray[np.float64]:
    return np.asarray(covered / frame_px if frame_px else np.full(len(covered), np.nan), np.float64)


def _sum_frames_fused(frames: Array, device: Device) -> dict[str, Array]:
    """Return what `_sum_frames` returns, from one pass of the kernel over every frame."""
    sums = make_sums(frames.shape, device.xp)
    device.kernels.sum_frames(frames, sums.integers, sums.rows, sums.columns)
    return sums.by_name()


def _sum_frames(frames: Array, xp: ModuleType) -> dict[str, Array]:
    """Return integer sums of every frame of (frames, height, width) uint8, first axis frames."""
    sums = {
        "black": xp.count_nonzero(frames == 0, axis=(1, 2)),
        "saturated": xp.count_nonzero(frames == 255, axis=(1, 2)),
        "rows": frames.sum(axis=2, dtype=xp.uint32),
        "columns": frames.sum(axis=1, dtype=xp.uint32),
        "constant": (frames == frames[:, :1, :1]).all(axis=(1, 2)),
    }
    v = frames.astype(xp.int16)
    laplacian = 4 * v[:, 1:-1, 1:-1]  # -1020..1020
    for neighbour in (v[:, :-2, 1:-1], v[:, 2:, 1:-1], v[:, 1:-1, :-2], v[:, 1:-1, 2:]):
        laplacian -= neighbour
    sums["laplacian"] = laplacian.sum(axis=(1, 2), dtype=xp.int64)
    sums["laplacian_squared"] = _sum_squares(laplacian, xp)
    boxes = v  # sums over boxes of 1, 2, 4, 8 px: up to 255 x 64 = 16320
    for level in range(BLUR_LEVELS):
        across, down = boxes[:, :, 1:] - boxes[:, :, :-1], boxes[:, 1:] - boxes[:, :-1]
        sums[f"energy_{level}"] = _sum_squares(across, xp) + _sum_squares(down, xp)
        boxes = _add_boxes(boxes)
    return sums


def _add_boxes(boxes: Array) -> Array:
    """Return the sums of 2 x 2 boxes; a last odd row or column is left out."""
    height, width = (side // 2 * 2 for side in boxes.shape[1:])
    two = boxes[:, 0:height:2] + boxes[:, 1:height:2]
    return two[:, :, 0:width:2] + two[:, :, 1:width:2]


def _sum_squares(values: Array, xp: ModuleType) -> Array:
    wide = values.astype(xp.int32)
    wide *= wide  # below 2^29
    return wide.sum(axis=(1, 2), dtype=xp.int64)


def finish_quality(sums: Mapping[str, NDArray[Any]], shape: tuple[int, ...]) -> FrameQuality:
    """Return the numbers of frames of `shape` (height, width) from their sums in host memory, first axis frames.

    Every number is rounded once in each division; what does not fit a float64 exactly is divided as Python integers.
    """
    height, width = shape
    size, inner = height * width, max(height - 2, 0) * max(width - 2, 0)
    exact = {name: sums[name].tolist() for name in SUMS[3:]}  # Python integers, of any size
    focus = [
        _divide(inner * second - first * first, inner * inner)
        for first, second in zip(exact["laplacian"], exact["laplacian_squared"], strict=True)
    ]
    blur = [
        _blur(exact[f"energy_{level - 1}"], exact[f"energy_{level}"], shape, level) for level in range(1, BLUR_LEVELS)
    ]
    gradients = _range_of_bands(sums["rows"], width), _range_of_bands(sums["columns"], height)
    return FrameQuality(
        mean_v=_share(sums["rows"].sum(axis=1, dtype=np.int64), size),
        saturated_fraction=_share(sums["saturated"], size),
        black_fraction=_share(sums["black"], size),
        constant=np.asarray(sums["constant"], np.bool_),
        focus=np.array(focus, np.float64),
        blur_1=blur[0],
        blur_2=blur[1],
        blur_3=blur[2],
        illumination_gradient=np.maximum(*gradients),
    )


def _blur(fine: list[int], coarse: list[int], shape: tuple[int, ...], level: int) -> NDArray[np.float64]:
    """Return the energy of the boxes of one level / that of the next coarser ones, `level`, of every frame."""
    fine_pairs, coarse_pairs = _count_pairs(shape, level - 1), _count_pairs(shape, level)
    # boxes are sums, so that energy grows by 16 a level
    ratios = [_divide(f * coarse_pairs * 16, c * fine_pairs) for f, c in zip(fine, coarse, strict=True)]
    return np.array(ratios, np.float64)


def _count_pairs(shape: tuple[int, ...], level: int) -> int:
    """Return how many boxes of 2^level px lie side by side or one above the other."""
    height, width = (side >> level for side in shape)
    return height * max(width - 1, 0) + width * max(height - 1, 0)


def _range_of_bands(sums: NDArray[Any], length: int) -> NDArray[np.float64]:
    """Return the range of the means of up to 8 bands of every frame, from sums over lines of `length` pixels.

    NaN without pixels. A band's sum is below 2^53, so that it is rounded only in the division.
    """
    n, lines = sums.shape
    if not lines or not length:
        return np.full(n, np.nan)
    bounds = np.unique([i * lines // BANDS for i in range(BANDS + 1)])
    bands = np.add.reduceat(sums, bounds[:-1], axis=1, dtype=np.int64)
    means = bands / (np.diff(bounds) * length)
    return np.asarray(means.max(axis=1) - means.min(axis=1), np.float64)


def _divide(numerator: int, denominator: int) -> float:
    """Return the quotient of two integers of any size, rounded once; NaN where there is none."""
    return numerator / denominator if denominator else float("nan")
