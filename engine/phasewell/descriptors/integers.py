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
    straight_pairs: Array  # neighbours in the cell along rows and columns, <= 2^25
    diagonal_pairs: Array  # neighbours in the cell along both diagonals, <= 2^25
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


def count_cells(levels: Array, labels: Array, xp: ModuleType, first_frame: int = 0) -> CellIntegers:
    """Return the exact integer statistics of every label present.

    `levels` (frames, height, width) uint8, 0..31; `labels` of the same shape, int32, 0 = background.
    A label may have gaps in its numbering and may consist of several pieces: it is one cell. Frames are counted
    from `first_frame`.
    Raises UsageError for negative labels, for sides above MAX_SIDE_PX and for cells above MAX_CELL_PX.
    """
    _, height, width = labels.shape
    if max(height, width) > MAX_SIDE_PX:
        raise UsageError(f"frames of {height} x {width}: expected sides up to {MAX_SIDE_PX} px; cut them into fields")
    margin = 0
    if any(bool(side.any()) for side in (labels[:, :1], labels[:, -1:], labels[:, :, :1], labels[:, :, -1:])):
        # with an empty rim no neighbour lies outside its frame, and none has to be checked for it
        margin, around = 1, ((0, 0), (1, 1), (1, 1))
        levels, labels = xp.pad(levels, around), xp.pad(labels, around)
    flat = labels.reshape(-1)
    position = xp.flatnonzero(flat != 0)  # (p,) raster order through the whole stack
    if not len(position):
        return _no_cells(xp)
    label = flat[position]
    if int(label.min()) < 0:
        frame = first_frame + int(position[xp.flatnonzero(label < 0)[0]]) // (labels.shape[1] * labels.shape[2])
        raise UsageError(f"labels: frame {frame} has negative values; expected 0 for background and 1.. for cells")
    starts_run = xp.ones(len(position), bool)
    starts_run[1:] = (position[1:] != position[:-1] + 1) | (label[1:] != label[:-1])

    shape, cell_of_run = _count_runs(position, label, starts_run, labels.shape, margin, xp)
    shape["frame"] += first_frame
    n = len(shape["area"])
    if int(shape["area"].max()) > MAX_CELL_PX:
        raise UsageError(f"labels: a cell has {int(shape['area'].max())} px; expected up to {MAX_CELL_PX}")
    cell = cell_of_run[xp.cumsum(starts_run, dtype=xp.int64) - 1]
    pairs = _find_pairs(_Pixels(position, label, cell, starts_run), levels, flat, n, xp)
    return CellIntegers(**shape, **pairs.pool(n, len(position), xp))


def _count_runs(
    position: Array, label: Array, starts_run: Array, shape: tuple[int, ...], margin: int, xp: ModuleType
) -> tuple[dict[str, Array], Array]:
    """Return area, coordinate sums and boxes of every cell, and the cell of every run (runs,)."""
    _, height, width = shape
    first = xp.flatnonzero(starts_run)  # (runs,)
    length = xp.diff(first, append=xp.asarray([len(position)]))
    row, left = position[first] // width, position[first] % width - margin
    frame, row = row // height, row % height - margin
    key, cell = xp.unique(frame * 2**31 + label[first], return_inverse=True)
    n = len(key)

    def total(values: Array) -> Array:
        return _sum_groups(cell, values, n, xp)

    def extreme(pick: Any, start: int, values: Array) -> Array:
        found = xp.full(n, start, xp.int32)
        pick.at(found, cell, values.astype(xp.int32))
        return found

    right = left + length - 1
    sum_col = (left + right) * length // 2
    # sum of c^2 for c = left..right
    sum_col_col = left * left * length + left * length * (length - 1) + (length - 1) * length * (2 * length - 1) // 6
    sides = (
        extreme(xp.minimum, height, row),
        extreme(xp.minimum, width, left),
        extreme(xp.maximum, 0, row + 1),
        extreme(xp.maximum, 0, right + 1),
    )
    sums = {
        "area": total(length),
        "sum_row": total(row * length),
        "sum_col": total(sum_col),
        "sum_row_row": total(row * row * length),
        "sum_col_col": total(sum_col_col),
        "sum_row_col": total(row * sum_col),
    }
    return {"frame": key // 2**31, "label": key % 2**31, "bbox": xp.stack(sides, axis=1), **sums}, cell


def _sum_groups(group: Array, values: Array, n: int, xp: ModuleType) -> Array:
    """Return int64 sums of integers by group 0..n - 1; float64 is exact here, because every sum stays below 2^53."""
    return xp.bincount(group, weights=values.astype(xp.float64), minlength=n).astype(xp.int64)


def _no_cells(xp: ModuleType) -> CellIntegers:
    widths = {"bbox": (0, 4), "differences": (0, LEVELS)}
    dtypes = {"bbox": xp.int32}
    return CellIntegers(
        *(xp.zeros(widths.get(name, (0,)), dtypes.get(name, xp.int64)) for name in CellIntegers._fields)
    )


class _Pairs(NamedTuple):
    """Neighbours in one cell as codes (cell, level of the first pixel, level of the second), both from `lowest` up.

    Codes are (cell * span + first) * span + second, int64; entries at and above cells * span^2 are no pairs.
    """

    straight: Array
    diagonal: Array
    lowest: int
    span: int

    def pool(self, n: int, pixels: int, xp: ModuleType) -> dict[str, Array]:
        """Return the statistics of the pooled co-occurrence of n cells; two ways, the same integers."""
        dense = n * self.span * self.span <= DENSE_BINS_PER_PIXEL * pixels
        return _pool_dense(self, n, xp) if dense else _pool_sparse(self, n, xp)


def _find_pairs(pixels: _Pixels, levels: Array, flat_labels: Array, n: int, xp: ModuleType) -> _Pairs:
    """Return the neighbours in every cell, each found once, from its upper or left pixel."""
    width, flat_levels = levels.shape[2], levels.reshape(-1)
    position, label = pixels.position, pixels.label
    level = flat_levels[position]
    lowest, highest = int(level.min()), int(level.max())
    span = highest - lowest + 1  # a narrow range of levels, as in most frames, keeps the tables small
    base = pixels.cell * span
    base += level
    base -= lowest
    base *= span
    base -= lowest  # so that base + level of the second pixel is the code
    no_pair = n * span * span

    def look(step: int) -> Array:
        there = position + step
        return xp.where(flat_labels[there] == label, base + flat_levels[there], no_pair)

    along_row = xp.where(pixels.starts_run[1:], no_pair, base[:-1] + level[1:])  # the next pixel continues the run
    straight = xp.concatenate([along_row, look(width)])
    diagonal = xp.concatenate([look(width + 1), look(width - 1)])
    return _Pairs(straight, diagonal, lowest, span)


def _pool_dense(pairs: _Pairs, n: int, xp: ModuleType) -> dict[str, Array]:
    """Return the co-occurrence statistics through a table of all level pairs of all cells."""
    span, bins = pairs.span, n * pairs.span**2
    straight, diagonal = (
        xp.bincount(code, minlength=bins + 1)[:bins].reshape(n, span, span) for code in (pairs.straight, pairs.diagonal)
    )
    table = straight + diagonal
    symmetric = table + table.transpose(0, 2, 1)
    differences = xp.zeros((n, LEVELS), xp.int64)
    differences[:, 0] = symmetric.trace(axis1=1, axis2=2) // 2  # a pair of equal levels fills one entry twice
    for step in range(1, span):
        differences[:, step] = symmetric.trace(step, axis1=1, axis2=2)
    marginal = symmetric.sum(axis=2)
    level = xp.arange(span) + (pairs.lowest - LEVELS // 2)
    return {
        "straight_pairs": straight.sum(axis=(1, 2)),
        "diagonal_pairs": diagonal.sum(axis=(1, 2)),
        "differences": differences,
        "sum_level": (marginal * level).sum(axis=1),
        "sum_level_level": (marginal * (level * level)).sum(axis=1),
        "sum_count_count": (symmetric * symmetric).sum(axis=(1, 2)),
    }


def _pool_sparse(pairs: _Pairs, n: int, xp: ModuleType) -> dict[str, Array]:
    """Return the same statistics from the level pairs that occur, for many small cells."""
    span = pairs.span
    code = xp.concatenate([pairs.straight, pairs.diagonal])  # what is no pair counts as one of cell n, left out below
    first, second = code // span % span, code % span
    low, high = xp.minimum(first, second), xp.maximum(first, second)
    key, count = xp.unique(code // span**2 * span**2 + low * span + high, return_counts=True)
    cell, low, high = key // span**2, key // span % span, key % span
    # both orders of a pair are counted: two equal entries off the diagonal, or twice the count on it
    squares = count * count * xp.where(low == high, 4, 2)
    up_to = xp.concatenate([xp.zeros(1, xp.int64), xp.cumsum(squares)])  # int64 sums; their differences are exact
    bounds = xp.searchsorted(cell, xp.arange(n + 1))

    def total(values: Array) -> Array:
        return _sum_groups(cell, values, n + 1, xp)[:n]

    differences = _sum_groups(cell * LEVELS + high - low, count, (n + 1) * LEVELS, xp)
    low, high = low + (pairs.lowest - LEVELS // 2), high + (pairs.lowest - LEVELS // 2)
    return {
        "straight_pairs": xp.bincount(pairs.straight // span**2, minlength=n + 1)[:n],
        "diagonal_pairs": xp.bincount(pairs.diagonal // span**2, minlength=n + 1)[:n],
        "differences": differences.reshape(n + 1, LEVELS)[:n],
        "sum_level": total(count * (low + high)),
        "sum_level_level": total(count * (low * low + high * high)),
        "sum_count_count": up_to[bounds[1:]] - up_to[bounds[:-1]],
    }
