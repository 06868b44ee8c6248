"""OME-Zarr plates as other programs write them: by zarr-python, with documents made by ome-zarr-models."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import zarr

HEIGHT, WIDTH, TIMES, PIXEL_SIZE_UM = 40, 48, 3, 0.65
WELLS, FIELDS = ("A/01", "B/03"), ("0", "1")
UNITS = {"t": "hour", "z": "micrometer", "y": "micrometer", "x": "micrometer"}
KINDS = {"t": "time", "c": "channel", "z": "space", "y": "space", "x": "space"}
SIZES = {"t": TIMES, "c": 2, "z": 3, "y": HEIGHT, "x": WIDTH}


def write_foreign(
    path: Path,
    version: str = "0.5",
    axes: str = "tcyx",
    dtype: str = "uint8",
    sizes: dict[str, int] | None = None,
    units: dict[str, str] | None = None,
    scale: dict[str, float] | None = None,
    **options: Any,
) -> dict[tuple[str, str], np.ndarray]:
    """Write two wells of two fields; return the arrays by (well, field). `options` go to zarr.create_array."""
    units = UNITS if units is None else units
    shape = tuple((SIZES | (sizes or {"c": 1, "z": 1}))[axis] for axis in axes)
    rng = np.random.default_rng(5)
    root = zarr.open_group(str(path), mode="w", zarr_format=2 if version == "0.4" else 3)
    arrays: dict[tuple[str, str], np.ndarray] = {}
    _put(root, version, {"plate": _plate(version)})
    for well in WELLS:
        group = root.create_group(well)
        images = [{"path": field} for field in FIELDS]
        _put(group, version, {"well": {"images": images, "version": version}})
        for number, field in enumerate(FIELDS):
            image = group.create_group(field)
            factors = [(scale or {"t": 6.0, "y": PIXEL_SIZE_UM, "x": PIXEL_SIZE_UM}).get(axis, 1.0) for axis in axes]
            shift = [0.0] * (len(axes) - 1) + [number * WIDTH * PIXEL_SIZE_UM]
            _put(image, version, _image(version, axes, units, factors, shift))
            high = 256 if dtype.endswith("8") or dtype.endswith("u1") else 4096
            pixels = rng.integers(1, high, shape).astype(dtype)
            given: dict[str, Any] = {
                "chunks": tuple(1 if axis in "tcz" else size for axis, size in zip(axes, shape, strict=True))
            }
            given |= {"dimension_names": tuple(axes)} if version == "0.5" else {}
            array = image.create_array("0", shape=shape, dtype=dtype, **(given | options))
            array[...] = pixels
            arrays["".join(well.split("/")), field] = pixels
    return arrays


def _plate(version: str) -> dict[str, Any]:
    return {
        "name": "foreign",
        "version": version,
        "rows": [{"name": "A"}, {"name": "B"}],
        "columns": [{"name": "01"}, {"name": "03"}],
        "wells": [{"path": well, "rowIndex": at, "columnIndex": at} for at, well in enumerate(WELLS)],
    }


def _image(
    version: str, axes: str, units: dict[str, str], factors: list[float], shift: list[float]
) -> dict[str, Any]:  # fmt: skip
    described = [
        {"name": axis, "type": KINDS[axis]} | ({"unit": units[axis]} if axis in units else {}) for axis in axes
    ]
    steps = [{"type": "scale", "scale": factors}, {"type": "translation", "translation": shift}]
    multiscale: dict[str, Any] = {"axes": described, "datasets": [{"path": "0", "coordinateTransformations": steps}]}
    multiscale |= {"version": version} if version == "0.4" else {}
    channel = {"color": "FFFFFF", "window": {"min": 0, "max": 255, "start": 0, "end": 255}}
    return {
        "multiscales": [multiscale],
        "omero": {"channels": [{**channel, "label": label} for label in ("phase", "DAPI")]} if "c" in axes else None,
    }


def _put(group: Any, version: str, attributes: dict[str, Any]) -> None:
    attributes = {key: value for key, value in attributes.items() if value is not None}
    group.attrs.update(attributes if version == "0.4" else {"ome": {"version": version, **attributes}})


def digests(folder: Path) -> dict[str, tuple[int, str]]:
    """Time and content of every file below a folder."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
