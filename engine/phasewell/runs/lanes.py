"""Lanes: the threads of a worker that measure batches, and what they need.

On a CPU a lane is one thread of the kernels: the Python parts of one lane run beside the kernels of the others, and no
lane waits for another at the end of a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from phasewell.config import Config
from phasewell.device import Device
from phasewell.frames import FrameBatch
from phasewell.plate import FrameKey
from phasewell.runs.assembly import MeasuredFrame
from phasewell.runs.measuring import measure_frames
from phasewell.runs.receipts import TaskContext

_LANES_PER_READER = 2
_MOST_LANES = 16  # beyond, lanes would wait for the interpreter; more cores are threads of the kernels
_SHARE = 4  # batches that every lane gets at least, as far as there are frames
_BATCH_BYTES = 64 << 20  # of the pixels of a batch on a CPU, or one frame


class Lane(Protocol):
    """Measures batches, one after the other, in one thread."""

    def measure(self, batch: FrameBatch, labelled: Collection[FrameKey]) -> tuple[list[MeasuredFrame], Sequence[str]]:
        """Return the result of every frame in the order of the batch, and notes on how it came about."""
        ...


@dataclass(frozen=True)
class Lanes:
    """The lanes of a worker and the sizes of what lies around them."""

    lanes: Sequence[Lane]
    batch_frames: int
    n_readers: int
    n_writers: int
    make_buffer: Callable[[], NDArray[np.uint8]]  # (batch_frames, height, width)

    @property
    def n_buffers(self) -> int:
        """One that each reader fills, one that each lane works on, and one that waits."""
        return self.n_readers + len(self.lanes) + 1


@dataclass(frozen=True)
class CpuLane:
    """The whole way of a frame on some threads of a CPU."""

    device: Device
    config: Config

    def measure(self, batch: FrameBatch, labelled: Collection[FrameKey]) -> tuple[list[MeasuredFrame], Sequence[str]]:
        """See `Lane`."""
        return measure_frames(batch, self.device, self.config, labelled), ()


def plan_lanes(context: TaskContext, device: Device, frame_shape: tuple[int, int], n_frames: int | None) -> Lanes:
    """Return the lanes of this worker for `n_frames` frames in all; None where nobody knows."""
    n_lanes, frames = count_lanes(device), batch_frames(device, frame_shape)
    if n_frames is not None:
        frames = max(min(frames, -(-n_frames // (_SHARE * n_lanes))), 1)
    own = Device(device.name, device.engine, max(device.threads // n_lanes, 1))
    lanes = [CpuLane(own, context.config)] * n_lanes

    def make_buffer() -> NDArray[Any]:
        return np.empty((frames, *frame_shape), np.uint8)

    return Lanes(lanes, frames, -(-n_lanes // _LANES_PER_READER), 2, make_buffer)


def count_lanes(device: Device) -> int:
    """Return how many lanes a worker has on its device."""
    return 1 if device.is_gpu or device.engine == "arrays" else min(device.threads, _MOST_LANES)


def batch_frames(device: Device, frame_shape: tuple[int, int]) -> int:
    """Return how many frames of that size a lane takes at once; the results do not depend on it."""
    if device.is_gpu:
        return device.batch_frames
    return max(min(device.batch_frames, _BATCH_BYTES // max(frame_shape[0] * frame_shape[1], 1)), 1)
