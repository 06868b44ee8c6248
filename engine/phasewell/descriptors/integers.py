"""Integer statistics of every cell of a stack of frames: all that the twelve descriptors need, and nothing rounded.

One implementation on an explicit array library. The work is done on the pixels inside cells, not on the frame, and
on two coarser views of them: runs (pixels of one cell side by side in one row) and pairs (neighbours in one cell).
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from phasewell.errors import UsageError

if TYPE_CHECKING:
    Array = Any  # numpy.ndarray, or cupy.ndarray on a GPU

LEVELS = 32  # grey levels of the co-occurrence, 8 grey values each
MAX_SIDE_PX = 2**14
MAX_CELL_PX = 2**24  # a whole frame of 4096 x 4096; with MAX_SIDE_PX every integer below stays exact
DENSE_BINS_PER_PIXEL = 16  # above this a table over all level pairs costs more than sorting the pairs that occur


class CellIntegers(NamedTuple):
    """Exact integers of n cells in the order frame, then label; all int64 of length n unless a shape is given.

    Coordinates count rows and columns of the frame from 0. Ranges hold for cells up to MAX_CELL_PX in frames with
    sides up to MAX_SIDE_PX, so that float64 sums of them are exact and nothing overflows int64.
    """

    frame: Array
    label: Array
    bbox: Array  # (n, 4) top, left, bottom, right; the last two exclusive
    area: Array  # <= 2^24
    sum_row: Array  # <= 2^38
    sum_col: Array
    sum_row_row: Array  # <= 2^52
    sum_col_col: Array
    sum_row_col: Array
    pairs: Array  # (n, 4) neighbours in the cell: along the row, the column, down-right, down-left; each <= 2^24
    differences: Array  # (n, LEVELS) pairs whose levels differ by 0, 1, ...; they sum to the pairs, <= 2^26
    sum_level: Array  # sum of (i - 16) + (j - 16) over pairs; magnitude <= 2^31
    sum_level_level: Array  # sum of (i - 16)^2 + (j - 16)^2 over pairs, <= 2^35
    sum_count_count: Array  # sum of squared counts of the symmetric co-occurrence matrix, <= 2^54


class _Pixels(NamedTuple):
    """Pixels inside cells, in raster order, p of them; flat positions count through the whole stack."""

    position: Array  # (p,) int64
    label: Array  # (p,) int32
    cell: Array  # (p,) int64, rank of the cell in the order frame, then label
    starts_run: Array  # (p,) bool


def count_cells(levels: Array, labels: Array, xp: ModuleType) -> CellIntegers:
    """Return the exact integer statistics of every label present.

    `levels` (frames, height, width) uint8, 0..31; `labels` of the same shape, int32, 0 = background, C-contiguous.
    A label may have gaps in its numbering and may consist of several pieces: it is one cell.
    Raises UsageError for negative labels, for sides above MAX_SIDE_PX and for cells above MAX_CELL_PX.
    """
    _, height, width = labels.shape
    if max(height, width) > MAX_SIDE_PX:
        raise UsageError(f"frames of {height} x {width}: expected sides up to {MAX_SIDE_PX} px; cut them into fields")
    flat = labels.reshape(-1)
    position = xp.flatnonzero(flat)
    label = flat[position]
    if len(label) and int(label.min()) < 0:
        frame = int(position[xp.flatnonzero(label < 0)[0]]) // (height * width)
        raise UsageError(f"labels: frame {frame} has negative values; expected 0 for background and 1.. for cells")
    column = position % width
    starts_run = column == 0
    starts_run[1:] |= (position[1:] != position[:-1] + 1) | (label[1:] != label[:-1])
    starts_run[:1] = True

    shape, cell_of_run = _count_runs(position, label, starts_run, labels.shape, xp)
    if len(shape["area"]) and int(shape["area"].max()) > MAX_CELL_PX:
        raise UsageError(f"labels: a cell has {int(shape['area'].max())} px; expected up to {MAX_CELL_PX}")
    cell = cell_of_run[xp.cumsum(starts_run) - 1]
    pixels = _Pixels(position, label, cell, starts_run)
    return CellIntegers(**shape, **_count_pairs(pixels, column, flat, levels, len(shape["area"]), xp))


def _count_runs(
    position: Array, label: Array, starts_run: Array, shape: tuple[int, ...], xp: ModuleType
) -> tuple[dict[str, Array], Array]:
    """Return area, coordinate sums and boxes of every cell, and the cell of every run (runs,)."""
    _, height, width = shape
    first = xp.flatnonzero(starts_run)  # (runs,)
    length = xp.diff(first, append=xp.asarray([len(position)]))
    row, left = position[first] // width, position[first] % width
    frame, row = row // height, row % height
    key, cell = xp.unique(frame * 2**31 + label[first], return_inverse=True)
    n = len(key)

    def total(values: Array) -> Array:
        return xp.bincount(cell, weights=values, minlength=n).astype(xp.int64)  # exact: sums stay below 2^53

    right = left + length - 1
    sum_col = (left + right) * length // 2
    # sum of c^2 for c = left..right
    sum_col_col = left * left * length + left * length * (length - 1) + (length - 1) * length * (2 * length - 1) // 6
    bbox = xp.empty((n, 4), xp.int32)
    bbox[:, 0], bbox[:, 1], bbox[:, 2], bbox[:, 3] = height, width, 0, 0
    xp.minimum.at(bbox, (cell, 0), row.astype(xp.int32))
    xp.minimum.at(bbox, (cell, 1), left.astype(xp.int32))
    xp.maximum.at(bbox, (cell, 2), (row + 1).astype(xp.int32))
    xp.maximum.at(bbox, (cell, 3), (right + 1).astype(xp.int32))
    sums = {
        "area": total(length),
        "sum_row": total(row * length),
        "sum_col": total(sum_col),
        "sum_row_row": total(row * row * length),
        "sum_col_col": total(sum_col_col),
        "sum_row_col": total(row * sum_col),
    }
    return {"frame": key // 2**31, "label": key % 2**31, "bbox": bbox, **sums}, cell


def _count_pairs(
    pixels: _Pixels, column: Array, flat_labels: Array, levels: Array, n: int, xp: ModuleType
) -> dict[str, Array]:
    """Return the neighbours in every cell and the statistics of their pooled grey-level co-occurrence.

    A pair is looked up once, from its upper or left pixel. Both pixels must carry the same label, so neighbours
    outside the frame, in the next row by wrap-around, or in the next frame of the stack must not be looked at.
    """
    _, height, width = levels.shape
    flat_levels = levels.reshape(-1)
    position = pixels.position
    level = flat_levels[position].astype(xp.int64)
    base = (pixels.cell * LEVELS + level) * LEVELS
    has_below = position % (height * width) < (height - 1) * width
    directions = (
        (width, has_below),
        (width + 1, has_below & (column < width - 1)),
        (width - 1, has_below & (column > 0)),
    )

    here = xp.flatnonzero(~pixels.starts_run[1:])  # the next pixel continues the run
    counts = [xp.bincount(pixels.cell[here], minlength=n)]
    codes = [base[here] + level[here + 1]]
    for step, exists in directions:
        there = xp.minimum(position + step, flat_labels.size - 1)
        here = xp.flatnonzero((flat_labels[there] == pixels.label) & exists)
        counts.append(xp.bincount(pixels.cell[here], minlength=n))
        codes.append(base[here] + flat_levels[there[here]])
    code = xp.concatenate(codes)  # (pairs,) int64: cell, level of the first pixel, level of the second
    dense = n * LEVELS * LEVELS <= DENSE_BINS_PER_PIXEL * len(position)
    texture = _pool_dense(code, n, xp) if dense else _pool_sparse(code, n, xp)
    return {"pairs": xp.stack(counts, axis=1), **texture}


def _pool_dense(code: Array, n: int, xp: ModuleType) -> dict[str, Array]:
    """Return the co-occurrence statistics through a table of all level pairs of all cells."""
    table = xp.bincount(code, minlength=n * LEVELS * LEVELS).reshape(n, LEVELS, LEVELS)
    symmetric = table + table.transpose(0, 2, 1)
    first, second = (axis.reshape(-1) for axis in xp.meshgrid(xp.arange(LEVELS), xp.arange(LEVELS), indexing="ij"))
    weights = xp.empty((LEVELS * LEVELS, LEVELS + 2))
    weights[:, :LEVELS] = xp.abs(first - second)[:, None] == xp.arange(LEVELS)
    weights[:, LEVELS] = first + second - LEVELS
    weights[:, LEVELS + 1] = (first - LEVELS // 2) ** 2 + (second - LEVELS // 2) ** 2
    # float64 products of integers below 2^53: exact in whatever order the library sums them
    sums = (table.reshape(n, LEVELS * LEVELS).astype(xp.float64) @ weights).astype(xp.int64)
    return {
        "differences": sums[:, :LEVELS],
        "sum_level": sums[:, LEVELS],
        "sum_level_level": sums[:, LEVELS + 1],
        "sum_count_count": (symmetric * symmetric).sum(axis=(1, 2)),
    }


def _pool_sparse(code: Array, n: int, xp: ModuleType) -> dict[str, Array]:
    """Return the same statistics from the level pairs that occur, for many small cells."""
    first, second = code // LEVELS % LEVELS, code % LEVELS
    low, high = xp.minimum(first, second), xp.maximum(first, second)
    key, count = xp.unique(code // LEVELS**2 * LEVELS**2 + low * LEVELS + high, return_counts=True)
    cell, low, high = key // LEVELS**2, key // LEVELS % LEVELS, key % LEVELS
    # both orders of a pair are counted: two equal entries off the diagonal, or twice the count on it
    squares = count * count * xp.where(low == high, 4, 2)
    up_to = xp.concatenate([xp.zeros(1, xp.int64), xp.cumsum(squares)])  # int64 sums; their differences are exact
    bounds = xp.searchsorted(cell, xp.arange(n + 1))

    def total(index: Array, values: Array, length: int) -> Array:
        return xp.bincount(index, weights=values, minlength=length).astype(xp.int64)  # exact: sums stay below 2^53

    half = LEVELS // 2
    return {
        "differences": total(cell * LEVELS + high - low, count, n * LEVELS).reshape(n, LEVELS),
        "sum_level": total(cell, count * (low + high - LEVELS), n),
        "sum_level_level": total(cell, count * ((low - half) ** 2 + (high - half) ** 2), n),
        "sum_count_count": up_to[bounds[1:]] - up_to[bounds[:-1]],
    }
