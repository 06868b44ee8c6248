"""Steps 2 and 3 as kernels equal the arrays bit for bit: energies, levels, thresholds, planes of the foreground."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import phasewell.demo
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from phasewell.background import adjust_background
from phasewell.device import Device
from phasewell.segmentation.texture import background_distance, gradient_energy
from phasewell.segmentation.threshold import (
    binarise,
    frame_thresholds,
    level_energy,
    level_starts,
    otsu_level,
    stands_out,
)
from phasewell_kernels import cpu
from PIL import Image


def available() -> list[str]:
    found = ["plain"]
    for name in ("avx2", "avx512"):
        try:
            cpu.energy_levels(np.empty(0, np.uint32), np.empty(0, np.int32), name)
        except ValueError:
            continue
        found.append(name)
    return found


INSTRUCTIONS = available()
quick = settings(max_examples=60)


@st.composite
def grey_frames(draw: st.DrawFn) -> NDArray[np.uint8]:
    """Two frames of noise of drawn strength with a few sharp squares, sides around multiples of 64."""
    height = draw(st.integers(1, 40))
    width = draw(st.one_of(st.integers(1, 40), st.sampled_from([63, 64, 65, 100, 127, 128, 130, 191, 193])))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    spread = draw(st.sampled_from([0, 1, 4, 20, 255]))
    frames = random.integers(max(0, 128 - spread), min(255, 128 + spread) + 1, (2, height, width))
    for frame in frames:
        for _ in range(draw(st.integers(0, 3))):
            y, x = random.integers(0, height), random.integers(0, width)
            frame[y : y + random.integers(1, 12), x : x + random.integers(1, 12)] = random.integers(0, 256)
    return frames.astype(np.uint8)


def array_energy(grey: NDArray[np.uint8], half: int) -> NDArray[np.int32]:
    if half < 0:
        return np.asarray(background_distance(np, grey))
    return np.asarray(gradient_energy(np, grey, half))


def kernel_energy(grey: NDArray[np.uint8], half: int, **how: object) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    energy = np.full(grey.shape, 7, np.uint32)
    counts = np.full((len(grey), cpu.LEVELS), 7, np.uint32)
    cpu.measure_energies(grey, half, energy, counts, **how)  # type: ignore[arg-type]
    return energy, counts


def unpack(planes: NDArray[np.uint64], width: int) -> NDArray[np.bool_]:
    bits = np.unpackbits(planes.view(np.uint8), axis=2, bitorder="little").astype(bool)
    assert not bits[:, :, width:].any()
    return bits[:, :, :width]


def kernel_foreground(
    grey: NDArray[np.uint8], half: int, contrast: tuple[int, int], numbers: tuple[int, int, int], **how: object
) -> tuple[NDArray[np.bool_], list[int]]:
    frames, height, width = grey.shape
    planes = np.full((frames, height, -(-width // 64)), 2**64 - 1, np.uint64)
    thresholds = np.full(frames, -1, np.int32)
    cpu.binarise_frames(grey, half, *contrast, *numbers, planes, thresholds, **how)  # type: ignore[arg-type]
    return unpack(planes, width), thresholds.tolist()


def assert_same_foreground(
    grey: NDArray[np.uint8], half: int, contrast: tuple[int, int], numbers: tuple[int, int, int], **how: object
) -> None:
    energy = array_energy(grey, half)
    thresholds = frame_thresholds(np, energy, *numbers)
    expected = binarise(np, energy, thresholds)
    if contrast[0]:
        expected &= stands_out(np, energy, *contrast)
    found, found_thresholds = kernel_foreground(grey, half, contrast, numbers, **how)
    assert found_thresholds == thresholds
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("instructions", INSTRUCTIONS)
@quick
@given(grey_frames(), st.integers(-1, cpu.MAX_TEXTURE_HALF), st.integers(1, 2))
def test_energies_and_the_counts_of_their_levels(
    instructions: str, grey: NDArray[np.uint8], half: int, threads: int
) -> None:
    expected = array_energy(grey, half)
    energy, counts = kernel_energy(grey, half, threads=threads, instructions=instructions)
    np.testing.assert_array_equal(energy, expected)
    for frame, row in zip(expected, counts, strict=True):
        levels = np.searchsorted(level_starts(), frame.ravel() + 1, side="right")
        np.testing.assert_array_equal(row, np.bincount(levels, minlength=cpu.LEVELS))


@pytest.mark.parametrize("instructions", INSTRUCTIONS)
@quick
@given(
    grey_frames(),
    st.one_of(st.sampled_from([-1, 2, 5]), st.integers(0, cpu.MAX_TEXTURE_HALF)),
    st.tuples(st.sampled_from([0, 1, 2, 7, 8, 20, 64, 5000, 520_200]), st.sampled_from([0, 1, 2, 3, 11, 25, 70, 300])),
    st.tuples(st.integers(1, 200), st.sampled_from([0, 1, 60, 500])),
    st.sampled_from([0, 1, 140, 254 - 60, 255, 4000, 65_534, 519_000]),
    st.integers(1, 2),
)
def test_thresholds_and_the_foreground(
    instructions: str,
    grey: NDArray[np.uint8],
    half: int,
    contrast: tuple[int, int],
    percent_floor: tuple[int, int],
    span: int,
    threads: int,
) -> None:
    percent, floor = percent_floor
    numbers = (percent, floor, floor + span)
    assert_same_foreground(grey, half, contrast, numbers, threads=threads, instructions=instructions)


@pytest.mark.parametrize("instructions", INSTRUCTIONS)
@pytest.mark.parametrize("contrast", [(0, 0), (64, 11), (3, 4)])
def test_frames_picked_by_hand(instructions: str, contrast: tuple[int, int]) -> None:
    y, x = np.mgrid[0:70, 0:131]
    turn = np.hypot(y - 35, x - 65) + 2 * np.arctan2(y - 35, x - 65)
    shapes = [(1, 1), (1, 2), (2, 1), (1, 200), (200, 1), (2, 2), (3, 64), (5, 65)]
    flat = [np.full((1, *shape), value, np.uint8) for shape in shapes for value in (0, 128, 255)]
    checks = [((y + x) % 2 * 255)[None].astype(np.uint8), (x // 3 % 2 * 255)[None].astype(np.uint8)]
    spiral = [((np.sin(turn) > 0) * 200)[None].astype(np.uint8)]
    rising = [np.repeat(np.arange(256, dtype=np.uint8), 300).reshape(1, 256, 300)[:, :, :129].copy()]
    for grey in [*flat, *checks, *spiral, *rising]:
        for half in (-1, 0, 2, 5, 15):
            assert_same_foreground(grey, half, contrast, (85, 60, 200), instructions=instructions)


@pytest.mark.parametrize("instructions", INSTRUCTIONS)
def test_every_energy_is_counted_at_its_level(instructions: str) -> None:
    # without a texture step energies are squares; with one, a single bright pixel of every grey on black covers more
    starts = np.array(level_starts())
    grey = np.zeros((1, 256 * 4, 9), np.uint8)
    grey[0, 2::4, 4] = np.arange(256)
    for half in (-1, 0, 1):
        energy, counts = kernel_energy(grey, half, instructions=instructions)
        levels = np.searchsorted(starts, energy.ravel().astype(np.int64) + 1, side="right")
        np.testing.assert_array_equal(counts[0], np.bincount(levels, minlength=cpu.LEVELS))


def test_levels_and_their_energies_are_the_exact_ones() -> None:
    starts = np.array(level_starts())
    energies = np.arange(520_201, dtype=np.uint32)
    for name in INSTRUCTIONS:
        levels = np.full(len(energies), -1, np.int32)
        cpu.energy_levels(energies, levels, name)
        np.testing.assert_array_equal(levels, np.searchsorted(starts, energies + 1, side="right"))
    for counts_at in range(305):
        counts = np.zeros(cpu.LEVELS, np.uint32)
        counts[counts_at] = 1
        for percent in (1, 80, 100, 137, 200):
            exact = level_energy(counts_at * percent // 100)
            assert cpu.choose_threshold(counts, percent, 0, 520_200) == min(exact, 520_200)


@quick
@given(
    st.dictionaries(st.integers(0, 304), st.one_of(st.integers(0, 3), st.integers(0, 2**20)), max_size=14),
    st.integers(0, 8),
)
def test_otsu_picks_the_lowest_of_equally_good_levels(some: dict[int, int], mirrored: int) -> None:
    counts = np.zeros(cpu.LEVELS, np.uint32)
    for level, count in some.items():
        counts[level] = count
        if mirrored:  # symmetric histograms have ties
            counts[304 - level] = count
    expected = min(520_200, level_energy(otsu_level(counts.tolist())))
    assert cpu.choose_threshold(counts, 100, 0, 520_200) == expected


def test_otsu_of_the_largest_frame() -> None:
    for split in (1, 2**23, 2**24 - 1):
        counts = np.zeros(cpu.LEVELS, np.uint32)
        counts[0], counts[303], counts[304] = split, (2**24 - split) // 2, (2**24 - split + 1) // 2
        expected = min(520_200, level_energy(otsu_level(counts.tolist())))
        assert cpu.choose_threshold(counts, 100, 0, 520_200) == expected


@pytest.mark.parametrize("instructions", INSTRUCTIONS)
def test_a_real_field(instructions: str) -> None:
    path = next((Path(phasewell.demo.__file__).parent / "t98g" / "images").glob("*field-1_frame-01.png"))
    grey = np.ascontiguousarray(adjust_background(np.asarray(Image.open(path))[None], 0.8708, Device("cpu")))
    assert_same_foreground(grey, 5, (0, 0), (80, 60, 200), instructions=instructions)
    assert_same_foreground(grey, 2, (64, 11), (85, 60, 200), instructions=instructions)
