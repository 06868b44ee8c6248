"""The kernels on a GPU: the functions of `phasewell_kernels.cpu` over CuPy arrays, from the same source."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from phasewell_kernels import cpu
from phasewell_kernels.launching import Counts, Launcher, Shared, array_address
from phasewell_kernels.results import (
    FIRST_CELLS_PER_FRAME,
    FIRST_COPIED_PER_FRAME,
    ROW_BYTES,
    Layout,
    lay_out,
    plane_bytes,
    rows_to_copy,
)

__all__ = ["Counts", "Kernels", "gpu_kernels"]

ANY_FRAMES = (None, None, None)
ENERGY_LIMIT = 520_200  # of texture.cuh
MAX_SIDE = 16384
MEASURE_BLOCKS = 32  # of a frame; each has one cell at a time
MEASURE_THREADS = 64  # of a block; each has one run at a time


class _Work(NamedTuple):
    grey: Any  # (frames, height, width) uint8
    labels: Any  # int32
    first_frame: int
    with_sums: bool  # whether the quality sums go into the same table


class _Batch(NamedTuple):
    layout: Layout
    table: Any  # bytes on the device
    most: int  # rows of cells for which it has room
    host: Any  # page-locked bytes
    copied: int  # rows of cells that the first copy brings
    offsets: Any  # (frames,) int64 on the device
    key: int  # of the stream


class Kernels(Launcher):
    """The kernels on one GPU; arrays are CuPy arrays on it, results are written into arrays that are given.

    Dtypes, shapes and ranges are those of `phasewell_kernels.cpu`: TypeError for another dtype, layout or device,
    ValueError for values out of range. What lies in the arrays is not looked at: bits of planes beyond the width must
    be 0. Work goes to `stream`, by default the current one; nothing waits for it.
    """

    def __init__(self, device: int = 0, **named: Any) -> None:
        super().__init__(device, **named)
        self._copied: dict[int, int] = {}  # rows of cells that the next batch of a stream brings in its one copy

    def sum_frames(self, pixels: Any, integers: Any, rows: Any, columns: Any, stream: Any = None) -> None:
        """Write the integer sums from which the quality numbers of frames are computed."""
        n, height, width = self.check("pixels", pixels, np.uint8, ANY_FRAMES)
        self.check("integers", integers, np.int64, (n, cpu.QUALITY_INTEGERS))
        self.check("rows", rows, np.uint32, (n, height))
        self.check("columns", columns, np.uint32, (n, width))
        self.launch("sum_frames", (pixels, height, width, integers, rows, columns), (n, height, width), stream)

    def adjust_background(self, pixels: Any, half: int, tolerance: int, grey: Any, stream: Any = None) -> None:
        """Write frames whose uneven background became grey level 128 into `grey`; see `phasewell_kernels.cpu`."""
        shape = self.check("pixels", pixels, np.uint8, ANY_FRAMES)
        self.check("grey", grey, np.uint8, shape)
        _check_range("half", half, 0, 2**31 - 1)
        _check_range("tolerance", tolerance, 0, 255)
        _check_apart(pixels, grey)
        self.launch("adjust_background", (pixels, *shape[1:], half, tolerance, grey), shape, stream, half)

    def binarise_frames(
        self, grey: Any, half: int, ratio: int, radius: int, percent: int, floor: int, cap: int, planes: Any,
        thresholds: Any, stream: Any = None,
    ) -> None:  # fmt: skip
        """Write the bit planes of the foreground after step 3 and the threshold of every frame."""
        n, height, width = self.check("grey", grey, np.uint8, ANY_FRAMES)
        self.check("planes", planes, np.uint64, (n, height, -(-width // 64)))
        self.check("thresholds", thresholds, np.int32, (n,))
        _check_range("half", half, -1, cpu.MAX_TEXTURE_HALF)
        _check_range("ratio", ratio, 0, ENERGY_LIMIT)
        _check_range("radius", radius, 0, MAX_SIDE)
        _check_range("percent", percent, 1, 200)
        _check_range("cap", cap, 0, ENERGY_LIMIT)
        _check_range("floor", floor, 0, cap)
        arguments = (grey, height, width, half, ratio, radius, percent, floor, cap, planes, thresholds)
        self.launch("find_foreground", arguments, (n, height, width), stream, half, ratio, radius, cap)

    def erode(self, planes: Any, width: int, radius: int, out: Any, stream: Any = None) -> None:
        """Write the pixels of bit planes whose disc of `radius` is foreground into `out`."""
        n, height, _ = self.check("planes", planes, np.uint64, (None, None, -(-width // 64)))
        self.check("out", out, np.uint64, planes.shape)
        _check_range("radius", radius, 0, 2**31 - 1)
        _check_apart(planes, out)
        self.launch("erode_planes", (planes, height, width, radius, out), (n, height, width), stream)

    def remove_small(self, planes: Any, width: int, least_area: int, stream: Any = None) -> None:
        """Clear the objects of bit planes below `least_area` pixels, in place."""
        self._change_planes("remove_small", planes, width, least_area, stream)

    def fill_holes(self, planes: Any, width: int, largest_area: int, stream: Any = None) -> None:
        """Set the holes of bit planes of up to `largest_area` pixels, in place."""
        self._change_planes("fill_holes", planes, width, largest_area, stream)

    def remove_walls(self, planes: Any, width: int, depth: int, stream: Any = None) -> None:
        """Clear walls of the vessel in bit planes, in place."""
        self._change_planes("remove_walls", planes, width, depth, stream)

    def label_pieces(self, planes: Any, remove_touching: bool, labels: Any, counts: Any, stream: Any = None) -> None:
        """Number the objects of every bit plane 1..counts in raster order of their first pixels."""
        n, height, width = self.check("labels", labels, np.int32, ANY_FRAMES)
        self.check("planes", planes, np.uint64, (n, height, -(-width // 64)))
        self.check("counts", counts, np.int32, (n,))
        arguments = (planes, height, width, int(remove_touching), labels, counts)
        self.launch("label_pieces", arguments, (n, height, width), stream)

    def _change_planes(self, name: str, planes: Any, width: int, limit: int, stream: Any) -> None:
        n, height, _ = self.check("planes", planes, np.uint64, (None, None, -(-width // 64)))
        self.launch(name, (planes, height, width, limit), (n, height, width), stream)

    def segment(self, grey: Any, recipe: NDArray[np.int32], labels: Any, counts: Any, stream: Any = None) -> None:
        """Write the labels of background-adjusted frames, and how many each has; `recipe` is a host array."""
        n, height, width = self.check("grey", grey, np.uint8, ANY_FRAMES)
        self.check("labels", labels, np.int32, (n, height, width))
        self.check("counts", counts, np.int32, (n,))
        nothing = np.empty((0, height, width), np.uint8), np.empty((0, height, width), np.int32), np.empty(0, np.int32)
        cpu.segment(nothing[0], recipe, *nothing[1:])  # the checks of the recipe are the CPU build's
        arguments = (grey, height, width, Shared(self.table(recipe, stream)), labels, counts)
        numbers = (int(number) for number in recipe)
        plane = plane_bytes(height, width)
        self.launch("segment_frames", arguments, (n, height, width), stream, *numbers, plane=plane)

    def measure_cells(self, grey: Any, labels: Any, first_frame: int = 0, stream: Any = None) -> NDArray[np.int64]:
        """Return the exact integers of every cell in host memory, (cells, CELL_COLUMNS); waits for them.

        Raises ValueError for negative labels, OverflowError for labels above the number of pixels of a frame.
        """
        n, height, width = self.check("grey", grey, np.uint8, ANY_FRAMES)
        self.check("labels", labels, np.int32, (n, height, width))
        step = self.frames_at_once("list_cells", height, width)
        parts = [np.empty((0, cpu.CELL_COLUMNS), np.int64)]
        with self.alone(stream):
            for i in range(0, n if height * width else 0, step):
                work = _Work(grey[i : i + step], labels[i : i + step], first_frame + i, with_sums=False)
                with self.on(stream):
                    batch = self._batch(work)
                    self._ask_for_cells(work, batch)
                parts.append(self._collect_cells(work, batch, stream))
        return np.concatenate(parts)

    def measure_frames(
        self, pixels: Any, half: int, tolerance: int, recipe: NDArray[np.int32], labels: Any = None,
        first_frame: int = 0, stream: Any = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint32], NDArray[np.uint32]]:  # fmt: skip
        """Do `sum_frames`, `adjust_background`, `segment` and `measure_cells` of a batch that lies on the GPU.

        Returns rows of cells, and integers, sums of rows and of columns of every frame, in host memory: one copy, for
        which this waits, while other threads go on. `half` -1 leaves the background as it is. `labels` are written
        where an array is given. Memory of the device is taken once per stream and size of the batch.
        """
        n, height, width = shape = self.check("pixels", pixels, np.uint8, ANY_FRAMES)
        if labels is not None:
            self.check("labels", labels, np.int32, shape)
        _check_range("half", half, -1, 2**31 - 1)
        step = self.frames_at_once("list_cells", height, width) if height * width else max(n, 1)
        parts = []
        with self.alone(stream):
            for i in range(0, max(n, 1), step):
                own = None if labels is None else labels[i : i + step]
                parts.append(
                    self._measure_some(pixels[i : i + step], half, tolerance, recipe, own, first_frame + i, stream)
                )
        rows, integers, row_sums, column_sums = map(np.concatenate, zip(*parts, strict=True))
        return rows, integers, row_sums, column_sums

    def _measure_some(
        self, pixels: Any, half: int, tolerance: int, recipe: Any, labels: Any, first_frame: int, stream: Any
    ) -> tuple[Any, Any, Any, Any]:
        with self.on(stream):
            self._reserve(pixels.shape, half, recipe)
            grey, labels = self._images(pixels, half, labels)
            work = _Work(grey, labels, first_frame, with_sums=True)
            batch = self._batch(work)
            counts, *sums = batch.layout.of_frames(batch.table)
            self.sum_frames(pixels, *sums)
            if half >= 0:
                self.adjust_background(pixels, half, tolerance, grey)
            self.segment(grey, recipe, labels, counts)
            self._ask_for_cells(work, batch)
        rows = self._collect_cells(work, batch, stream)
        _, *sums = batch.layout.of_frames(batch.host)
        return rows, sums[0].copy(), sums[1].copy(), sums[2].copy()  # the next batch is written over them

    def _reserve(self, shape: tuple[int, ...], half: int, recipe: Any) -> None:
        plane, numbers = plane_bytes(*shape[1:]), tuple(int(number) for number in recipe)
        launches: list[tuple[str, tuple[int, ...], int]] = [("sum_frames", (), 0), ("segment_frames", numbers, plane)]
        launches += [("list_cells", (), 0)] if shape[1] * shape[2] else []
        launches += [("adjust_background", (half,), 0)] if half >= 0 else []
        self.reserve(shape, *launches)

    def _images(self, pixels: Any, half: int, labels: Any) -> tuple[Any, Any]:
        # where the adjusted pixels and the labels of a batch go
        size = pixels.size
        grey = self.keep("grey", size, np.uint8)[:size].reshape(pixels.shape) if half >= 0 else pixels
        if labels is None:
            labels = self.keep("labels", size, np.int32)[:size].reshape(pixels.shape)
        return grey, labels

    def _batch(self, work: _Work, cells: int = 0) -> _Batch:
        # the current stream's tables for a batch: on the device with room for `cells` rows at least, and in the host
        n, height, width = work.grey.shape
        layout = lay_out(n, height, width, work.with_sums)
        most = max(cells, FIRST_CELLS_PER_FRAME * n)
        table = self.keep("table", layout.cells + most * ROW_BYTES, np.uint8)
        most = (table.size - layout.cells) // ROW_BYTES
        key = self._cupy.cuda.get_current_stream().ptr
        copied = min(most, max(cells, self._copied.get(key, FIRST_COPIED_PER_FRAME * n)))
        host = self.keep_pinned("table in the host", layout.cells + most * ROW_BYTES)
        return _Batch(layout, table, most, host, copied, self.keep("offsets", n, np.int64)[:n], key)

    def _ask_for_cells(self, work: _Work, batch: _Batch) -> None:
        # three launches and a copy; the runs that list_cells leaves in the arena are those that measure_cells reads
        frames, height, width = shape = work.grey.shape
        if work.grey.size:
            counts, *_ = batch.layout.of_frames(batch.table)
            rows = Shared(batch.layout.of_cells(batch.table, batch.most))
            self.launch("list_cells", (work.labels, height, width, counts), shape, None)
            self.launch("place_cells", (Shared(counts), frames, Shared(batch.offsets)), (1, height, width), None)
            arguments = (work.grey, height, width, counts, batch.offsets, work.first_frame, rows, batch.most)
            blocks, threads = MEASURE_BLOCKS, MEASURE_THREADS
            self.launch("measure_cells", arguments, shape, None, grid=lambda n: (n, blocks), threads=threads)
        self._fetch(batch)

    def _fetch(self, batch: _Batch) -> None:
        self.fetch_into(batch.table, batch.host[: batch.layout.cells + batch.copied * ROW_BYTES])

    def _collect_cells(self, work: _Work, batch: _Batch, stream: Any) -> Any:
        # waits; rows beyond those that were copied cost a second copy, those beyond the table a second measurement
        self.wait(stream)
        if not work.grey.size:
            return np.empty((0, cpu.CELL_COLUMNS), np.int64)
        counts, *_ = batch.layout.of_frames(batch.host)
        _check_labels(counts, work.first_frame)
        total = int(counts.sum(dtype=np.int64))
        self._copied[batch.key] = rows_to_copy(total)
        if total > batch.copied:
            with self.on(stream):
                enough = self._batch(work, total)
                if total > batch.most:
                    self._ask_for_cells(work, enough)
                else:
                    self._fetch(enough)
            self.wait(stream)
            batch = enough
        return batch.layout.of_cells(batch.host, total).copy()

    def cnn_input(self, pixels: Any, mode: str, images: Any, integers: Any, stream: Any = None) -> None:
        """Adjust frames to mean grey 130 and divide their sides by four; see `phasewell_kernels.cpu`."""
        n, height, width = self.check("pixels", pixels, np.uint8, ANY_FRAMES)
        if mode not in ("offset", "gain"):
            raise ValueError(f"cnn_input: mode {mode}: expected offset or gain")
        if height % 4 or width % 4 or not height * width:
            raise ValueError(f"cnn_input: frames of {height} x {width} px: expected sides divisible by 4; crop them")
        if array_address(pixels) % 4:  # the kernel reads four pixels at once; frames of these sides then all lie right
            raise ValueError("cnn_input: pixels do not begin at a multiple of 4 bytes: expected an array of its own")
        self.check("images", images, np.uint8, (n, height // 4, width // 4))
        self.check("integers", integers, np.int64, (n, cpu.INPUT_INTEGERS))
        self.launch(
            "cnn_input", (pixels, height, width, int(mode == "gain"), images, integers), (n, height, width), stream
        )

    def scale_images(self, images: Any, mean: Any, deviation: Any, scaled: Any, stream: Any = None) -> None:
        """Scale grey images to float32 and repeat them over channels; `mean` and `deviation` are host arrays."""
        n, height, width = self.check("images", images, np.uint8, ANY_FRAMES)
        cpu.check_scale(mean, deviation)
        self.check("scaled", scaled, np.float32, (n, len(mean), height, width))
        tables = (Shared(self.table(mean, stream)), Shared(self.table(deviation, stream)))
        self.launch("scale_images", (images, height * width, *tables, len(mean), scaled), (n, height, width), stream)

    def render_frames(
        self, frames: Any, offsets: Any, cells: Any, outlines: Any, profiles: Any, texture: Any, mottle: Any,
        reach: int, profile_scale: int, pixels: Any, labels: Any, stream: Any = None,
    ) -> None:  # fmt: skip
        """Render synthetic frames and their truth labels; all tables are host arrays, copied here."""
        n, height, width = self.check("pixels", pixels, np.uint8, (len(frames), None, None))
        self.check("labels", labels, np.int32, (n, height, width))
        tables = (frames, offsets, cells, outlines, profiles, texture, mottle)
        cpu.check_render(*tables, reach, profile_scale, height, width)
        there = [Shared(self.put(one, stream)) for one in tables[:4]]
        there += [Shared(self.table(one, stream)) for one in tables[4:]]
        tiles = -(-height // cpu.RENDER_TILE[0]) * -(-width // cpu.RENDER_TILE[1])
        arguments = (*there, reach, profile_scale, height, width, pixels, labels)
        self.launch("render_frames", arguments, (n, height, width), stream, grid=lambda n: (tiles, n))


def _check_labels(counts: Any, first_frame: int) -> None:
    # what list_cells wrote instead of a number of cells
    if (counts == cpu.NEGATIVE_LABEL).any():
        frame = first_frame + int((counts == cpu.NEGATIVE_LABEL).argmax())
        raise ValueError(f"labels: frame {frame} has negative values; expected 0 for background and 1.. for cells")
    if (counts < 0).any():
        frame = first_frame + int((counts < 0).argmax())
        raise OverflowError(f"labels: frame {frame} has labels above its number of pixels; number them anew")


def _check_range(name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise ValueError(f"{name} {value}: expected {least}..{most}")


def _check_apart(source: Any, target: Any) -> None:
    if source.size and array_address(source) == array_address(target):
        raise ValueError("source and target are the same memory: expected two arrays")


@functools.cache
def gpu_kernels(device: int) -> Kernels:
    """Return the kernels of a GPU by its number, the same ones each time."""
    return Kernels(device)
