"""The fused kernels beside the array engine and other people's programs, on the same frames in the same run.

Run: python benchmarks/kernels.py [--quick] on an idle machine with two cores; the extra `peers` must be installed.
Everything is measured in turns: whole chains (frames to labels and descriptors), descriptors of given labels, pieces,
and every kernel with every instruction set. --quick measures a few turns of the 150-cell frames and writes no rows.
What is missing is named, and then no rows are written either.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import resource
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
from chains import (
    COPY,
    DESCRIPTORS,
    FUSED,
    KERNEL_FRAMES,
    PIECES,
    Chain,
    Material,
    all_chains,
    make_material,
    one_core,
    run_fused,
)
from kernel_frames import PIXEL_SIZE_UM
from kernel_steps import Step, all_steps
from numpy.typing import NDArray
from phasewell.cells import DESCRIPTOR_NAMES
from phasewell.descriptors import describe_adjusted
from phasewell.device import Device
from phasewell.segmentation import components
from rows import write_rows
from timing import Times, Work, measure
from workers import Workers

CELLS = (150, 600)  # a frame
CORES = 2
INSTRUCTIONS = ("plain", "avx2", "avx512")
DISTRIBUTIONS = (
    "scikit-image", "opencv-python-headless", "connected-components-3d", "mahotas", "cp_measure", "nyxus", "numba",
)  # fmt: skip
INCOMPARABLE = {
    "nyxus": "its perimeter and circularity count outline pixels, its texture bins are stretched over each cell's "
    "range and averaged over four angles, and its energy is what we call asm",
    "scikit-image": "nothing: the same twelve definitions",
    "mahotas": "its 13 texture features are averaged over four angles; it has no shape",
    "cp_measure": "its perimeter is scikit-image's default one and its texture features are averaged over four angles",
    "cp_measure, numba": "as cp_measure; shape is the same code",
}
OTHER_OBJECTS = (
    "local variance in place of gradient energy and a plain box mean as background: other objects, so that descriptors "
    "cannot be paired; no contrast test, no walls and no split of touching cells, which preset phase has"
)
SHARED = {"nyxus": (0, 2, 3), "scikit-image": range(12), "cp_measure": (0, 2, 3), "cp_measure, numba": (0, 2, 3)}
"""Descriptors with one definition on both sides, as positions in our order."""


def main() -> int:
    """Measure, print, and write results/kernels.jsonl when nothing is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few turns, 150 cells, no rows written")
    quick = parser.parse_args().quick
    if len(os.sched_getaffinity(0)) != CORES:
        print(f"expected {CORES} cores, so that rows compare: taskset --cpu-list 0,1 python ...", file=sys.stderr)
        return 1
    missing: list[str] = []
    rows: list[dict[str, Any]] = []
    for cells in CELLS[:1] if quick else CELLS:
        found = measure_frames(cells, rounds=1 if quick else 9, missing=missing)
        print("\n".join(summary(found)))
        rows += found
    for reason in missing:
        print(f"missing: {reason}", file=sys.stderr)
    if quick or missing:
        return int(bool(missing))
    print(write_rows("kernels", rows, *DISTRIBUTIONS))
    return 0


def measure_frames(cells: int, rounds: int, missing: list[str]) -> list[dict[str, Any]]:
    """Return all rows for frames with this many cells; what cannot run is added to `missing` with its reason."""
    load = os.getloadavg()[0]
    material = make_material(cells)
    steps = list(find_steps(material, missing))
    absent = [name for name in DISTRIBUTIONS if not _installed(name)]
    missing += [f"peer {name}: not installed; pip install '.[peers]'" for name in absent]
    with Workers(one_core, cells, not absent) as workers:
        chains = all_chains(material, len(workers), not absent)
        work = chain_work(chains, workers)
        work |= {
            f"{isa}|{step.kernel}|{step.preset}": step_work(step, isa, 1 if rounds == 1 else 5)
            for step in steps
            for isa in INSTRUCTIONS
        }
        times = measure(work, rounds)
        results = {chain.name: workers.result(chain.name) for chain in chains}
    copy_gb = {
        cores: _gigabytes(2 * material.frames[0].nbytes, times[_key(COPY, "NumPy", "", _spread_over(cores))])
        for cores in (1, 2)
    }
    context = {
        "device": "cpu",
        "frame": f"synthetic (benchmarks/kernel_frames.py), 1000 x 1000 uint8, {PIXEL_SIZE_UM} um/px",
        "cells_per_frame": cells,
        "load_average_before": round(load, 2),
        "load_average_after": round(os.getloadavg()[0], 2),
        "copy_gb_per_s": copy_gb[1],
        "copy_gb_per_s_two_cores": copy_gb[2],
        "ceiling": f"copy of the same {KERNEL_FRAMES} frames, bytes read + written, in the same run",
        "clock": "wall and CPU time per frame, median; everything measured in turns, first call apart",
        "gpu": "not measured",
    }
    rows = chain_rows(chains, times, results, material, copy_gb) + step_rows(steps, times, copy_gb[1])
    return [{**row, **context, "peak_rss_mb": _peak_mb()} for row in rows]


def summary(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Yield one line per row for a person who waits."""
    for row in rows:
        what = (
            f"{row['instructions']:7s} {row['kernel']}"
            if row["section"] == "kernel"
            else f"{row['boundary'][:34]}, {row['who']}"
        )
        ratio = f" {row['times_the_best_peer']:6.1f} x {row['best_peer']}" if "best_peer" in row else ""
        told = f"{row['p50_ms']:9.3f} ms {row['frames_per_s']:8.1f} frames/s +-{row['spread']:.0%}{ratio}"
        print_parity = {key: value for key, value in row["parity"].items() if key != "not_comparable"}
        yield f"{row['cells_per_frame']} {row['preset']:8s} {row['cores']:11s} {what:56s} {told} {print_parity}"


def find_steps(material: Material, missing: list[str]) -> Iterator[Step]:
    """Yield the kernels that this build has."""
    for step in all_steps(material):
        try:
            if step.prepare:
                step.prepare()
            step.run("plain")
        except AttributeError as error:
            missing.append(f"kernel {step.kernel} {step.preset}: {error}")
        else:
            yield step


def step_work(step: Step, isa: str, repeats: int) -> Work:
    """Return a kernel as work on all frames, on one core."""
    return Work(lambda: step.run(isa), KERNEL_FRAMES, step.prepare, repeats)


def chain_work(chains: list[Chain], workers: Workers) -> dict[str, Work]:
    """Return the chains as work: on one core, on a process per core, and the kernels on threads of this process."""
    work: dict[str, Work] = {}
    for chain in chains:
        repeats = 3 if chain.who == "phasewell kernels" else 1
        for count in (1, len(workers)):

            def call(name: str = chain.name, count: int = count) -> None:
                workers.run(name, count)

            frames = chain.frames * count
            work[f"{_spread_over(count)}|{chain.name}"] = Work(call, frames, None, repeats, lambda: workers.seconds)
        if chain.who == "phasewell kernels":
            work[f"{len(workers)} threads|{chain.name}"] = Work(chain.call, chain.frames, None, 3)
    return work


def chain_rows(
    chains: list[Chain],
    times: dict[str, Times],
    results: dict[str, Any],
    material: Material,
    copy_gb: dict[int, float],
) -> list[dict[str, Any]]:
    """Return a row for every chain but the copy and every way to use the cores."""
    rows = []
    for chain in (chain for chain in chains if chain.boundary != COPY):
        parity = chain_parity(chain, results, material)
        for spread in ("1 core", "2 processes", "2 threads"):
            key = f"{spread}|{chain.name}"
            if key not in times:
                continue
            bytes_counted, size = _chain_bytes(chain, material)
            rate = _gigabytes(size, times[key])
            rows.append(
                {
                    "section": "chain",
                    "boundary": chain.boundary,
                    "who": chain.who,
                    "preset": chain.preset
                    or (
                        "its own steps"
                        if chain.boundary == FUSED
                        else ("labels of paper-r" if chain.boundary == DESCRIPTORS else "foreground of phase")
                    ),
                    "cores": spread,
                    "frames_per_call": chain.frames,
                    "cells_per_s": 1e3 * _count_cells(chain, results[chain.name]) / times[key].wall.p50_ms,
                    **_timing(times[key]),
                    "bytes_counted": bytes_counted,
                    "gb_per_s": rate,
                    "share_of_ceiling": rate / copy_gb[1 if spread == "1 core" else 2],
                    **_against_peers(chain, spread, times),
                    "parity": parity,
                }
            )
    return rows


def _count_cells(chain: Chain, found: Any) -> float:
    """Return cells, or pieces, per frame of what a chain returned."""
    if chain.boundary == PIECES:
        return float(found)
    return len(found[1] if chain.boundary == FUSED else found) / chain.frames


def _chain_bytes(chain: Chain, material: Material) -> tuple[str, int]:
    frame, labels = material.frames[0].nbytes, material.labels[0].nbytes
    if chain.boundary == FUSED:
        return "frame read, labels written", frame + labels
    if chain.boundary == DESCRIPTORS:
        return "frame and labels read", frame + labels
    if chain.who.startswith("phasewell"):
        return "plane read, labels written", frame // 8 + labels
    return "frame read, labels written", frame + labels


def _against_peers(chain: Chain, spread: str, times: dict[str, Times]) -> dict[str, Any]:
    """Return how many times faster than the best peer for the same boundary, on as many cores."""
    same_cores = "1 core" if spread == "1 core" else "2 processes"
    rivals = {}
    for key, spell in times.items():
        cores, boundary, who = key.split("|")[:3]
        if cores == same_cores and boundary == chain.boundary and not who.startswith("phasewell") and who != "mahotas":
            rivals[who] = spell.wall.p50_ms
    if not rivals:
        return {}
    best = min(rivals, key=lambda who: rivals[who])
    own = times[f"{spread}|{chain.name}"].wall.p50_ms
    ratios = {who: spell / own for who, spell in rivals.items()}
    return {"best_peer": best, "times_the_best_peer": ratios[best], "times_each_peer": ratios}


def chain_parity(chain: Chain, results: dict[str, Any], material: Material) -> dict[str, Any]:
    """Return how far the numbers agree: bit for bit for ours, in counts and shares for others'."""
    found = results[chain.name]
    if chain.boundary == PIECES:
        return {"pieces_of_first_frame": int(found), "expected": _count_pieces(material)}
    if chain.boundary == DESCRIPTORS:
        arrays = Device("cpu", "arrays")
        wanted = describe_adjusted(material.grey, material.labels, PIXEL_SIZE_UM, arrays).values
        return _descriptor_parity(chain, found, wanted)
    if chain.who == "phasewell arrays":
        return {"role": "the specification", "cells_of_first_frame": int(found[0][0].max())}
    if chain.who == "phasewell kernels":
        arrays = Device("cpu", "arrays")
        frames = material.frames
        parts = [run_fused(frames[i : i + 1], arrays, chain.preset, True) for i in range(len(frames))]
        labels, values = (np.concatenate(column) for column in zip(*parts, strict=True))
        kept, _ = run_fused(frames, Device("cpu"), chain.preset, True)  # what is timed writes no labels out
        return {
            "labels_equal_arrays_bit_for_bit": kept.tobytes() == labels.tobytes(),
            "descriptors_equal_arrays_bit_for_bit": found[1].tobytes() == values.tobytes(),
            "frames_compared": len(labels),
            "cells_of_first_frame": int(labels[0].max()),
        }
    ours = material.labels[0] > 0
    theirs = found[0] > 0
    return {
        "cells_of_first_frame": int(found[0].max()),
        "cells_of_ours": int(material.labels[0].max()),
        "iou_of_foreground_with_paper_r": float((ours & theirs).sum() / (ours | theirs).sum()),
        "not_comparable": OTHER_OBJECTS,
    }


def _descriptor_parity(chain: Chain, found: NDArray[np.float64], wanted: NDArray[np.float64]) -> dict[str, Any]:
    if chain.who == "phasewell arrays":
        return {"role": "the specification", "cells_of_first_frame": len(found)}
    if chain.who == "phasewell kernels":
        return {
            "descriptors_equal_arrays_bit_for_bit": found.tobytes() == wanted.tobytes(),
            "cells_compared": len(wanted),
        }
    first = wanted[: len(found)]
    shared = {
        DESCRIPTOR_NAMES[i]: float((np.abs(found[:, i] - first[:, i]) / np.abs(first[:, i])).max())
        for i in SHARED.get(chain.who, ())
    }
    return {"max_relative_difference": shared, "not_comparable": INCOMPARABLE[chain.who]}


def step_rows(steps: list[Step], times: dict[str, Times], copy_gb: float) -> list[dict[str, Any]]:
    """Return a row for every kernel and instruction set, on one core."""
    rows = []
    for step in steps:
        expected = step.expected()
        for isa in INSTRUCTIONS:
            spell = times[f"{isa}|{step.kernel}|{step.preset}"]
            if step.prepare:
                step.prepare()
            step.run(isa)
            same = all(a.shape == b.shape and bool((a == b).all()) for a, b in zip(step.found(), expected, strict=True))
            rate = _gigabytes(step.bytes_per_frame, spell)
            rows.append(
                {
                    "section": "kernel",
                    "boundary": "one kernel, arrays in memory to arrays in memory, through its Python door",
                    "who": "phasewell kernels",
                    "kernel": step.kernel,
                    "preset": step.preset or "both",
                    "instructions": isa,
                    "cores": "1 core",
                    "frames_per_call": KERNEL_FRAMES,
                    **_timing(spell),
                    "bytes_counted": step.bytes_counted,
                    "bytes_per_frame": step.bytes_per_frame,
                    "gb_per_s": rate,
                    "share_of_ceiling": rate / copy_gb,
                    "parity": {"equals_arrays_bit_for_bit": same},
                }
            )
    return rows


def _timing(times: Times) -> dict[str, Any]:
    wall, cpu = times.wall, times.cpu
    return {
        "frames_per_s": 1e3 / wall.p50_ms,
        "first_ms": wall.first_ms,
        "p50_ms": wall.p50_ms,
        "p95_ms": wall.p95_ms,
        "spread": wall.spread,
        "cpu_p50_ms": cpu.p50_ms,
        "cpu_spread": cpu.spread,
        "calls": times.calls,
    }


def _name(boundary: str, who: str, preset: str = "") -> str:
    return "|".join((boundary, who, preset))


def _key(boundary: str, who: str, preset: str, spread: str) -> str:
    return f"{spread}|{_name(boundary, who, preset)}"


def _spread_over(cores: int) -> str:
    return "1 core" if cores == 1 else f"{cores} processes"


def _gigabytes(size: int, times: Times) -> float:
    return size / 1e6 / times.wall.p50_ms


def _count_pieces(material: Material) -> int:
    return components.label_pieces(Device("cpu", "arrays"), material.foreground[:1])[1]


def _installed(distribution: str) -> bool:
    try:
        return bool(importlib.metadata.version(distribution))
    except importlib.metadata.PackageNotFoundError:
        return False


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    sys.exit(main())
