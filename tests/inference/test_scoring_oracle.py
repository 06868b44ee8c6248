"""Scores of frames: windows cut by hand, the brightness rule, and a frame that is never stretched."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from phasewell.device import Device
from phasewell.errors import UsageError
from phasewell.inference import Model, frame_windows, open_session, prepare_frames, score_frames, softmax

ARRAYS = Device("cpu", "arrays")


def frames(*shape: int) -> Any:
    return np.random.default_rng(1).integers(60, 200, shape, np.uint8)


def test_frames_of_the_models_size_are_taken_whole(model: Model) -> None:
    framing = frame_windows(model.card, (256, 320), 1.0)
    pixels = frames(2, 256, 320)
    assert (framing.windows, framing.picture_px) == (1, (64, 80))
    assert framing.cut(pixels) is pixels


@pytest.mark.parametrize(
    ("shape", "rule", "top", "left", "window", "grid"),
    [
        ((1000, 1000), "crop", 372, 340, (256, 320), (1, 1)),
        ((1000, 1000), "tile", 116, 20, (256, 320), (3, 3)),
        ((200, 330), "crop", 0, 5, (200, 320), (1, 1)),
        ((203, 160), "tile", 1, 0, (200, 160), (1, 1)),
    ],
)
def test_other_sizes(model: Model, shape: Any, rule: Any, top: int, left: int, window: Any, grid: Any) -> None:
    framing = frame_windows(model.card.model_copy(update={"frame_rule": rule}), shape, 1.0)
    assert framing == (top, left, window, *grid)


def test_refusals_of_sizes_and_scales(model: Model) -> None:
    with pytest.raises(UsageError, match="at least half of each side"):
        frame_windows(model.card, (127, 320), 1.0)
    bound = model.card.model_copy(update={"pixel_size_um": 0.87})
    assert frame_windows(bound, (256, 320), 0.87) == frame_windows(bound, (256, 320), 0.8735)
    with pytest.raises(UsageError, match=r"made for 0\.87 um/px, the plate has 1\.74 um/px"):
        frame_windows(bound, (256, 320), 1.74)


@pytest.mark.parametrize("mode", ["offset", "gain"])
def test_tiles_are_averaged(model: Model, mode: Any) -> None:
    card = model.card.model_copy(update={"frame_rule": "tile"})
    framing = frame_windows(card, (530, 650), 1.0)
    session = open_session(model, "cpu", "f32", "openvino")
    pixels = frames(3, 530, 650)
    found = score_frames(pixels, session, framing, mode, Device("cpu"))
    area = np.ascontiguousarray(pixels[:, 9:521, 5:645])
    prepared = prepare_frames(area, mode, ARRAYS)
    tiles = [
        session.scores(np.ascontiguousarray(prepared.images[:, y : y + 64, x : x + 80]))
        for y in (0, 64)
        for x in (0, 80)
    ]
    np.testing.assert_allclose(found.logits, np.mean(tiles, 0), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(found.mean_v, area.mean((1, 2)))
    unit = 1 if mode == "offset" else 65536
    np.testing.assert_array_equal(found.adjustments, prepared.adjustments / unit)
    np.testing.assert_array_equal(found.clipped_share, prepared.clipped_share)


def test_bright_frames_are_not_shown(model: Model) -> None:
    session = open_session(model, "cpu", "f32", "openvino")
    pixels = frames(3, 256, 320)
    pixels[1] = 230
    pixels[1, 0, 0] = 231
    framing = frame_windows(model.card, (256, 320), 1.0)
    found = score_frames(pixels, session, framing, "offset", Device("cpu"))
    assert found.too_bright.tolist() == [False, True, False]
    assert np.isnan(found.logits[1]).all()
    alone = score_frames(pixels[2:], session, framing, "offset", Device("cpu"))
    assert np.array_equal(found.logits[2], alone.logits[0])


def test_softmax_by_hand() -> None:
    logits = np.array([[0, np.log(3)], [1000, 1000], [np.nan, np.nan]], np.float32)
    found = softmax(logits)
    np.testing.assert_allclose(found[:2], [[0.25, 0.75], [0.5, 0.5]], rtol=1e-7)
    assert np.isnan(found[2]).all()
