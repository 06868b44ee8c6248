"""The integers of every cell from the kernel against the array engine, bit for bit."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import tifffile
from hard_masks import hard_masks
from hypothesis import given, settings
from hypothesis import strategies as st
from phasewell.descriptors.fused import count_cells_fused
from phasewell.descriptors.integers import CellIntegers, count_cells
from phasewell.device import Device
from phasewell_kernels import cpu
from planes import instruction_sets
from scipy import ndimage

WIDTHS = (1, 2, 3, 15, 16, 17, 63, 64, 65, 66, 127, 128, 129, 193)
SETS = instruction_sets()
SHAPES_WITHOUT_CELLS = [{"bbox": (0, 4), "differences": (0, 32)}.get(name, (0,)) for name in CellIntegers._fields]


@dataclass(frozen=True)
class Instructed:
    """A CPU whose kernels use one instruction set."""

    threads: int
    instructions: str
    xp: Any = np

    @property
    def kernels(self) -> Any:
        measure = functools.partial(cpu.measure_cells, threads=self.threads, instructions=self.instructions)
        return SimpleNamespace(measure_cells=measure)

    def get(self, array: Any) -> Any:
        return array


def check(grey: Any, labels: Any, threads: int, instructions: str, first_frame: int = 0) -> None:
    found = count_cells_fused(grey, labels, cast(Device, Instructed(threads, instructions)), first_frame)
    expected = count_cells(grey // 8, labels, np, first_frame)
    for name, column in expected._asdict().items():
        got = getattr(found, name)
        assert (got.dtype, got.shape) == (column.dtype, column.shape), name
        np.testing.assert_array_equal(got, column, err_msg=name)


def random_grey(rng: np.random.Generator, shape: tuple[int, ...], spread: int) -> Any:
    return np.clip(rng.normal(128, spread, shape), 0, 255).astype(np.uint8)


@st.composite
def random_cells(draw: st.DrawFn) -> tuple[Any, Any]:
    """Patches of equal label of every size down to single pixels, scattered numbers, pieces that touch anything."""
    shape = (draw(st.integers(1, 3)), draw(st.integers(1, 30)), draw(st.sampled_from(WIDTHS)))
    rng = np.random.Generator(np.random.PCG64(draw(st.integers(0, 2**32))))
    patch = draw(st.sampled_from((1, 2, 5, 11)))
    coarse = rng.integers(0, draw(st.integers(1, 9)), (shape[0], shape[1] // patch + 1, shape[2] // patch + 1))
    labels = coarse.repeat(patch, axis=1).repeat(patch, axis=2)[:, : shape[1], : shape[2]]
    ragged = rng.random(shape) < draw(st.sampled_from((0.0, 0.1, 0.5)))
    labels = np.where(ragged, ndimage.grey_erosion(labels, (1, 3, 3)), labels)
    if draw(st.booleans()):
        numbers = rng.choice(draw(st.sampled_from((9, 60))), 9, replace=False) + 1  # within or beyond the pixels
    else:
        numbers = rng.integers(1, 2**31 - 1, 9)
    numbers = np.concatenate([[0], numbers])
    return random_grey(rng, shape, draw(st.sampled_from((0, 4, 20, 200)))), numbers[labels].astype(np.int32)


@settings(max_examples=150)
@given(cells=random_cells(), threads=st.integers(1, 2), instructions=st.sampled_from(SETS))
def test_cells_equal_the_arrays_on_random_labels(cells: Any, threads: int, instructions: str) -> None:
    check(*cells, threads, instructions)


@pytest.mark.parametrize("instructions", SETS)
@pytest.mark.parametrize("sides", [(1, 1), (1, 70), (40, 1), (17, 64), (33, 65), (20, 131)])
def test_cells_equal_the_arrays_on_hard_masks(sides: tuple[int, int], instructions: str) -> None:
    masks = hard_masks(*sides)
    grey = random_grey(np.random.Generator(np.random.PCG64(3)), masks.shape, 30)
    check(grey, masks.astype(np.int32), 1, instructions)
    pieces = np.stack([ndimage.label(mask)[0] for mask in masks])
    check(grey, pieces.astype(np.int32), 2, instructions)
    check(grey, np.where(masks, 1, 2).astype(np.int32), 1, instructions)  # no background at all


@pytest.mark.parametrize("instructions", SETS)
def test_every_pixel_is_a_cell(instructions: str) -> None:
    rng = np.random.Generator(np.random.PCG64(4))
    labels = rng.permutation(3 * 130).reshape(1, 3, 130).astype(np.int32) + 1
    check(random_grey(rng, labels.shape, 60), labels, 1, instructions)


@pytest.mark.parametrize("instructions", SETS)
@pytest.mark.parametrize("spread", [0, 40])
def test_a_cell_of_many_equal_pairs(spread: int, instructions: str) -> None:
    """One bin is counted more often than 16 bits hold."""
    labels = np.ones((1, 500, 700), np.int32)
    labels[:, 100:120, 300:400] = 0
    check(random_grey(np.random.Generator(np.random.PCG64(5)), labels.shape, spread), labels, 1, instructions)


@pytest.mark.parametrize("threads", [1, 2])
def test_frames_count_from_the_first(threads: int) -> None:
    rng = np.random.Generator(np.random.PCG64(6))
    labels = rng.integers(0, 3, (5, 8, 9)).astype(np.int32)
    labels[2] = 0
    check(random_grey(rng, labels.shape, 9), labels, threads, "best", first_frame=70)


@pytest.mark.parametrize("shape", [(0, 4, 5), (2, 0, 5), (2, 4, 0), (2, 4, 5)])
def test_no_cells(shape: tuple[int, ...]) -> None:
    found = count_cells_fused(np.zeros(shape, np.uint8), np.zeros(shape, np.int32), Device("cpu"))
    assert [column.shape for column in found] == SHAPES_WITHOUT_CELLS


def test_real_cells(data: Path) -> None:
    for path in sorted((data / "t98g_phase").rglob("raw.tif"))[:2]:
        grey = (tifffile.imread(path)[None] >> 8).astype(np.uint8)
        labels, _ = ndimage.label(grey < np.quantile(grey, 0.3))
        for instructions in SETS:
            check(grey, labels.astype(np.int32), 1, instructions)
