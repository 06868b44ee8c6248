"""A batch in one call on a GPU, resident and by lanes from the host, and the arrays engine on CuPy as its yardstick."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import cupy
import numpy as np
from device_rows import DIFFERENT_FRAMES, describe_gpu, row, time_on_host
from kernel_frames import PIXEL_SIZE_UM, SIDE_PX, make_frames
from phasewell.background import kernel_half_px
from phasewell.config import BackgroundConfig, SegmentationConfig
from phasewell.device import Device
from phasewell.frames import FrameBatch
from phasewell.segmentation import segment
from phasewell.segmentation.recipe import make_recipe
from phasewell_kernels.gpu import Kernels

RESIDENT_BOUNDARY = "frames on the GPU to quality sums and rows of cells in host memory, one call a batch"
LANES_BOUNDARY = "frames in pinned host memory to quality sums and rows of cells there, lanes of one stream each"
ARRAYS_BOUNDARY = "frames on the GPU to labels, arrays engine"
LANES = (1, 2, 3)


@dataclass(frozen=True)
class Whole:
    """What is measured in one call a batch."""

    cells: int
    preset: str
    batch: int
    repeats: int


def whole_numbers(preset: str, height: int, width: int) -> tuple[int, int, Any]:
    """Return half the window, the tolerance and the recipe that `measure_frames` takes."""
    background = BackgroundConfig()
    half = kernel_half_px(background, PIXEL_SIZE_UM, height, width)
    recipe = make_recipe(SegmentationConfig(preset=preset), PIXEL_SIZE_UM)  # type: ignore[arg-type]
    return half, background.tolerance, np.array(recipe.as_numbers(height, width), np.int32)


def measure_calls(whole: Whole, kernels: Kernels, pixels: Any, wanted: dict[str, Any]) -> list[dict[str, Any]]:
    """Return rows of `measure_frames` on frames that lie on the GPU, and from the host by one, two and three lanes."""
    numbers = whole_numbers(whole.preset, SIDE_PX, SIDE_PX)
    resident, rows = cupy.asarray(pixels), []
    cupy.cuda.Device(0).synchronize()

    def same(found: tuple[Any, ...]) -> bool:
        cells, sums = found[0], found[1][:DIFFERENT_FRAMES]
        cells = cells[cells[:, 0] < DIFFERENT_FRAMES]
        frames = min(whole.batch, DIFFERENT_FRAMES)
        right = wanted["cells"][wanted["cells"][:, 0] < frames]
        return cells.tobytes() == right.tobytes() and sums.tobytes() == wanted["sums"][:frames].tobytes()

    def add(boundary: str, times: dict[str, Any], more: dict[str, Any], good: bool, ceiling: str) -> None:
        if not good:
            print(f"refused: {boundary}, {whole}: differs from the CPU")
            return
        moved = 6 * pixels.nbytes if ceiling == "copy" else pixels.nbytes
        one = row(boundary, whole.cells, whole.preset, whole.batch, times, moved, describe_gpu())
        rows.append(one | {"ceiling": ceiling, "clock": "the host's"} | more)

    stream, results = kernels.new_stream(), []
    before = vars(kernels.counts).copy()

    def once() -> None:
        results[:] = [kernels.measure_frames(resident, *numbers, stream=stream)]

    times = time_on_host(once, whole.repeats)
    counts = {name: value - before[name] for name, value in vars(kernels.counts).items()}
    add(RESIDENT_BOUNDARY, times, counts, same(results[0]), "copy")
    for lanes in LANES:
        found = [Lane(kernels, pixels, numbers) for _ in range(lanes)]
        with ThreadPoolExecutor(lanes) as pool:
            times = time_on_host(lambda: [*pool.map(Lane.turn, found)], whole.repeats)  # noqa: B023
        times["s_per_call"] /= lanes
        add(LANES_BOUNDARY, times, {"lanes": lanes}, all(same(lane.result) for lane in found), "host_to_device")
        for lane in found:
            kernels.release(lane.stream)
    kernels.release(stream)
    return rows


class Lane:
    """A stream with its own frames in page-locked memory and on the GPU."""

    def __init__(self, kernels: Kernels, pixels: Any, numbers: tuple[Any, ...]) -> None:
        self.kernels, self.numbers, self.stream = kernels, numbers, kernels.new_stream()
        self.host, self.there = kernels.pinned(pixels.shape, np.uint8), kernels.empty(pixels.shape, np.uint8)
        self.host[...] = pixels
        self.result: tuple[Any, ...] = ()

    def turn(self) -> None:
        """Take a batch all the way."""
        self.kernels.put_into(self.host, self.there, self.stream)
        self.result = self.kernels.measure_frames(self.there, *self.numbers, stream=self.stream)


def measure_arrays(cells: int, preset: str, batch: int) -> list[dict[str, Any]]:
    """Return the row of the arrays engine on CuPy, the yardstick of the kernels."""
    pixels = np.tile(make_frames(cells, DIFFERENT_FRAMES), (-(-batch // DIFFERENT_FRAMES), 1, 1))[:batch]
    config = SegmentationConfig(preset=preset)  # type: ignore[arg-type]
    resident, found = FrameBatch(cupy.asarray(pixels), PIXEL_SIZE_UM), []

    def once() -> None:
        found[:] = [segment(resident, Device("cuda:0", "arrays"), config)]
        cupy.cuda.Device(0).synchronize()

    times = time_on_host(once, 3)
    few = FrameBatch(pixels[:DIFFERENT_FRAMES], PIXEL_SIZE_UM)
    if cupy.asnumpy(found[0][: len(few)]).tobytes() != segment(few, Device("cpu"), config).tobytes():
        print(f"refused: {ARRAYS_BOUNDARY}, {cells} cells, {preset}: differs from the CPU")
        return []
    one = row(ARRAYS_BOUNDARY, cells, preset, batch, times, 5 * pixels.nbytes, describe_gpu())
    return [one | {"engine": "arrays", "clock": "the host's", "parity": one["parity"] | {"with": "CPU kernels"}}]
