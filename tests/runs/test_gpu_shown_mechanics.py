"""Frames on their way from a lane of a GPU to a network: pixels are copied once, and too little memory costs no run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import phasewell_kernels.gpu
import pytest
from host_gpu import HostGpu
from phasewell.config import Config
from phasewell.device import Device
from phasewell.frames import FrameBatch
from phasewell.plate import FrameKey
from phasewell.runs.worker.gpu_lane import OUT_OF_MEMORY, GpuLane
from phasewell.runs.worker.memory import projected_gpu_session_bytes
from phasewell.runs.worker.scoring import Scorer, Shown
from phasewell_kernels.failures import OutOfMemory
from phasewell_kernels.gpu import Kernels

Make = Callable[..., Config]
KEYS = tuple(FrameKey("P", "A01", str(i), 0) for i in range(4))


class Watching:
    """In the place of a scorer: keeps what it was shown."""

    def __init__(self, failures: int = 0) -> None:
        self.seen: list[np.ndarray[Any, Any]] = []
        self.failures = failures

    def show(self, pixels: Any, keys: Sequence[FrameKey], _device: Device) -> Shown:
        if self.failures:
            self.failures -= 1
            raise OutOfMemory("pictures")
        self.seen.append(np.array(pixels))
        return Shown(tuple(keys), None)


@pytest.fixture
def lane(make_config: Make, monkeypatch: pytest.MonkeyPatch) -> Any:
    kernels = Kernels(0, cupy=HostGpu())
    monkeypatch.setattr("phasewell.device.count_gpus", lambda: 1)
    monkeypatch.setattr(phasewell_kernels.gpu, "gpu_kernels", lambda _device: kernels)
    pixels = np.random.default_rng(5).integers(0, 256, (4, 64, 96), np.uint8)
    made = GpuLane(Device("cuda:0"), make_config(), (64, 96), 4)
    return SimpleNamespace(lane=made, counts=kernels.counts, batch=FrameBatch(pixels, 2.0, KEYS))


def test_pixels_that_were_measured_are_shown_without_a_copy(lane: Any) -> None:
    scorer = Watching()
    lane.lane.measure(lane.batch, ())
    before = lane.counts.copies
    lane.lane.show(lane.batch, scorer)
    assert lane.counts.copies == before
    np.testing.assert_array_equal(scorer.seen[0], lane.batch.pixels)


def test_other_frames_than_those_there_are_copied(lane: Any) -> None:
    scorer = Watching()
    lane.lane.measure(lane.batch, ())
    other = FrameBatch(lane.batch.pixels[1:3], 2.0, KEYS[1:3])
    lane.lane.show(other, scorer)
    lane.lane.measure(other, ())
    lane.lane.show(lane.batch, scorer)
    np.testing.assert_array_equal(scorer.seen[0], other.pixels)
    np.testing.assert_array_equal(scorer.seen[1], lane.batch.pixels)


def test_memory_given_back_makes_room_for_pictures(lane: Any) -> None:
    scorer = Watching(failures=1)
    lane.lane.measure(lane.batch, ())
    assert lane.lane.show(lane.batch, scorer).keys == KEYS
    np.testing.assert_array_equal(scorer.seen[0], lane.batch.pixels)


def test_frames_whose_pictures_do_not_fit_are_told(lane: Any) -> None:
    shown = lane.lane.show(lane.batch, Watching(failures=2))
    assert [(frame.key, frame.reason) for frame in shown.failures] == [(key, OUT_OF_MEMORY) for key in KEYS]
    assert not shown.keys


def test_a_scorer_does_not_blame_frames_for_memory(lane: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OutOfMemory("pictures")

    scorer: Any = Scorer.__new__(Scorer)
    scorer._plan = SimpleNamespace(framing=None, mode="offset")
    monkeypatch.setattr("phasewell.runs.worker.scoring.show_frames", full)
    with pytest.raises(OutOfMemory):
        scorer.show(lane.batch.pixels, KEYS, Device("cpu"))


def test_a_session_is_projected_by_its_weights_and_pictures() -> None:
    sizes = [projected_gpu_session_bytes(28_000_000, 226 * 306, pictures) for pictures in (0, 1, 64)]
    assert sizes[0] < sizes[1] < sizes[2]
    assert sizes[2] - sizes[0] == 64 * (sizes[1] - sizes[0])
    assert projected_gpu_session_bytes(80_000_000, 226 * 306, 64) > sizes[2]
