"""Rates of the kernels on a GPU, with the ceilings of the same run; `device.py` calls this after the build.

Every result is compared with the CPU build on a sample of frames, byte by byte: a rate without parity is not written.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cupy
import numpy as np
from device_calls import LANES, Lane, Whole, measure_arrays, measure_calls, whole_numbers
from device_rows import (
    DIFFERENT_FRAMES,
    describe_gpu,
    measure_ceilings,
    measure_matrices,
    row,
    time_calls,
)
from kernel_frames import PIXEL_SIZE_UM, SIDE_PX, make_frames
from phasewell.background import kernel_half_px
from phasewell.config import BackgroundConfig, SegmentationConfig
from phasewell.segmentation.recipe import make_recipe
from phasewell_kernels import cpu
from phasewell_kernels.gpu import Kernels
from rows import write_rows

SMALL_SIDES = ((64, 64), (61, 129), (200, 260))
CHAIN = ("adjust_background", "segment")
CHAIN_BOUNDARY = "frames on the GPU to labels"
CELLS_BOUNDARY = "frames on the GPU to rows of cells in host memory"
STREAMED_BOUNDARY = "frames in pinned host memory to labels on the GPU, two streams"


@dataclass(frozen=True)
class Step:
    """A function of the kernels and its arguments; a name in braces is an array of the batch, made on the way."""

    function: str
    arguments: tuple[Any, ...]
    outputs: tuple[str, ...]
    bytes_per_frame: int  # of inputs and outputs, each once

    def run(self, kernels: Any, arrays: dict[str, Any], **named: Any) -> None:
        """Call the function of a module with the arrays of a batch."""
        values = [arrays[one[1:-1]] if isinstance(one, str) and one[:1] == "{" else one for one in self.arguments]
        result = getattr(kernels, self.function)(*values, **named)
        if result is not None:
            arrays[self.outputs[0]] = result


def make_steps(preset: str, height: int, width: int) -> list[Step]:
    """Return the steps of a frame from pixels to cells, each on the results of those before it."""
    background = BackgroundConfig()
    half = kernel_half_px(background, PIXEL_SIZE_UM, height, width)
    recipe = make_recipe(SegmentationConfig(preset=preset), PIXEL_SIZE_UM)  # type: ignore[arg-type]
    numbers = np.array(recipe.as_numbers(height, width), np.int32)
    size = height * width
    steps = [
        Step("sum_frames", ("{pixels}", "{sums}", "{rows}", "{columns}"), ("sums", "rows", "columns"), size),
        Step("adjust_background", ("{pixels}", half, background.tolerance, "{grey}"), ("grey",), 2 * size),
        Step("segment", ("{grey}", numbers, "{labels}", "{counts}"), ("labels", "counts"), 5 * size),
        Step("measure_cells", ("{grey}", "{labels}"), ("cells",), 5 * size),
    ]
    if not (height % 4 or width % 4):
        prepared = ("{pixels}", "offset", "{images}", "{integers}")
        steps.append(Step("cnn_input", prepared, ("images", "integers"), size + size // 16))
    return steps


def make_arrays(xp: Any, pixels: Any) -> dict[str, Any]:
    """Return the arrays of a batch on NumPy or CuPy, results full of rubbish."""
    n, height, width = pixels.shape
    shapes: dict[str, tuple[Any, tuple[int, ...]]] = {
        "grey": (np.uint8, pixels.shape),
        "labels": (np.int32, pixels.shape),
        "counts": (np.int32, (n,)),
        "sums": (np.int64, (n, cpu.QUALITY_INTEGERS)),
        "rows": (np.uint32, (n, height)),
        "columns": (np.uint32, (n, width)),
        "images": (np.uint8, (n, height // 4, width // 4)),
        "integers": (np.int64, (n, cpu.INPUT_INTEGERS)),
    }
    return {"pixels": xp.asarray(pixels)} | {name: xp.full(shape, 77, kind) for name, (kind, shape) in shapes.items()}


def differing(steps: list[Step], found: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """Return the names of results that differ from the CPU's on the frames that both have."""
    wrong = []
    frames = min(len(found["pixels"]), len(wanted["pixels"]))
    for name in (name for step in steps for name in step.outputs):
        if name == "cells":  # rows in host memory, (cells, columns); the first column is the frame
            one, two = (arrays[name][arrays[name][:, 0] < frames] for arrays in (found, wanted))
            wrong += [name] * (one.tobytes() != two.tobytes())
            continue
        both = min(len(found[name]), len(wanted[name]))
        if cupy.asnumpy(found[name][:both]).tobytes() != wanted[name][:both].tobytes():
            wrong.append(name)
    return wrong


def on_cpu(steps: list[Step], pixels: Any) -> dict[str, Any]:
    """Return the arrays of a batch after all steps of the CPU build."""
    arrays = make_arrays(np, pixels)
    for step in steps:
        step.run(cpu, arrays, threads=8)
    return arrays


def compare_small(out: Path) -> int:
    """Run every step on small frames, each array an allocation of its own, so that a sanitizer sees its ends."""
    cupy.cuda.set_allocator(None)
    wrong = []
    for shared_bytes in (None, 0):
        kernels = Kernels(0, shared_bytes=shared_bytes)
        for height, width in SMALL_SIDES:
            pixels = np.ascontiguousarray(make_frames(150, 2)[:, 300 : 300 + height, 300 : 300 + width])
            for preset in ("paper-r", "phase"):
                steps, arrays = make_steps(preset, height, width), make_arrays(cupy, pixels)
                for step in steps:
                    step.run(kernels, arrays)
                wanted = on_cpu(steps, pixels)
                wrong += [f"{name} {height} x {width} {preset}" for name in differing(steps, arrays, wanted)]
                lane = Lane(kernels, pixels, whole_numbers(preset, height, width))
                for _ in range(2):
                    lane.turn()
                    if lane.result[0].tobytes() != wanted["cells"].tobytes():
                        wrong.append(f"one call {height} x {width} {preset}")
    print("differ from the CPU: " + ", ".join(wrong) if wrong else "small frames: the bytes of the CPU", f"({out})")
    return bool(wrong)


def measure(cells: int, preset: str, batches: list[int], repeats: int, threads: int) -> list[dict[str, Any]]:
    """Return rows of the chain and of every kernel alone for one kind of frames; none for a result that differs."""
    different = make_frames(cells, DIFFERENT_FRAMES)
    steps, kernels = make_steps(preset, SIDE_PX, SIDE_PX), Kernels(0, threads=threads)
    wanted = on_cpu(steps, different)
    rows = []
    for batch in batches:
        pixels = np.tile(different, (-(-batch // DIFFERENT_FRAMES), 1, 1))[:batch]
        arrays = make_arrays(cupy, pixels)
        chain = [step for step in steps if step.function in CHAIN]
        work = {CHAIN_BOUNDARY: chain, CELLS_BOUNDARY: [s for s in steps if s.function in (*CHAIN, "measure_cells")]}
        work |= {f"{step.function} alone": [step] for step in steps}
        for boundary, part in work.items():
            before = vars(kernels.counts).copy()
            fill_with_rubbish(part, arrays)
            times, clocks = time_calls(run_steps(part, kernels, arrays), repeats), describe_gpu()
            if is_refused(f"{boundary}, {cells} cells, {preset}, {batch} frames", part, arrays, wanted):
                continue
            moved = batch * sum(step.bytes_per_frame for step in part)
            one = row(boundary, cells, preset, batch, times, moved, clocks)
            rows.append(one | {name: value - before[name] for name, value in vars(kernels.counts).items()})
        sets = arrays, make_arrays(cupy, np.zeros_like(pixels))
        fill_with_rubbish(chain, arrays)
        times, clocks = time_calls(stream_steps(chain, kernels, sets, pixels), repeats), describe_gpu()
        name = f"{STREAMED_BOUNDARY}, {cells} cells, {preset}, {batch} frames"
        if not any([is_refused(name, chain, one, wanted) for one in sets]):
            one = row(STREAMED_BOUNDARY, cells, preset, batch, times, pixels.nbytes, clocks)
            rows.append(one | {"ceiling": "host_to_device"})
        rows += measure_calls(Whole(cells, preset, batch, repeats), kernels, pixels, wanted)
    found = {"cells_found": int(wanted["counts"][0]), "threads_per_block": threads}
    return [one | found for one in rows]


def run_steps(steps: list[Step], kernels: Kernels, arrays: dict[str, Any]) -> Callable[[], None]:
    """Return a call that runs steps on the arrays of a batch."""

    def call() -> None:
        for step in steps:
            step.run(kernels, arrays)

    return call


def stream_steps(
    steps: list[Step], kernels: Kernels, sets: tuple[dict[str, Any], ...], pixels: Any
) -> Callable[[], Any]:
    """Return a call that copies pixels from pinned memory and runs steps; calls take turns, one stream per set."""
    pinned = kernels.pinned(pixels.shape, np.uint8)
    pinned[...] = pixels
    cupy.cuda.Device(0).synchronize()  # these streams do not wait for the one that made the arrays
    turns = itertools.cycle([(cupy.cuda.Stream(non_blocking=True), arrays) for arrays in sets])

    def call() -> Any:
        stream, arrays = next(turns)
        kernels.put_into(pinned, arrays["pixels"], stream)
        for step in steps:
            step.run(kernels, arrays, stream=stream)
        return stream

    return call


def fill_with_rubbish(steps: list[Step], arrays: dict[str, Any]) -> None:
    """Forget the results of steps, so that none of an earlier call is taken for theirs."""
    for step in steps:
        for name in step.outputs:
            if name in arrays:
                arrays[name].fill(77)


def is_refused(what: str, steps: list[Step], arrays: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Say which results differ from the CPU's, if any."""
    wrong = differing(steps, arrays, wanted)
    if wrong:
        print(f"refused: {what}: {', '.join(wrong)} differ from the CPU")
    return bool(wrong)


def keep(rows: list[dict[str, Any]], folder: Path) -> None:
    """Write rows that lack their share of the ceilings, until all is measured."""
    write_rows("device", rows, "cupy-cuda13x", folder=folder)


def main() -> int:
    """Compare small frames, or measure and write rows; the exit status is 1 if anything differed from the CPU."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--cells", type=int, nargs="+", default=[150, 600])
    parser.add_argument("--presets", nargs="+", default=["phase", "paper-r"])
    parser.add_argument("--batches", type=int, nargs="+", default=[64, 132, 264])
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--threads", type=int, default=512, help="of a block")
    options = parser.parse_args()
    if options.small:
        return compare_small(options.out)
    before, rows, expected = measure_ceilings(), [], 0
    for cells in options.cells:
        for preset in options.presets:
            rows += measure(cells, preset, options.batches, options.repeats, options.threads)
            expected += len(options.batches) * (4 + len(LANES) + len(make_steps(preset, SIDE_PX, SIDE_PX)))
            rows += measure_arrays(cells, preset, options.batches[0])
            expected += 1
            keep(rows, options.out)  # what is measured stays, whatever comes after it
    after, matrices = measure_ceilings(), measure_matrices()
    ceilings = {name: max(before[name], after[name]) for name in before}  # GB/s; copy: read and written
    for one in rows:
        ceiling = ceilings[one["ceiling"]]
        one |= {
            "ceiling_gb_per_s": ceiling,
            "share_of_ceiling": one["gb_per_s"] / ceiling,
            "ceilings_gb_per_s": ceilings,
            "matrix_tflop_per_s": matrices,
        }
        kind = f"{one['cells_per_frame']} cells, {one['preset']}, {one['batch_frames']} frames, {one['boundary']}"
        share = f"{one['share_of_ceiling']:.1%} of {one['ceiling']}"
        print(f"{kind}: {one['frames_per_s']:.0f} frames/s, p50 {one['p50_ms']:.2f} ms, {share}")
    print(write_rows("device", rows, "cupy-cuda13x", folder=options.out))
    return 0 if len(rows) == expected else 1


if __name__ == "__main__":
    sys.exit(main())
