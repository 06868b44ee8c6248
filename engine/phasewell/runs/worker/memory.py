"""What a task will need, from sizes alone. All sizes are in bytes."""

from __future__ import annotations

from phasewell.errors import UsageError
from phasewell.plate import Plate
from phasewell.runs.worker.lanes import LaneSizes
from phasewell.segmentation import Recipe

PROCESS_BYTES = 250_000_000  # interpreter and libraries of one Dask worker; 100 MB without Dask
ARRAY_BYTES_PER_PX = 100  # segmentation and descriptors as arrays, per pixel of the frames of one call; measured 70
KERNEL_BYTES_PER_PX = 8  # by kernels: numbers on quality, and labels of 4 bytes where they are kept
LABELS_IN_WORK_BYTES = 512 << 20  # label images of units in work; fewer units are in work where they would take more
CELL_BYTES = 19 * 8  # one row of the cell table before compression
CELLS_PER_PX = 600 / 1_000_000  # a dense frame: 600 cells in 1000 x 1000
GPU_CONTEXT_BYTES = 700_000_000  # of a process on a GPU: context and modules; assumed, not measured
SESSION_BYTES_PER_PX = 400  # maps of a network at work, per pixel of the picture that a stream has
LABEL_BYTES_PER_PX = 0.05  # int32 labels under zstd, measured on simulated fields


def kernel_scratch_bytes(frame_shape: tuple[int, int], recipe: Recipe) -> int:
    """Return what a thread of the kernels takes at most; raises UsageError for frames they cannot take."""
    from phasewell_kernels import cpu

    frame = 5 * frame_shape[0] * frame_shape[1]  # adjusted pixels and labels
    try:
        segment = cpu.scratch_bytes("segment_frames", *frame_shape, recipe.as_numbers(*frame_shape))
        return frame + sum(segment) + sum(cpu.scratch_bytes("list_cells", *frame_shape))
    except ValueError as error:
        raise UsageError(str(error)) from error


def projected_task_bytes(
    frame_shape: tuple[int, int],
    itemsize: int,
    n_fields: int,
    lanes: LaneSizes,
    scratch_bytes: int | None = None,
    label_fields: int = 0,
) -> int:
    """Return the peak memory of one worker: the ring of frames, its lanes at work, tables and labels of its units.

    `itemsize` is that of the stored pixels, `scratch_bytes` what the kernels of one lane take; None for the engine
    `arrays`. `label_fields` are the fields of a unit whose labels are kept.
    """
    pixels = frame_shape[0] * frame_shape[1]
    ring = lanes.n_buffers * lanes.batch_frames * pixels
    reading = lanes.n_readers * pixels * (itemsize + 2)  # a chunk as stored and decoded, its pixels in 8 bits
    per_px = ARRAY_BYTES_PER_PX if scratch_bytes is None else KERNEL_BYTES_PER_PX
    working = lanes.n_lanes * (lanes.batch_frames * pixels * per_px + (scratch_bytes or 0))
    units = -(-lanes.n_buffers * lanes.batch_frames // max(n_fields, 1)) + lanes.n_writers + 1  # in work at once
    table = 3 * n_fields * int(pixels * CELLS_PER_PX) * CELL_BYTES  # arrays, Arrow copy, file bytes
    labels = min(units * label_fields * pixels * 4, max(LABELS_IN_WORK_BYTES, 2 * label_fields * pixels * 4))
    return PROCESS_BYTES + ring + reading + working + units * table + labels


def projected_session_bytes(weights_bytes: int, picture_px: int, threads: int) -> int:
    """Return what a session on a CPU takes beside all else: libraries, the weights in their forms, maps of each stream.

    Measured for DenseNet121 (28 MB) with one or two streams: 240 MB by OpenVINO, 590 MB by torch, which is projected.
    """
    return 400_000_000 + 8 * weights_bytes + threads * picture_px * SESSION_BYTES_PER_PX


def projected_gpu_bytes(frame_shape: tuple[int, int], recipe: Recipe, half: int, lanes: int, frames: int) -> int:
    """Return the peak memory of one process on its GPU, with `lanes` lanes of `frames` frames at once.

    `half` is that of the background's window in pixels. Raises UsageError for frames that the kernels cannot take.
    """
    from phasewell_kernels.results import lane_bytes

    try:
        lane = lane_bytes(frames, *frame_shape, half, recipe.as_numbers(*frame_shape))
    except ValueError as error:
        raise UsageError(str(error)) from error
    return GPU_CONTEXT_BYTES + lanes * lane


def projected_gpu_session_bytes(weights_bytes: int, picture_px: int, pictures: int) -> int:
    """Return what a session takes of a GPU for `pictures` at once: libraries and their scratch, weights, maps.

    Assumed, not measured: maps as on a CPU, and half a gigabyte for the libraries.
    """
    return 500_000_000 + 2 * weights_bytes + pictures * picture_px * SESSION_BYTES_PER_PX


def projected_array_gpu_bytes(frame_shape: tuple[int, int], lanes: int, frames: int) -> int:
    """Return the same for the engine `arrays`."""
    return GPU_CONTEXT_BYTES + lanes * frames * frame_shape[0] * frame_shape[1] * ARRAY_BYTES_PER_PX


def projected_disk_bytes(plate: Plate, n_frames: int, n_label_frames: int) -> int:
    """Return what parts and labels of that many frames will take: an estimate for a plate of usual density."""
    pixels = plate.frame_shape[0] * plate.frame_shape[1]
    cells = int(n_frames * pixels * CELLS_PER_PX / 3) * CELL_BYTES
    return 1_000_000 + 4_000 * n_frames + cells + int(n_label_frames * pixels * LABEL_BYTES_PER_PX)
