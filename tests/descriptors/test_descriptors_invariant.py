"""What must not change the bits: place, batch, numbering, mirror images, the rim, the way of counting."""

from __future__ import annotations

import numpy as np
import pytest
from cell_samples import draw_ellipses, draw_noise, measure
from hypothesis import given, settings
from hypothesis import strategies as st
from phasewell.cells import DESCRIPTOR_NAMES, Cells
from phasewell.descriptors import integers as counting
from phasewell.descriptors.integers import count_cells


def bits(cells: Cells) -> bytes:
    parts = (cells.frame, cells.label, cells.centroid_y_px, cells.centroid_x_px, cells.bbox_px, cells.values)
    return b"".join(np.ascontiguousarray(part).tobytes() for part in parts)


def by_label(cells: Cells) -> dict[int, bytes]:
    return {int(label): row.tobytes() for label, row in zip(cells.label, cells.values, strict=True)}


@pytest.fixture(scope="module")
def sample() -> tuple[np.ndarray, np.ndarray]:
    return draw_ellipses(11)


def test_same_input_gives_same_bytes(sample: tuple[np.ndarray, np.ndarray]) -> None:
    assert bits(measure(*sample)) == bits(measure(*sample))


def test_batch_equals_single_frames() -> None:
    frames, labels = (np.stack(part) for part in zip(*(draw_ellipses(seed) for seed in range(5)), strict=True))
    whole = measure(frames, labels)
    for k in range(5):
        alone, here = measure(frames[k], labels[k]), whole.frame == k
        assert np.array_equal(whole.label[here], alone.label)
        assert whole.values[here].tobytes() == alone.values.tobytes()
        assert np.array_equal(whole.bbox_px[here], alone.bbox_px)
        assert whole.centroid_y_px[here].tobytes() == alone.centroid_y_px.tobytes()


def test_stack_counted_at_once_equals_frame_by_frame() -> None:
    frames, labels = draw_noise(5, (6, 13, 17), 9)
    at_once = count_cells(frames // 8, labels, np)
    singles = [count_cells(frames[k : k + 1] // 8, labels[k : k + 1], np) for k in range(6)]
    for name in counting.CellIntegers._fields[1:]:
        assert np.array_equal(getattr(at_once, name), np.concatenate([getattr(one, name) for one in singles])), name


@pytest.mark.parametrize("seed", range(3))
def test_translation(seed: int) -> None:
    frame, labels = draw_ellipses(seed)
    here = measure(frame, labels)
    moved = measure(np.pad(frame, ((31, 4), (7, 200))), np.pad(labels, ((31, 4), (7, 200))))
    assert moved.values.tobytes() == here.values.tobytes()
    assert np.array_equal(moved.bbox_px, here.bbox_px + np.array([31, 7, 31, 7]))
    assert np.allclose(moved.centroid_y_px, here.centroid_y_px + 31, rtol=1e-14)


def test_cells_on_the_rim_equal_cells_inside(sample: tuple[np.ndarray, np.ndarray]) -> None:
    frame, labels = sample
    assert labels[0].any() or labels[-1].any() or labels[:, 0].any() or labels[:, -1].any()
    inside = measure(np.pad(frame, 1, constant_values=255), np.pad(labels, 1))
    assert measure(frame, labels).values.tobytes() == inside.values.tobytes()


@pytest.mark.parametrize("turn", ["flip_rows", "flip_columns", "transpose", "rotate_90", "rotate_180"])
def test_mirror_images_and_rotations(turn: str, sample: tuple[np.ndarray, np.ndarray]) -> None:
    """Four pooled angles and both straight and diagonal chords make all twelve blind to the orientation."""
    turned = {
        "flip_rows": lambda a: a[::-1],
        "flip_columns": lambda a: a[:, ::-1],
        "transpose": lambda a: a.T,
        "rotate_90": np.rot90,
        "rotate_180": lambda a: np.rot90(a, 2),
    }[turn]
    frame, labels = sample
    assert by_label(measure(turned(frame), turned(labels))) == by_label(measure(frame, labels))


def test_inverted_grey_leaves_texture(sample: tuple[np.ndarray, np.ndarray]) -> None:
    frame, labels = sample
    assert measure(255 - frame, labels).values.tobytes() == measure(frame, labels).values.tobytes()


def test_grey_outside_cells_does_not_matter(sample: tuple[np.ndarray, np.ndarray]) -> None:
    frame, labels = sample
    assert bits(measure(np.where(labels > 0, frame, 3).astype(np.uint8), labels)) == bits(measure(frame, labels))


def test_numbering_only_names_the_rows(sample: tuple[np.ndarray, np.ndarray]) -> None:
    frame, labels = sample
    found = by_label(measure(frame, labels))
    names = np.random.default_rng(0).permutation(np.unique(labels)[1:])
    renamed = np.zeros(labels.max() + 1, np.int32)
    renamed[np.unique(labels)[1:]] = names * 100_000_000 + 7  # gaps up to the end of int32
    cells = measure(frame, renamed[labels])
    assert list(cells.label) == sorted(cells.label)
    assert {int(renamed[label]): row for label, row in found.items()} == by_label(cells)


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**16),
    shape=st.tuples(st.integers(1, 3), st.integers(1, 12), st.integers(1, 12)),
    labels=st.integers(1, 30),
    grey=st.sampled_from([1, 9, 100, 256]),
)
def test_both_ways_of_pooling_agree(seed: int, shape: tuple[int, int, int], labels: int, grey: int) -> None:
    frames, label_images = draw_noise(seed, shape, labels, grey)
    found = []
    for limit in (0, 10**9):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(counting, "DENSE_BINS_PER_PIXEL", limit)
            found.append(count_cells(frames // 8, label_images, np))
    for name, sparse, dense in zip(found[0]._fields, *found, strict=True):
        assert sparse.dtype == dense.dtype, name
        assert np.array_equal(sparse, dense), name


def test_values_are_in_their_ranges() -> None:
    frames, labels = (np.stack(part) for part in zip(*(draw_ellipses(seed) for seed in range(6)), strict=True))
    cells = measure(frames, labels)
    column = {name: cells.column(name) for name in DESCRIPTOR_NAMES}
    assert len(cells) > 50
    assert np.all(column["length"] >= column["breadth"])
    assert np.all(column["elliptical_form_factor"] >= 1)
    assert np.all((column["asm"] > 0) & (column["asm"] <= 1))
    assert np.all((column["homogeneity"] > 0) & (column["homogeneity"] <= 1))
    assert np.all(np.abs(column["correlation"]) <= 1)
    assert np.array_equal(column["energy"], np.sqrt(column["asm"]))
