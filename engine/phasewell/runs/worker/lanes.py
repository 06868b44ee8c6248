"""Lanes: the threads of a worker that measure batches, and what they need.

On a CPU a lane is one thread of the kernels: the Python parts of one lane run beside the kernels of the others, and no
lane waits for another at the end of a batch. On a GPU a lane is a stream, see `gpu_lane`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from phasewell.config import Config
from phasewell.device import Device
from phasewell.frames import FrameBatch
from phasewell.plate import FrameKey
from phasewell.runs.worker.assembly import MeasuredFrame
from phasewell.runs.worker.gpu_lane import GpuLane
from phasewell.runs.worker.measuring import measure_frames
from phasewell.runs.worker.receipts import TaskContext
from phasewell.runs.worker.scoring import Scorer, Shown

_LANES_PER_READER = 2
_MOST_LANES = 16  # beyond, lanes would wait for the interpreter; more cores are threads of the kernels
_WRITERS = 2
_GPU_READERS = 6  # a core reads and checks about 3,000 frames of 1 MB a second from the page cache
_GPU_WRITERS = 4  # one thread fsyncs about 120 parts a second, four more than 600
_SHARE = 4  # batches that every lane gets at least, as far as there are frames
_BATCH_BYTES = 64 << 20  # of the pixels of a batch on a CPU, or one frame


class Lane(Protocol):
    """Measures batches, one after the other, in one thread."""

    def measure(self, batch: FrameBatch, labelled: Collection[FrameKey]) -> tuple[list[MeasuredFrame], Sequence[str]]:
        """Return the result of every frame in the order of the batch, and notes on how it came about."""
        ...

    def show(self, batch: FrameBatch, scorer: Scorer) -> Shown:
        """Return the pictures of the frames for a network, made from the pixels that `measure` had before."""
        ...

    def release(self) -> None:
        """Give back what is held between batches."""
        ...


@dataclass(frozen=True)
class LaneSizes:
    """How many of what a worker has: what its memory is projected from."""

    n_lanes: int
    batch_frames: int
    n_readers: int
    n_writers: int

    @property
    def n_buffers(self) -> int:
        """One that each reader fills, one that each lane works on, and one that waits."""
        return self.n_readers + self.n_lanes + 1


@dataclass(frozen=True)
class Lanes(LaneSizes):
    """The lanes of a worker and what makes the buffers around them."""

    lanes: Sequence[Lane]
    make_buffer: Callable[[], NDArray[np.uint8]]  # (batch_frames, height, width)


@dataclass(frozen=True)
class CpuLane:
    """The whole way of a frame on some threads of a CPU."""

    device: Device
    config: Config

    def measure(self, batch: FrameBatch, labelled: Collection[FrameKey]) -> tuple[list[MeasuredFrame], Sequence[str]]:
        """See `Lane`."""
        return measure_frames(batch, self.device, self.config, labelled), ()

    def show(self, batch: FrameBatch, scorer: Scorer) -> Shown:
        """See `Lane`."""
        return scorer.show(batch.pixels, batch.keys, self.device)

    def release(self) -> None:
        """Nothing is held: the kernels keep their scratch memory for whoever comes next."""


def plan_lanes(context: TaskContext, device: Device, frame_shape: tuple[int, int], n_frames: int | None) -> Lanes:
    """Return the lanes of this worker for `n_frames` frames in all; None where nobody knows."""
    sizes = size_lanes(device, frame_shape, context.batch_frames, n_frames)
    own = Device(device.name, device.engine, max(device.threads // sizes.n_lanes, 1))
    lanes: list[Lane] = [CpuLane(own, context.config)] * sizes.n_lanes
    if device.is_gpu:
        lanes = [GpuLane(device, context.config, frame_shape, sizes.batch_frames) for _ in range(sizes.n_lanes)]
    make = device.kernels.pinned if device.is_gpu and device.kernels else np.empty

    def make_buffer() -> NDArray[np.uint8]:
        buffer: NDArray[np.uint8] = make((sizes.batch_frames, *frame_shape), np.uint8)
        return buffer

    return Lanes(sizes.n_lanes, sizes.batch_frames, sizes.n_readers, sizes.n_writers, lanes, make_buffer)


def size_lanes(
    device: Device, frame_shape: tuple[int, int], planned_frames: int = 0, n_frames: int | None = None
) -> LaneSizes:
    """Return the sizes for a worker; `planned_frames` at once (0 = as the device takes), `n_frames` in all."""
    n_lanes = count_lanes(device)
    frames = planned_frames or batch_frames(device, frame_shape)
    if n_frames is not None:
        frames = max(min(frames, -(-n_frames // (_SHARE * n_lanes))), 1)
    if device.is_gpu:
        return LaneSizes(n_lanes, frames, _GPU_READERS, _GPU_WRITERS)
    return LaneSizes(n_lanes, frames, -(-n_lanes // _LANES_PER_READER), _WRITERS)


def count_lanes(device: Device) -> int:
    """Return how many lanes a worker has: as many as the device has threads, which on a GPU are those of its host."""
    return 1 if device.engine == "arrays" else min(device.threads, _MOST_LANES)


def batch_frames(device: Device, frame_shape: tuple[int, int]) -> int:
    """Return how many frames of that size a lane takes at once; the results do not depend on it."""
    if device.is_gpu:
        return device.batch_frames
    return max(min(device.batch_frames, _BATCH_BYTES // max(frame_shape[0] * frame_shape[1], 1)), 1)
