"""What `describe` takes and refuses, and what an empty answer looks like."""

from __future__ import annotations

import numpy as np
import pytest
from cell_samples import draw_ellipses, measure
from phasewell.background import adjust_background
from phasewell.config import BackgroundConfig
from phasewell.descriptors import describe, describe_adjusted
from phasewell.device import Device
from phasewell.errors import UsageError
from phasewell.frames import FrameBatch
from phasewell.plate import FrameKey


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.float32, np.bool_])
def test_labels_of_another_dtype_are_refused(dtype: type) -> None:
    batch = FrameBatch(np.zeros((1, 4, 5), np.uint8), 1.0)
    with pytest.raises(UsageError, match=r"labels .* expected int32 \(1, 4, 5\)"):
        describe(batch, np.zeros((1, 4, 5), dtype), "cpu")


@pytest.mark.parametrize("shape", [(4, 5), (2, 4, 5), (1, 5, 4)])
def test_labels_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    batch = FrameBatch(np.zeros((1, 4, 5), np.uint8), 1.0)
    with pytest.raises(UsageError, match=r"expected int32 \(1, 4, 5\)"):
        describe(batch, np.zeros(shape, np.int32), "cpu")


def test_negative_labels_are_refused_by_frame() -> None:
    labels = np.zeros((3, 4, 5), np.int32)
    labels[2, 1, 1] = -1
    with pytest.raises(UsageError, match="frame 2 has negative values"):
        measure(np.zeros((3, 4, 5), np.uint8), labels)


def test_frames_without_exact_integers_are_refused() -> None:
    with pytest.raises(UsageError, match="sides up to 16384"):
        measure(np.zeros((1, 1, 16385), np.uint8), np.zeros((1, 1, 16385), np.int32))


def test_adjusted_frames_of_another_dtype_are_refused() -> None:
    with pytest.raises(UsageError, match="expected uint8"):
        describe_adjusted(np.zeros((1, 4, 5), np.int16), np.zeros((1, 4, 5), np.int32), 1.0, "cpu")


@pytest.mark.parametrize("shape", [(0, 5, 5), (3, 5, 5), (1, 1, 1), (2, 0, 5), (2, 5, 0)])
def test_no_cells(shape: tuple[int, int, int]) -> None:
    cells = measure(np.zeros(shape, np.uint8), np.zeros(shape, np.int32))
    assert len(cells) == 0
    assert cells.values.shape == (0, 12)
    assert cells.values.dtype == np.float64
    assert cells.n_frames == shape[0]


def test_one_pixel_frame() -> None:
    cells = measure(np.full((1, 1, 1), 9, np.uint8), np.ones((1, 1, 1), np.int32))
    assert cells.column("area").tolist() == [1.0]
    assert cells.bbox_px.tolist() == [[0, 0, 1, 1]]
    assert np.isnan(cells.column("correlation")[0])


def test_inputs_stay_as_they_are() -> None:
    frame, labels = draw_ellipses(3)
    frame.flags.writeable = labels.flags.writeable = False
    assert len(measure(frame, labels)) > 0


def test_texture_comes_from_the_adjusted_frame() -> None:
    frames, labels = (part[None] for part in draw_ellipses(2))
    keys = (FrameKey("p", "A01", "1", 0),)
    batch = FrameBatch(frames, 0.8, keys)
    config = BackgroundConfig()
    adjusted = adjust_background(frames, 0.8, Device("cpu"), config)
    found, wanted = describe(batch, labels, "cpu", config), describe_adjusted(adjusted, labels, 0.8, "cpu", keys)
    assert found.values.tobytes() == wanted.values.tobytes()
    assert found.keys == keys
    assert found.pixel_size_um == 0.8


def test_undefined_values_are_null_in_the_table() -> None:
    labels = np.zeros((1, 5, 5), np.int32)
    labels[0, 2, 2] = 4
    table = measure(np.zeros((1, 5, 5), np.uint8), labels).to_arrow()
    assert table["label"].to_pylist() == [4]
    assert table["energy"].null_count == 1
    assert table["area"].null_count == 0
