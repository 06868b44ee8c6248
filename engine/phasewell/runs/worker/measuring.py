"""From the frames of a batch to quality, cells and moments: the parts of the engine joined."""

from __future__ import annotations

import itertools
import traceback
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
from phasewell_kernels.failures import OutOfMemory

from phasewell.background import adjust_background, kernel_half_px
from phasewell.cells import Cells
from phasewell.config import BackgroundConfig, Config, SegmentationConfig
from phasewell.descriptors import describe_adjusted, field_moments, tabulate_cells
from phasewell.descriptors.fused import split_rows
from phasewell.device import Device
from phasewell.errors import InputError, PhasewellError
from phasewell.frames import FrameBatch
from phasewell.plate import FrameKey
from phasewell.profiles import Moments
from phasewell.quality import FrameQuality, FrameSums, assess, confluence_of_cells, finish_quality, judge, make_sums
from phasewell.runs.worker.assembly import MeasuredFrame, split_cells
from phasewell.segmentation import make_recipe, segment_adjusted
from phasewell.tables.parts import QUALITY_COLUMNS

_TRIES = 3  # of a single frame that raises
_QUALITY = tuple(field.name for field in fields(FrameQuality) if field.name in QUALITY_COLUMNS)


def measure_frames(
    batch: FrameBatch, device: Device, config: Config, labelled: Collection[FrameKey]
) -> list[MeasuredFrame]:
    """Measure a batch on a device; a frame that raises costs only itself, see `settle_frames`."""
    return settle_frames(batch, labelled, lambda some, keys: measure_batch(some, device, config, keys))


def settle_frames(
    batch: FrameBatch,
    labelled: Collection[FrameKey],
    measure: Callable[[FrameBatch, Collection[FrameKey]], list[MeasuredFrame]],
) -> list[MeasuredFrame]:
    """Measure a batch; where that raises, find the frames at fault by halving and let only them fail.

    `labelled` are the frames whose labels are returned. Errors of the configuration or of the device are raised.
    """
    reason = trace = ""
    for _ in range(_TRIES if len(batch) == 1 else 1):
        try:
            return measure(batch, labelled)
        except OutOfMemory:  # of a GPU: no frame is at fault
            raise
        except Exception as error:
            if isinstance(error, PhasewellError) and not isinstance(error, InputError):
                raise
            reason, trace = f"error:{type(error).__name__}", traceback.format_exc()
    if len(batch) == 1:
        return [MeasuredFrame(batch.keys[0], reason=reason, failure=f"{batch.keys[0]}\n{trace}")]
    half = len(batch) // 2
    first, second = take_frames(batch, range(half)), take_frames(batch, range(half, len(batch)))
    return [*settle_frames(first, labelled, measure), *settle_frames(second, labelled, measure)]


def measure_batch(
    batch: FrameBatch, device: Device, config: Config, labelled: Collection[FrameKey]
) -> list[MeasuredFrame]:
    """Return what there is to say of every frame of a batch, in its order; the batch is copied to the device once."""
    if device.kernels is None:
        return _measure_arrays(batch, device, config, labelled)
    found: list[MeasuredFrame] = []
    for span in _spans([key in labelled for key in batch.keys]):
        part = take_frames(batch, span)
        wanted = batch.keys[span[0]] in labelled
        sums, cells, labels = measure_fused(part, device, config.background, config.segmentation, wanted)
        kept = dict(zip(part.keys, labels, strict=True)) if wanted else {}
        quality = finish_quality(sums.by_name(), batch.pixels.shape[1:])
        found += list_frames(part, quality, cells, range(len(part)), kept, config)
    return found


def _spans(wanted: Sequence[bool]) -> list[range]:
    """Return the ranges of neighbours that are alike: label images are only written for frames that keep them."""
    starts = [0, *(i for i in range(1, len(wanted)) if wanted[i] != wanted[i - 1]), len(wanted)]
    return [range(start, end) for start, end in itertools.pairwise(starts) if end > start]


def _measure_arrays(
    batch: FrameBatch, device: Device, config: Config, labelled: Collection[FrameKey]
) -> list[MeasuredFrame]:
    resident = FrameBatch(device.put(batch.pixels), batch.pixel_size_um, batch.keys)
    quality = assess(resident, device)
    verdicts = judge(quality, None, config.quality)
    good = [i for i, verdict in enumerate(verdicts) if verdict.reject_reason is None]
    usable = take_frames(resident, good)
    wanted = any(key in labelled for key in usable.keys)
    cells, labels = measure_cells(usable, device, config.background, config.segmentation, wanted)
    kept = {key: device.get(labels[at]).copy() for at, key in enumerate(usable.keys) if wanted and key in labelled}
    return list_frames(batch, quality, cells, good, kept, config)


def list_frames(
    batch: FrameBatch,
    quality: FrameQuality,
    cells: Cells,
    measured: Sequence[int],
    labels: Mapping[FrameKey, Any],
    config: Config,
) -> list[MeasuredFrame]:
    """Join the numbers of a batch frame by frame; `cells` are those of its frames `measured`.

    Frames that the quality rules take out keep their quality numbers, without confluence, and nothing else.
    """
    height, width = batch.pixels.shape[1:]
    covered = np.full(len(batch), np.nan)
    covered[list(measured)] = confluence_of_cells(cells, height * width)
    rejected = [verdict.reject_reason is not None for verdict in judge(quality, None, config.quality)]
    covered[rejected] = np.nan
    verdicts = judge(quality, covered, config.quality)
    columns = [getattr(quality, name).tolist() for name in _QUALITY]
    confluence = covered.tolist()
    moments, apart = field_moments(cells), split_cells(cells)
    place = {frame: at for at, frame in enumerate(measured)}
    outcome = []
    for i, (key, verdict) in enumerate(zip(batch.keys, verdicts, strict=True)):
        numbers = {name: column[i] for name, column in zip(_QUALITY, columns, strict=True)}
        if rejected[i]:
            outcome.append(MeasuredFrame(key, verdict.reject_reason, verdict.flags, numbers))
            continue
        numbers["confluence"] = confluence[i]
        at = place[i]
        one = slice(at, at + 1)
        own = Moments(moments.n[one], moments.mean[one], moments.m2[one])
        outcome.append(MeasuredFrame(key, None, verdict.flags, numbers, apart[at], own, labels.get(key)))
    return outcome


def take_frames(batch: FrameBatch, indices: Sequence[int]) -> FrameBatch:
    """Return some frames of a batch, without a copy where they lie one after the other."""
    if len(indices) == len(batch):
        return batch
    keys = tuple(batch.keys[i] for i in indices)
    together = len(indices) > 0 and indices[-1] - indices[0] == len(indices) - 1
    pixels = batch.pixels[indices[0] : indices[-1] + 1] if together else batch.pixels[list(indices)]
    return FrameBatch(pixels, batch.pixel_size_um, keys)


def measure_cells(
    batch: FrameBatch,
    device: Device,
    background: BackgroundConfig,
    segmentation: SegmentationConfig,
    keep_labels: bool = False,
) -> tuple[Cells, Any]:
    """Return the cells of a batch on the device, and its labels (frames, height, width) int32 there, or None.

    The numbers are those of `segment` and `describe` one after the other. On a CPU the kernels take each frame all
    the way while it is in cache; its labels are only written out if somebody wants them.
    Raises UsageError as those two do.
    """
    if device.kernels and not device.is_gpu:
        return _measure_in_cache(batch, device, background, segmentation, keep_labels, make_sums((0, 0, 0)))
    grey = adjust_background(batch.pixels, batch.pixel_size_um, device, background)  # once for both
    labels = segment_adjusted(grey, batch.pixel_size_um, device, segmentation)
    cells = describe_adjusted(grey, labels, batch.pixel_size_um, device, batch.keys)
    return cells, labels if keep_labels else None


def measure_fused(
    batch: FrameBatch,
    device: Device,
    background: BackgroundConfig,
    segmentation: SegmentationConfig,
    keep_labels: bool = False,
) -> tuple[FrameSums, Cells, Any]:
    """Return what `measure_cells` returns, and before it the integers of the quality numbers, all in host memory."""
    if device.is_gpu:
        resident = FrameBatch(device.put(batch.pixels), batch.pixel_size_um, batch.keys)
        labels = device.xp.empty(batch.pixels.shape, np.int32) if keep_labels else None
        sums, cells = measure_resident(resident, labels, device.kernels, background, segmentation)
        return sums, cells, device.get(labels) if keep_labels else None
    sums = make_sums(batch.pixels.shape)
    return sums, *_measure_in_cache(batch, device, background, segmentation, keep_labels, sums)


def measure_resident(
    batch: FrameBatch,
    labels: Any,
    kernels: Any,
    background: BackgroundConfig,
    segmentation: SegmentationConfig,
    stream: Any = None,
) -> tuple[FrameSums, Cells]:
    """Return the quality integers and the cells, in host memory, of a batch that lies on a GPU.

    `labels` is an array there of the shape of the pixels, int32, which is written, or None.
    """
    n, height, width = batch.pixels.shape
    recipe = make_recipe(segmentation, batch.pixel_size_um).as_numbers(height, width)
    half = kernel_half_px(background, batch.pixel_size_um, height, width)
    rows, *sums = kernels.measure_frames(
        batch.pixels, half, background.tolerance, np.array(recipe, np.int32), labels, stream=stream
    )
    return FrameSums(*sums), tabulate_cells(split_rows(rows), n, batch.pixel_size_um, batch.keys)


def _measure_in_cache(
    batch: FrameBatch,
    device: Device,
    background: BackgroundConfig,
    segmentation: SegmentationConfig,
    keep_labels: bool,
    sums: FrameSums,
) -> tuple[Cells, Any]:
    n, height, width = batch.pixels.shape
    recipe = make_recipe(segmentation, batch.pixel_size_um).as_numbers(height, width)
    half = kernel_half_px(background, batch.pixel_size_um, height, width)
    labels = np.empty((n, height, width) if keep_labels else (0, 0, 0), np.int32)
    rows = device.kernels.measure_frames(
        batch.pixels,
        half,
        background.tolerance,
        np.array(recipe, np.int32),
        labels,
        sums.integers,
        sums.rows,
        sums.columns,
    )
    cells = tabulate_cells(split_rows(rows), n, batch.pixel_size_um, batch.keys)
    return cells, labels if keep_labels else None
