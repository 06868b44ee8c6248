"""The reference cases: integers equal, values to 1e-9; and the definitions, counted pixel by pixel."""

from __future__ import annotations

import itertools
import json
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from cell_samples import draw_noise, measure
from phasewell.cells import DESCRIPTOR_NAMES
from phasewell.descriptors.formulas import compute_values
from phasewell.descriptors.integers import LEVELS, CellIntegers, count_cells

REFERENCE = Path(__file__).parent.parent / "reference"
CASES = json.loads((REFERENCE / "descriptors.json").read_text())["cases"]
TEXTBOOK = json.loads((REFERENCE / "glcm.json").read_text())["cases"]
OFFSETS = ((0, 1), (1, 0), (1, 1), (1, -1))


def brute_integers(levels: np.ndarray, labels: np.ndarray, label: int) -> dict[str, object]:
    """Return the integers of one cell of one frame, straight from the definitions."""
    pixels = [(int(r), int(c)) for r, c in zip(*np.nonzero(labels == label), strict=True)]
    inside = set(pixels)
    counts: dict[tuple[int, int], int] = {}
    pairs = [0, 0, 0, 0]
    for (r, c), (k, (dr, dc)) in itertools.product(pixels, enumerate(OFFSETS)):
        if (r + dr, c + dc) in inside:
            i, j = int(levels[r, c]), int(levels[r + dr, c + dc])
            pairs[k] += 1
            counts[i, j] = counts.get((i, j), 0) + 1
            counts[j, i] = counts.get((j, i), 0) + 1
    differences = [0] * LEVELS
    for (i, j), count in counts.items():
        differences[abs(i - j)] += count
    return {
        "label": label,
        "bbox": [
            min(r for r, _ in pixels),
            min(c for _, c in pixels),
            max(r for r, _ in pixels) + 1,
            max(c for _, c in pixels) + 1,
        ],
        "area": len(pixels),
        "sum_row": sum(r for r, _ in pixels),
        "sum_col": sum(c for _, c in pixels),
        "sum_row_row": sum(r * r for r, _ in pixels),
        "sum_col_col": sum(c * c for _, c in pixels),
        "sum_row_col": sum(r * c for r, c in pixels),
        "straight_pairs": pairs[0] + pairs[1],
        "diagonal_pairs": pairs[2] + pairs[3],
        "differences": [count // 2 for count in differences],
        "sum_level": sum(count * (i - 16) for (i, _), count in counts.items()),
        "sum_level_level": sum(count * (i - 16) ** 2 for (i, _), count in counts.items()),
        "sum_count_count": sum(count * count for count in counts.values()),
    }


def exact_values(integers: dict[str, object]) -> list[float]:
    """Return the twelve descriptors of one cell from exact fractions, rounded at the very end."""
    n = integers["area"]
    rr = Fraction(integers["sum_row_row"], n) - Fraction(integers["sum_row"], n) ** 2
    cc = Fraction(integers["sum_col_col"], n) - Fraction(integers["sum_col"], n) ** 2
    rc = Fraction(integers["sum_row_col"], n) - Fraction(integers["sum_row"] * integers["sum_col"], n * n)
    root = math.sqrt((rr - cc) ** 2 + 4 * rc**2)
    larger = (float(rr + cc) + root) / 2
    smaller = float(rr * cc - rc**2) / larger if larger else 0.0
    chords = 2 * n - integers["straight_pairs"], 2 * n - integers["diagonal_pairs"]
    perimeter = math.pi / 4 * (chords[0] + chords[1] / math.sqrt(2))
    length, breadth = 4 * math.sqrt(larger), 4 * math.sqrt(smaller)
    shape = [n, perimeter, length, breadth, length / breadth if breadth else math.nan]
    shape.append(perimeter**2 / (4 * math.pi * n))
    total = integers["straight_pairs"] + integers["diagonal_pairs"]
    if not total:
        return [*shape, *[math.nan] * 6]
    d = integers["differences"]
    variance = Fraction(integers["sum_level_level"], 2 * total) - Fraction(integers["sum_level"], 2 * total) ** 2
    contrast = Fraction(sum(count * k * k for k, count in enumerate(d)), total)
    asm = Fraction(integers["sum_count_count"], 4 * total * total)
    return [
        *shape,
        float(contrast),
        float(Fraction(sum(count * k for k, count in enumerate(d)), total)),
        float(sum(Fraction(count, 1 + k * k) for k, count in enumerate(d)) / total),
        float(asm),
        math.sqrt(asm),
        float((variance - contrast / 2) / variance) if variance else 1.0,
    ]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_reference_values(case: dict) -> None:
    cells = measure(np.array(case["image"], np.uint8), np.array(case["labels"], np.int32))
    assert [str(label) for label in cells.label] == list(case["expected"])
    for row, expected in zip(cells.values, case["expected"].values(), strict=True):
        wanted = [math.nan if (v := expected["descriptors"][name]) is None else v for name in DESCRIPTOR_NAMES]
        np.testing.assert_allclose(row, wanted, rtol=1e-9, atol=1e-12, equal_nan=True)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_reference_integers(case: dict) -> None:
    levels, labels = np.array(case["image"], np.uint8)[None] // 8, np.array(case["labels"], np.int32)[None]
    found = count_cells(levels, labels, np)
    for k, expected in enumerate(case["expected"].values()):
        wanted, matrix = expected["integer_statistics"], expected["glcm_nonzero_i_j_count"]
        n = wanted["n"]
        sums = [int(getattr(found, f"sum_{name}")[k]) for name in ("row", "col", "row_row", "col_col", "row_col")]
        assert [n, *sums] == [wanted[name] for name in ("n", "sr", "sc", "srr", "scc", "src")]
        assert 2 * n - int(found.straight_pairs[k]) == wanted["ch"] + wanted["cv"]
        assert 2 * n - int(found.diagonal_pairs[k]) == wanted["cd1"] + wanted["cd2"]
        assert 2 * int(found.straight_pairs[k] + found.diagonal_pairs[k]) == expected["glcm_total"]
        assert int(found.sum_count_count[k]) == sum(count * count for _, _, count in matrix)
        assert int(found.sum_level[k]) == sum(count * (i - 16) for i, _, count in matrix)
        assert int(found.sum_level_level[k]) == sum(count * (i - 16) ** 2 for i, _, count in matrix)
        for step in range(LEVELS):
            assert 2 * int(found.differences[k, step]) == sum(c for i, j, c in matrix if abs(i - j) == step)


@pytest.mark.parametrize("case", TEXTBOOK, ids=lambda case: case["name"])
def test_textbook_cooccurrence(case: dict) -> None:
    frame = np.array(case["image"], np.uint8) * 8  # one level of the textbook = one of the 32 levels
    cells = measure(frame, np.ones(frame.shape, np.int32))
    for name in ("contrast", "dissimilarity", "homogeneity", "asm", "energy", "correlation"):
        assert cells.column(name)[0] == pytest.approx(case["expected"]["pooled"][name], rel=1e-12)


@pytest.mark.parametrize(
    ("seed", "shape", "labels", "grey"),
    [
        (0, (3, 9, 11), 3, 256),
        (1, (1, 12, 5), 1, 40),
        (2, (2, 1, 30), 2, 256),
        (3, (2, 30, 1), 2, 64),
        (4, (4, 7, 7), 40, 256),
    ],
)
def test_definitions_counted_pixel_by_pixel(seed: int, shape: tuple[int, int, int], labels: int, grey: int) -> None:
    frames, label_images = draw_noise(seed, shape, labels, grey)
    found = count_cells(frames // 8, label_images, np)
    values = compute_values(found)
    wanted_frames = [(f, label) for f in range(shape[0]) for label in np.unique(label_images[f]) if label]
    assert list(zip(found.frame.tolist(), found.label.tolist(), strict=True)) == wanted_frames
    for k, (frame, label) in enumerate(wanted_frames):
        wanted = brute_integers(frames[frame] // 8, label_images[frame], int(label))
        for name, value in wanted.items():
            assert getattr(found, name)[k].tolist() == value, name
        np.testing.assert_allclose(values[k], exact_values(wanted), rtol=1e-14, atol=1e-13, equal_nan=True)


def test_largest_cell_does_not_overflow() -> None:
    """A cell of 4096 x 4096 px in stripes of the two extreme levels: all integers in closed form."""
    side, high = 4096, LEVELS - 1
    n, line = side * side, side * (side - 1)
    one, two = side * (side - 1) // 2, side * (side - 1) * (2 * side - 1) // 6
    diagonal = 2 * (side - 1) ** 2
    changed = line + diagonal  # stripes along rows: every pair with the next row changes level
    same = line // 2
    integers = {
        "frame": 0,
        "label": 1,
        "bbox": [0, 0, side, side],
        "area": n,
        "sum_row": side * one,
        "sum_col": side * one,
        "sum_row_row": side * two,
        "sum_col_col": side * two,
        "sum_row_col": one * one,
        "straight_pairs": 2 * line,
        "diagonal_pairs": diagonal,
        "differences": [line, *[0] * (high - 1), changed],
        "sum_level": (same * 2 + changed) * (-16 + 15),
        "sum_level_level": (same * 2 + changed) * (256 + 225),
        "sum_count_count": 2 * (2 * same) ** 2 + 2 * changed**2,
    }
    exact = exact_values(integers)
    found = compute_values(CellIntegers(**{name: np.array([value], np.int64) for name, value in integers.items()}))
    np.testing.assert_allclose(found[0], exact, rtol=1e-14)
    assert found[0, DESCRIPTOR_NAMES.index("length")] == found[0, DESCRIPTOR_NAMES.index("breadth")]


def test_long_frame_sums_are_exact() -> None:
    labels = np.ones((1, 16384, 2), np.int32)
    found = count_cells(np.zeros(labels.shape, np.uint8), labels, np)
    rows = 16384
    assert int(found.sum_row_row[0]) == 2 * (rows - 1) * rows * (2 * rows - 1) // 6
    assert int(found.sum_row_col[0]) == rows * (rows - 1) // 2
    assert int(found.differences[0, 0]) == rows + 2 * (rows - 1) + 2 * (rows - 1)


@pytest.mark.parametrize(("down", "right"), [(1, 0), (0, 1), (1, 1), (1, -1), (1, 2), (3, 1), (7, 5), (2, -9)])
def test_breadth_of_a_straight_line_is_exactly_zero(down: int, right: int) -> None:
    """Also of lines that lean, where the difference of nearly equal eigenvalues would leave rounding noise."""
    labels = np.zeros((200, 200), np.int32)
    at = np.arange(23)
    labels[3 + at * down, (199 if right < 0 else 3) + at * right] = 7
    cells = measure(np.zeros(labels.shape, np.uint8), labels)
    assert cells.column("breadth")[0] == 0
    assert np.isnan(cells.column("elliptical_form_factor")[0])
    variance = (23**2 - 1) / 12 * (down * down + right * right)
    assert cells.column("length")[0] == pytest.approx(4 * math.sqrt(variance), rel=1e-14)
