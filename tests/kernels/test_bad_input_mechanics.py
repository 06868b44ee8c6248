"""Every public function of the CPU kernels, given what it must not take: a TypeError or ValueError, never a crash.

Each function has one good call here; the bad ones are made from it, array by array, so that a new function is covered
by adding its good call. What only one function refuses is in its own mechanics tests.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from phasewell_kernels import cpu

Array = np.ndarray[Any, Any]

N, H, W = 2, 8, 12
WORDS = 1


@dataclass(frozen=True)
class Call:
    """A good call: its arguments by name, those it writes, and those whose frames the largest frame must fit."""

    arguments: Callable[[], dict[str, Any]]
    written: tuple[str, ...] = ()
    frames: tuple[str, ...] = ()
    """(frames, height, width) arguments that must agree; a plane has words instead of columns."""


def grey() -> Array:
    return np.random.default_rng(5).integers(0, 256, (N, H, W), np.uint8)


def planes() -> Array:
    return np.random.default_rng(6).integers(0, 1 << W, (N, H, WORDS), np.uint64)


def empty(dtype: type, *shape: int) -> Array:
    return np.zeros(shape, dtype)


def images() -> dict[str, Any]:
    channels = {"mean": np.full(3, 0.5, np.float32), "deviation": np.full(3, 0.25, np.float32)}
    return {"images": grey(), **channels, "scaled": empty(np.float32, N, 3, H, W)}


def small_render() -> dict[str, Any]:
    tables = {
        "profiles": empty(np.int16, 1, cpu.PROFILE_SAMPLES),
        "texture": empty(np.int8, cpu.TEXTURE_SIDE, cpu.TEXTURE_SIDE),
        "mottle": empty(np.int8, cpu.TEXTURE_SIDE, cpu.MOTTLE_WIDTH),
        "reach": 10,
        "profile_scale": 100,
    }
    cells = {"cells": empty(np.int32, 0, cpu.CELL_FIELDS), "outlines": empty(np.int16, 0, cpu.KNOTS, 4)}
    drawing = {"frames": empty(np.int32, N, cpu.FRAME_FIELDS), "offsets": empty(np.int64, N + 1), **cells, **tables}
    return {**drawing, "pixels": empty(np.uint8, N, H, W), "labels": empty(np.int32, N, H, W)}


def lasso_sets(*written: str) -> dict[str, Any]:
    """Return four rows of three columns, two training sets, one target, two alphas."""
    rows = np.random.default_rng(7).normal(size=(4, 3))
    rows -= rows.mean(axis=0)
    train = np.array([[1, 1, 1, 0], [0, 1, 1, 1]], np.uint8)
    target = np.array([1.0, 2.0, 4.0, 3.0])
    intercept = (train * target).sum(axis=1) / 3
    centred = (train * (target - intercept[:, None]))[None]
    tables = {"rows": rows, "middle": empty(np.float64, 3), "train": train, "centred": centred}
    if "steepest" in written:
        return {**tables, "scaled": True, **{name: empty(np.float64, 2, 3) for name in ("means", "scales")},
                "steepest": empty(np.float64, 1, 2)}  # fmt: skip
    asked = {
        "means": empty(np.float64, 2, 3),
        "scales": np.ones((2, 3)),
        "alphas": np.tile([0.5, 0.1], (1, 2, 1)),
        "largest": np.ones((1, 2)),
    }
    predicted = {
        "intercept": intercept[None],
        "wanted": np.ones((2, 4), np.uint8),
        "place": np.arange(2),
        "fitted": empty(np.float64, 1, 2, 4, 3),
    }
    results = predicted if "fitted" in written else {"coefficients": empty(np.float64, 1, 2, 2, 3)}
    return {**tables, **asked, **results, "reasons": empty(np.int32, 1, 2), "by_gram": False}


def lasso_call(*written: str) -> Call:
    return Call(lambda: lasso_sets(*written), written)


def in_place(**numbers: int) -> Call:
    return Call(lambda: {"planes": planes(), "width": W, **numbers}, ("planes",), ("planes",))


CALLS: dict[str, Call] = {
    "render_frames": Call(small_render, ("pixels", "labels"), ("pixels", "labels")),
    "cnn_input": Call(
        lambda: {
            "pixels": grey(),
            "mode": "gain",
            "images": empty(np.uint8, N, H // 4, W // 4),
            "integers": empty(np.int64, N, cpu.INPUT_INTEGERS),
        },
        ("images", "integers"),
        ("pixels",),
    ),
    "check_render": Call(
        lambda: {
            **{key: value for key, value in small_render().items() if key not in ("pixels", "labels")},
            "height": H,
            "width": W,
        }
    ),
    "check_scale": Call(lambda: {name: images()[name] for name in ("mean", "deviation")}),
    "scale_images": Call(images, ("scaled",), ("images",)),
    "adjust_background": Call(
        lambda: {"pixels": grey(), "half": 3, "tolerance": 9, "grey": empty(np.uint8, N, H, W)},
        ("grey",),
        ("pixels", "grey"),
    ),
    "sum_frames": Call(
        lambda: {
            "pixels": grey(),
            "integers": empty(np.int64, N, cpu.QUALITY_INTEGERS),
            "rows": empty(np.uint32, N, H),
            "columns": empty(np.uint32, N, W),
        },
        ("integers", "rows", "columns"),
        ("pixels",),
    ),
    "measure_energies": Call(
        lambda: {
            "grey": grey(),
            "half": 2,
            "energy": empty(np.uint32, N, H, W),
            "counts": empty(np.uint32, N, cpu.LEVELS),
        },
        ("energy", "counts"),
        ("grey", "energy"),
    ),
    "energy_levels": Call(
        lambda: {"energies": np.arange(9, dtype=np.uint32), "levels": empty(np.int32, 9)}, ("levels",)
    ),
    "choose_threshold": Call(
        lambda: {"counts": np.ones(cpu.LEVELS, np.uint32), "percent": 100, "floor": 0, "cap": 1000}
    ),
    "binarise_frames": Call(
        lambda: {
            "grey": grey(),
            **dict(zip(("half", "ratio", "radius", "percent", "floor", "cap"), (2, 64, 3, 100, 5, 900), strict=True)),
            "planes": empty(np.uint64, N, H, WORDS),
            "thresholds": empty(np.int32, N),
        },
        ("planes", "thresholds"),
        ("grey", "planes"),
    ),
    "erode": Call(
        lambda: {"planes": planes(), "width": W, "radius": 2, "out": empty(np.uint64, N, H, WORDS)},
        ("out",),
        ("planes", "out"),
    ),
    "remove_small": in_place(least_area=3),
    "fill_holes": in_place(largest_area=3),
    "clean_objects": in_place(least_area=3, largest_area=3),
    "remove_walls": in_place(depth=2),
    "label_pieces": Call(
        lambda: {
            "planes": planes(),
            "remove_touching": True,
            "labels": empty(np.int32, N, H, W),
            "counts": empty(np.int32, N),
        },
        ("labels", "counts"),
        ("planes", "labels"),
    ),
    "segment": Call(
        lambda: {
            "grey": grey(),
            "recipe": np.array((1, 85, 60, 200, 64, 7, 10, 10, 2, 20, 20, 30, 800, 65, 1), np.int32),
            "labels": empty(np.int32, N, H, W),
            "counts": empty(np.int32, N),
        },
        ("labels", "counts"),
        ("grey", "labels"),
    ),
    "measure_frames": Call(
        lambda: {
            "pixels": grey(),
            "half": 3,
            "tolerance": 8,
            "recipe": np.array((1, 85, 60, 200, 64, 7, 10, 10, 2, 20, 20, 30, 800, 65, 1), np.int32),
            "labels": empty(np.int32, N, H, W),
            "integers": empty(np.int64, N, cpu.QUALITY_INTEGERS),
            "rows": empty(np.uint32, N, H),
            "columns": empty(np.uint32, N, W),
        },
        ("labels", "integers", "rows", "columns"),
        ("pixels", "labels"),
    ),
    "split": Call(
        lambda: {
            "planes": planes(),
            "grey": grey(),
            "depth": 40,
            "seam_level": 30,
            "remove_touching": True,
            "labels": empty(np.int32, N, H, W),
            "counts": empty(np.int32, N),
        },
        ("labels", "counts"),
        ("planes", "grey", "labels"),
    ),
    "measure_cells": Call(lambda: {"grey": grey(), "labels": (grey() // 64).astype(np.int32)}, (), ("grey", "labels")),
}
CALLS |= {
    "measure_lasso_sets": lasso_call("means", "scales", "steepest"),
    "predict_lasso_paths": lasso_call("fitted", "reasons"),
    "solve_lasso_paths": lasso_call("coefficients", "reasons"),
}
WITHOUT_ARRAYS = {"scratch_bytes", "instruction_sets"}


def call(name: str, arguments: dict[str, Any]) -> Any:
    return getattr(cpu, name)(**arguments)


def arrays_of(name: str) -> list[str]:
    return [key for key, value in CALLS[name].arguments().items() if isinstance(value, np.ndarray)]


EVERY_ARRAY = [(name, key) for name in CALLS for key in arrays_of(name)]


def test_every_public_function_is_here() -> None:
    functions = {
        name
        for name, value in vars(cpu).items()
        if not name.startswith("_") and callable(value) and not isinstance(value, types.ModuleType)
    }
    assert functions == set(CALLS) | WITHOUT_ARRAYS


@pytest.mark.parametrize("name", CALLS)
def test_inputs_may_be_read_only_and_stay_as_they_were(name: str) -> None:
    arguments = CALLS[name].arguments()
    inputs = {key: arguments[key] for key in arrays_of(name) if key not in CALLS[name].written}
    before = {key: array.copy() for key, array in inputs.items()}
    for array in inputs.values():
        array.flags.writeable = False
    call(name, arguments)
    for key, array in inputs.items():
        np.testing.assert_array_equal(array, before[key])


@pytest.mark.parametrize(("name", "key"), [(name, key) for name in CALLS for key in CALLS[name].written])
def test_outputs_may_not_be_read_only(name: str, key: str) -> None:
    arguments = CALLS[name].arguments()
    arguments[key].flags.writeable = False
    with pytest.raises(TypeError):
        call(name, arguments)


@pytest.mark.parametrize(("name", "key"), EVERY_ARRAY)
def test_no_dtype_is_converted(name: str, key: str) -> None:
    arguments = CALLS[name].arguments()
    for dtype in {np.float64, np.int64, np.int8, np.bool_, np.complex64} - {arguments[key].dtype.type}:
        with pytest.raises(TypeError):
            call(name, {**arguments, key: arguments[key].astype(dtype)})
            pytest.fail(f"{dtype} was taken")


@pytest.mark.parametrize(("name", "key"), EVERY_ARRAY)
def test_other_byte_order_is_refused(name: str, key: str) -> None:
    arguments = CALLS[name].arguments()
    if arguments[key].dtype.itemsize == 1:
        return  # one byte has no order
    with pytest.raises((TypeError, ValueError, BufferError)):
        call(name, {**arguments, key: arguments[key].astype(arguments[key].dtype.newbyteorder())})


@pytest.mark.parametrize(("name", "key"), EVERY_ARRAY)
def test_layouts_are_not_converted(name: str, key: str) -> None:
    arguments = CALLS[name].arguments()
    good = arguments[key]
    views = {
        "every second": np.repeat(good, 2, axis=-1)[..., ::2],
        "backwards": good[..., ::-1],
        "one side less": good[0] if len(good) else None,
        "one side more": good[None],
    }
    if good.ndim > 1:
        views["columns first"] = np.asfortranarray(good)
    for what, view in views.items():
        if view is None or (view.flags.c_contiguous and view.shape == good.shape):
            continue
        with pytest.raises(TypeError):
            call(name, {**arguments, key: view})
            pytest.fail(what)


def other_shapes(good: Array) -> Iterator[Array]:
    for axis in range(good.ndim):
        for by in (-1, 1):
            shape = list(good.shape)
            shape[axis] = max(shape[axis] + by, 0)
            if tuple(shape) != good.shape:
                yield np.zeros(shape, good.dtype)


@pytest.mark.parametrize(("name", "key"), [(name, key) for name, key in EVERY_ARRAY if len(arrays_of(name)) > 1])
def test_shapes_that_do_not_fit_together_are_refused(name: str, key: str) -> None:
    arguments = CALLS[name].arguments()
    refused = 0
    for other in other_shapes(arguments[key]):
        try:
            call(name, {**arguments, key: other})
        except (TypeError, ValueError) as error:
            assert str(error)
            refused += 1
    assert refused or key == "profiles", "any number of kinds is good"


@pytest.mark.parametrize("name", [name for name in CALLS if CALLS[name].frames])
def test_no_frames_are_no_work(name: str) -> None:
    arguments = CALLS[name].arguments()
    shared = {"mean", "deviation", "profiles", "texture", "mottle", "cells", "outlines", "recipe"}
    for key in arrays_of(name):
        if key == "offsets":
            arguments[key] = arguments[key][:1]
        elif key not in shared:
            arguments[key] = arguments[key][:0]
    call(name, arguments)


FIXED = ("mean", "deviation", "profiles", "texture", "mottle", "cells", "outlines", "offsets", "frames", "recipe")
"""Arguments that do not grow with the frames."""


def resized(name: str, count: int, height: int, width: int) -> dict[str, Any]:
    """Return the good call's arguments for frames of another size; untouched pages of large zeros cost nothing."""
    arguments = CALLS[name].arguments()
    sizes = {N: count, H: height, W: width, H // 4: height // 4, W // 4: width // 4}
    for key in arrays_of(name):
        good = arguments[key]
        if key in FIXED:
            continue
        shape = [count, *(sizes.get(side, side) for side in good.shape[1:])]
        if key in ("integers", "counts"):
            shape = [count, *good.shape[1:]]
        if good.dtype == np.uint64:
            shape = [count, height, -(-width // 64)]
        if key == "scaled":
            shape = [count, 3, height, width]
        arguments[key] = np.zeros(shape, good.dtype)
    if "width" in arguments:
        arguments["width"] = width
    return arguments


@pytest.mark.parametrize("name", [name for name in CALLS if CALLS[name].frames])
@pytest.mark.parametrize(("height", "width"), [(0, 0), (0, W), (H, 0)])
def test_frames_without_pixels_are_no_work_or_refused(name: str, height: int, width: int) -> None:
    try:
        call(name, resized(name, N, height, width))
    except ValueError as error:
        assert "px" in str(error) or "side" in str(error)


@pytest.mark.parametrize("name", [name for name in CALLS if CALLS[name].frames and name != "render_frames"])
@pytest.mark.parametrize(("height", "width"), [(4096, 4100), (16388, 4), (4, 16388), (1, (1 << 31) + 64)])
def test_frames_that_are_too_large_are_refused(name: str, height: int, width: int) -> None:
    if name == "cnn_input" and height == 1:
        height = 4
    if height * width > 1 << 30 and name in ("scale_images", "measure_energies"):
        return  # the output alone would take too much address space
    with pytest.raises(ValueError, match=r"16384|16777216"):
        call(name, resized(name, 1, height, width))


@pytest.mark.parametrize("label", [-1, -(1 << 31)])
def test_negative_labels_are_refused(label: int) -> None:
    arguments = CALLS["measure_cells"].arguments()
    arguments["labels"][1, 3, 4] = label
    with pytest.raises(ValueError, match="negative"):
        call("measure_cells", arguments)


@pytest.mark.parametrize("name", [name for name in CALLS if CALLS[name].frames])
def test_other_threads_and_instructions(name: str) -> None:
    expected = CALLS[name].arguments()
    call(name, expected)
    for threads in (-3, 0, 1, 2, 5):
        found = CALLS[name].arguments()
        call(name, {**found, "threads": threads})
        for key in CALLS[name].written:
            np.testing.assert_array_equal(found[key], expected[key])
    with pytest.raises(ValueError, match="mmx"):
        call(name, {**CALLS[name].arguments(), "instructions": "mmx"})
