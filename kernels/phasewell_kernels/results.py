"""What a batch sends back to the host: one table of bytes, so that one copy does; and what memory a batch will take."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from phasewell_kernels import cpu
from phasewell_kernels.launching import round_up

ROW_BYTES = 8 * cpu.CELL_COLUMNS
FIRST_CELLS_PER_FRAME = 1024
"""Room for rows on the device at first; more cells than that cost a second launch, once."""
FIRST_COPIED_PER_FRAME = 256
"""Rows that are copied back before the number of cells is known; more than that cost a second copy, once."""
COPIED_STEP = 4096


class Part(NamedTuple):
    """Numbers of every frame in a table: where they begin in bytes, their dtype and their shape."""

    start: int
    dtype: Any
    shape: tuple[int, ...]

    def of(self, table: Any) -> Any:
        """Return the numbers, a view of a table's bytes on either side."""
        size = int(np.prod(self.shape, dtype=np.int64)) * np.dtype(self.dtype).itemsize
        return table[self.start : self.start + size].view(self.dtype).reshape(self.shape)


class Layout(NamedTuple):
    """A table: numbers of every frame, then the rows of cells from `cells` on, (most, CELL_COLUMNS) int64."""

    counts: Part  # cells of every frame, or a fault
    integers: Part  # the quality sums, as sum_frames writes them
    rows: Part
    columns: Part
    cells: int

    def of_frames(self, table: Any) -> tuple[Any, Any, Any, Any]:
        """Return counts, integers, rows and columns, views of a table's bytes on either side."""
        return self.counts.of(table), self.integers.of(table), self.rows.of(table), self.columns.of(table)

    def of_cells(self, table: Any, count: int) -> Any:
        """Return the first `count` rows of cells, a view."""
        return table[self.cells : self.cells + count * ROW_BYTES].view(np.int64).reshape(count, cpu.CELL_COLUMNS)


def lay_out(frames: int, height: int, width: int, with_sums: bool) -> Layout:
    """Return the layout of a batch; without sums those parts are empty."""
    at = 0

    def part(dtype: Any, *shape: int) -> Part:
        nonlocal at
        start, at = at, at + round_up(int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize)
        return Part(start, dtype, shape)

    n = frames if with_sums else 0
    counts, integers = part(np.int32, frames), part(np.int64, n, cpu.QUALITY_INTEGERS)
    rows, columns = part(np.uint32, n, height), part(np.uint32, n, width)
    return Layout(counts, integers, rows, columns, at)


def rows_to_copy(last_total: int) -> int:
    """Return for how many rows to copy back when the last batch had so many: a quarter more, in steps."""
    return -(-(last_total + last_total // 4) // COPIED_STEP) * COPIED_STEP


def plane_bytes(height: int, width: int) -> int:
    """Return the bytes of a frame's bit plane as segment_frames takes it, in whole cache lines."""
    return -(-height * -(-width // 64) * 8 // 64) * 64


def arena_bytes(frames: int, height: int, width: int, half: int, recipe: tuple[int, ...]) -> int:
    """Return the most scratch memory on the device that `measure_frames` takes for a batch, on any GPU.

    `half` is half the background's window in px, -1 for none; `recipe` are the numbers of `segment`. A chip with room
    for the small part in its shared memory takes less. Raises ValueError for frames that the kernels cannot take.
    """
    needs = [cpu.scratch_bytes("sum_frames", height, width), cpu.scratch_bytes("list_cells", height, width)]
    needs.append(cpu.scratch_bytes("segment_frames", height, width, recipe))
    needs += [cpu.scratch_bytes("adjust_background", height, width, (half,))] if half >= 0 else []
    return frames * max(round_up(fast) + round_up(large) for fast, large in needs)


def table_bytes(frames: int, height: int, width: int, cells: int = 0) -> int:
    """Return the bytes of a batch's table, on the device and again as page-locked memory of the host.

    `cells` of a frame are expected at most; 0 for as many as there is room for at first.
    """
    rows = frames * max(cells, FIRST_CELLS_PER_FRAME)
    return lay_out(frames, height, width, with_sums=True).cells + rows * ROW_BYTES


def lane_bytes(frames: int, height: int, width: int, half: int, recipe: tuple[int, ...], cells: int = 0) -> int:
    """Return the memory on the device of one stream that measures batches: pixels, what is made of them, and scratch.

    Arguments as of `arena_bytes` and `table_bytes`.
    """
    size = frames * height * width
    images = 2 * round_up(size) + round_up(4 * size)  # pixels, adjusted pixels, labels
    table = round_up(8 * frames) + round_up(table_bytes(frames, height, width, cells))
    return images + table + arena_bytes(frames, height, width, half, recipe)
