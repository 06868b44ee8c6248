"""What a task will need, from sizes alone. All sizes are in bytes."""

from __future__ import annotations

from phasewell.errors import UsageError
from phasewell.plate import Plate
from phasewell.segmentation import Recipe

PROCESS_BYTES = 250_000_000  # interpreter and libraries of one Dask worker; 100 MB without Dask
ARRAY_BYTES_PER_PX = 100  # segmentation and descriptors as arrays, per pixel of the frames of one call; measured 70
KERNEL_BYTES_PER_PX = (
    8  # by kernels: a batch as taken, its adjusted pixels, its labels of 4 bytes; each thread has scratch
)
CELL_BYTES = 19 * 8  # one row of the cell table before compression
CELLS_PER_PX = 600 / 1_000_000  # a dense frame: 600 cells in 1000 x 1000
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
    frame_shape: tuple[int, int], itemsize: int, n_fields: int, batch_frames: int, scratch_bytes: int | None = None
) -> int:
    """Return the peak memory of one worker: the unit's stored and 8-bit pixels, one batch in work, its table.

    `scratch_bytes` is what all threads of the kernels take; None for the engine `arrays`.
    """
    pixels = frame_shape[0] * frame_shape[1]
    unit = n_fields * pixels * (itemsize + 1)
    per_px = ARRAY_BYTES_PER_PX if scratch_bytes is None else KERNEL_BYTES_PER_PX
    working = min(batch_frames, n_fields) * pixels * per_px + (scratch_bytes or 0)
    table = 3 * n_fields * int(pixels * CELLS_PER_PX) * CELL_BYTES  # arrays, Arrow copy, file bytes
    return PROCESS_BYTES + unit + working + table


def projected_disk_bytes(plate: Plate, n_frames: int, n_label_frames: int) -> int:
    """Return what parts and labels of that many frames will take: an estimate for a plate of usual density."""
    pixels = plate.frame_shape[0] * plate.frame_shape[1]
    cells = int(n_frames * pixels * CELLS_PER_PX / 3) * CELL_BYTES
    return 1_000_000 + 4_000 * n_frames + cells + int(n_label_frames * pixels * LABEL_BYTES_PER_PX)
