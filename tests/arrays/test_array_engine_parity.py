"""The array engine as a GPU runs it gives the bits of NumPy: on a stand-in that is as strict as CuPy, and on CuPy."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import strict_cupy
from phasewell import describe, segment
from phasewell.device import Device, count_gpus
from phasewell.frames import FrameBatch
from phasewell.quality import assess, confluence
from phasewell.segmentation import PRESETS

PIXEL_SIZE_UM = 3.0
GPU = pytest.param(
    "cuda:0", marks=[pytest.mark.gpu, pytest.mark.skipif(not count_gpus(), reason="no GPU is visible to CuPy")]
)


@dataclass(frozen=True)
class StrictDevice(Device):
    """A GPU whose array library is the stand-in."""

    @property
    def is_gpu(self) -> bool:
        return True

    @property
    def xp(self) -> Any:
        return strict_cupy

    @property
    def ndimage(self) -> Any:
        return strict_cupy.ndimage

    @property
    def kernels(self) -> None:
        return None


def make_device(name: str) -> Device:
    if name == "cuda:0":
        return Device(name, "arrays")
    strict_cupy.forget(int(name.rsplit(maxsplit=1)[-1]))
    return StrictDevice("cpu", "arrays")


def cells(count: int, height: int, width: int, seed: int = 0) -> Any:
    """Return (count, height, width) uint8: touching discs of texture on a slope, an empty frame, one of noise."""
    chance = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    frames = np.empty((count, height, width), np.uint8)
    for index in range(count):
        frame = 120 + x * 20 / width + chance.normal(0, 1.5, (height, width))
        for _ in range(height * width // 1300 if index % 5 != 3 else 0):
            row, column, radius = chance.uniform(0, height), chance.uniform(0, width), chance.uniform(6, 12)
            inside = (y - row) ** 2 + (x - column) ** 2 < radius**2
            frame[inside] += chance.normal(0, 30, inside.sum())
        frames[index] = np.clip(frame, 0, 255)
        if index % 5 == 4:
            frames[index] = chance.integers(0, 256, (height, width))
    return frames


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("shape", [(3, 90, 130), (1, 1, 1), (2, 1, 40), (2, 31, 2), (1, 64, 64)])
@pytest.mark.parametrize("where", ["order 0", "order 1", GPU])
def test_labels_cells_and_quality(where: str, shape: tuple[int, int, int], preset: str) -> None:
    device, host = make_device(where), Device("cpu", "arrays")
    batch = FrameBatch(cells(*shape), PIXEL_SIZE_UM)
    labels = segment(batch, device, PRESETS[preset])
    wanted = segment(batch, host, PRESETS[preset])
    np.testing.assert_array_equal(device.get(labels), wanted)
    if shape[0] > 2:
        assert wanted.max() >= 3
    found, expected = describe(batch, labels, device), describe(batch, wanted, host)
    for name in ("frame", "label", "values", "bbox_px", "centroid_y_px", "centroid_x_px"):
        assert getattr(found, name).tobytes() == getattr(expected, name).tobytes(), name
    one, two = assess(batch, device), assess(batch, host)
    for name, values in vars(two).items():
        assert getattr(one, name).tobytes() == values.tobytes(), name
    np.testing.assert_array_equal(confluence(labels), confluence(wanted))


@pytest.mark.parametrize("pixels", ["noise", "dots", "one cell", "large labels"])
@pytest.mark.parametrize("where", ["order 0", "order 1", GPU])
def test_labels_of_any_kind(where: str, pixels: str) -> None:
    """Both ways of pooling level pairs, labels with gaps and in several pieces, cells on the rim."""
    chance = np.random.default_rng(3)
    frames = chance.integers(0, 256, (2, 40, 50), np.uint8)
    labels = {
        "noise": chance.integers(0, 9, frames.shape),
        "dots": np.arange(frames.size).reshape(frames.shape) * (chance.random(frames.shape) < 0.5),
        "one cell": np.ones(frames.shape),
        "large labels": chance.integers(0, 4, frames.shape) * 700_000_000,
    }[pixels].astype(np.int32)
    device, batch = make_device(where), FrameBatch(frames, PIXEL_SIZE_UM)
    found, expected = describe(batch, device.put(labels), device), describe(batch, labels, Device("cpu", "arrays"))
    for name in ("frame", "label", "values", "bbox_px"):
        assert getattr(found, name).tobytes() == getattr(expected, name).tobytes(), name


def count_calls(frames: Any, preset: str) -> Counter[str]:
    device = make_device("order 0")
    batch = FrameBatch(frames, PIXEL_SIZE_UM)
    assess(batch, device)
    describe(batch, segment(batch, device, PRESETS[preset]), device)
    return Counter(strict_cupy.calls)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_batch_is_one_piece_of_work(preset: str) -> None:
    """Three times the frames are the same calls: nothing goes frame by frame, and the host waits as often."""
    frames = cells(2, 90, 130)
    few, many = count_calls(frames, preset), count_calls(np.concatenate([frames] * 3), preset)
    assert few["label"] and few["operator"] > 50
    assert many == few


@pytest.mark.parametrize(
    "misuse",
    [
        lambda _, a: np.add(a, 1),
        lambda _, a: np.concatenate([a, a]),
        lambda _, a: np.asarray(a),
        lambda _, a: a + np.arange(4),
        lambda _, a: a[np.arange(2)],
        lambda xp, a: xp.minimum.at(a, xp.asarray([1]), xp.asarray([1])),
        lambda xp, a: xp.unique(a, sorted=False),
        lambda _, a: a.tolist(),
        lambda _, a: [*a],
        lambda xp, _: xp.bincount(np.arange(3)),
        lambda xp, a: xp.median(a),
    ],
)
def test_the_stand_in_refuses(misuse: Any) -> None:
    with pytest.raises((TypeError, AttributeError)):
        misuse(strict_cupy, strict_cupy.arange(4))


def test_what_a_gpu_leaves_open_differs() -> None:
    xp, won = strict_cupy, set()
    for seed in range(8):
        xp.forget(seed)
        array = xp.zeros(1, np.int32)
        array[xp.zeros(4, np.int64)] = xp.arange(4)
        won.add((int(array[0]), tuple(xp.argsort(xp.zeros(3)).get())))
    assert len(won) > 3
