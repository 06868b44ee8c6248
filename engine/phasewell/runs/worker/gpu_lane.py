"""A lane on a GPU: a thread with its own stream, memory for one batch, and what to do when that is too much.

Frames come from page-locked buffers of the ring. While one lane's kernels run, the frames of the next batch are copied
to the GPU in the stream of another; tables come back in one copy.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from phasewell_kernels.failures import OutOfMemory

from phasewell.config import Config
from phasewell.device import Device, gpu_errors
from phasewell.frames import FrameBatch
from phasewell.plate import FrameKey
from phasewell.quality import finish_quality
from phasewell.runs.worker.assembly import MeasuredFrame
from phasewell.runs.worker.measuring import list_frames, measure_batch, measure_resident, settle_frames, take_frames
from phasewell.runs.worker.scoring import ScoredFrame, Scorer, Shown

OUT_OF_MEMORY = "gpu_oom"  # why a frame is quarantined
_Measure = Callable[[FrameBatch, Collection[FrameKey]], list[MeasuredFrame]]


class GpuLane:
    """Measures batches of up to `batch_frames` frames in a stream of its own; memory is taken with the first batch.

    Where the GPU's memory does not do, it is given back and half as many frames go at once from then on. A frame that
    does not fit alone is computed on the CPU if `[compute] cpu_fallback` allows that, else quarantined; notes tell.
    Raises DeviceLostError when the GPU failed for good.
    """

    def __init__(self, device: Device, config: Config, frame_shape: tuple[int, int], batch_frames: int) -> None:
        self._device, self._config, self._shape = device, config, frame_shape
        self._at_once = batch_frames
        self._kernels = device.kernels  # None for the engine `arrays`, which takes memory and streams as CuPy does
        self._stream = self._kernels.new_stream() if self._kernels else None
        self._kept: dict[str, Any] = {}  # arrays on the device, by what they hold
        self._resident: tuple[FrameKey, ...] = ()  # the frames whose pixels lie there

    def measure(self, batch: FrameBatch, labelled: Collection[FrameKey]) -> tuple[list[MeasuredFrame], Sequence[str]]:
        """See `Lane`."""
        found: list[MeasuredFrame] = []
        notes: list[str] = []
        while len(found) < len(batch):
            some = range(len(found), min(len(found) + self._at_once, len(batch)))
            part = take_frames(batch, some)
            try:
                found += settle_frames(part, labelled, self._measure)
            except OutOfMemory as error:
                self.release()
                if len(part) == 1:
                    found += self._do_without(part, labelled, error, notes)
                else:
                    self._at_once = len(part) // 2
                    notes.append(f"out of memory: {len(part)} -> {self._at_once} frames at once")
        return found, notes

    def show(self, batch: FrameBatch, scorer: Scorer) -> Shown:
        """See `Lane`. Pixels that `measure` left on the device are not copied again."""
        try:
            return self._show(batch, scorer)
        except OutOfMemory:
            self.release()  # pictures take a sixteenth of what frames took
        try:
            return self._show(batch, scorer)
        except OutOfMemory as error:
            failures = tuple(ScoredFrame(key, OUT_OF_MEMORY, failure=f"{key}\n{error}") for key in batch.keys)
            return Shown((), None, failures)

    def _show(self, batch: FrameBatch, scorer: Scorer) -> Shown:
        if batch.keys == self._resident:
            there = self._kept["pixels"][: len(batch)]
        else:
            there = (self._kernels or self._device).put(batch.pixels)
        return scorer.show(there, batch.keys, self._device)

    def release(self) -> None:
        """Give back the memory of the device."""
        self._kept.clear()
        self._resident = ()
        if self._kernels:
            self._kernels.release(self._stream)
        else:
            self._device.xp.get_default_memory_pool().free_all_blocks()

    def _do_without(
        self, frame: FrameBatch, labelled: Collection[FrameKey], error: OutOfMemory, notes: list[str]
    ) -> list[MeasuredFrame]:
        if self._config.compute.cpu_fallback:
            notes.append("out of memory: frames computed on the CPU, as compute.cpu_fallback allows")
            cpu = replace(self._device, name="cpu", threads=1)
            return settle_frames(frame, labelled, lambda *some: measure_batch(some[0], cpu, self._config, some[1]))
        notes.append("out of memory: frames quarantined; free the GPU's memory, or set compute.cpu_fallback")
        return [MeasuredFrame(frame.keys[0], OUT_OF_MEMORY, failure=f"{frame.keys[0]}\n{error}")]

    def _measure(self, batch: FrameBatch, labelled: Collection[FrameKey]) -> list[MeasuredFrame]:
        if self._kernels is None:
            with gpu_errors():
                return measure_batch(batch, self._device, self._config, labelled)
        resident = self._array("pixels", np.uint8, len(batch))
        self._resident = ()
        self._kernels.put_into(batch.pixels, resident, stream=self._stream)
        labels = self._array("labels", np.int32, len(batch)) if any(key in labelled for key in batch.keys) else None
        there = FrameBatch(resident, batch.pixel_size_um, batch.keys)
        config = self._config
        sums, cells = measure_resident(
            there, labels, self._kernels, config.background, config.segmentation, self._stream
        )
        self._resident = batch.keys  # the tables have come back, so the copy has ended
        kept = self._fetch_labels(batch.keys, labels, labelled)
        quality = finish_quality(sums.by_name(), self._shape)
        return list_frames(batch, quality, cells, range(len(batch)), kept, config)

    def _fetch_labels(
        self, keys: Sequence[FrameKey], labels: Any, labelled: Collection[FrameKey]
    ) -> Mapping[FrameKey, NDArray[np.int32]]:
        return {
            key: self._kernels.get(labels[at], stream=self._stream) for at, key in enumerate(keys) if key in labelled
        }

    def _array(self, name: str, dtype: Any, frames: int) -> Any:
        # of `frames` frames; sized once, for the largest batch there can be
        if name not in self._kept:
            self._kept[name] = self._kernels.empty((self._at_once, *self._shape), dtype, stream=self._stream)
        return self._kept[name][:frames]
