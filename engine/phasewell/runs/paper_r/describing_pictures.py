"""The same place of a clone's well and of a bulk lot's well over hours (R26, figure 3b)."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.errors import PhasewellError
from phasewell.runs.paper_r.lots import BULK, CLONES, bulk_lots, clone_lots, clone_potency

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phasewell.runs.paper_r.material import Material

SHOWN_H = (6.0, 30.0, 60.0, 90.0)
SIDE_PX = 360


def shown_hours(times_h: tuple[float, ...], wanted: tuple[float, ...] = SHOWN_H) -> list[int]:
    """Return the places of the hours nearest to the wanted ones, each once, in order."""
    hours = np.array(times_h)
    return sorted({int(np.abs(hours - hour).argmin()) for hour in wanted})


def describe_pictures(material: Material) -> dict[str, Any]:
    """Return crops as data addresses, a row per lot: clones of highest and lowest potency, and the first bulk lots.

    The middle of one field at full resolution: the field with most cells at the last hour, for an empty place shows
    nothing. What the pictures show is a place, not a statistic.
    """
    clones, bulk = clone_lots(material), bulk_lots(material)
    potency = clone_potency(material)
    ranked = [clones.names[i] for i in np.argsort(-potency, kind="stable").tolist()]
    chosen = [(CLONES, name, clones.wells[name][0]) for name in dict.fromkeys((ranked[0], ranked[-1]))]
    chosen += [(BULK, name, bulk.wells[name][0]) for name in bulk.names[:2]]
    value = dict(zip(clones.names, potency.tolist(), strict=True))
    rows, missing = [], 0
    for group, name, well in chosen:
        pictures, field = [], _fullest_field(material, well)
        for time in shown_hours(material.times_h):
            picture = _picture(material, well, material.times_h[time], field)
            missing += picture is None
            if picture is not None:
                pictures.append(picture)
        if pictures:
            rows.append({"group": group, "lot": name, "well": well, "potency": value.get(name), "pictures": pictures})
    if not rows:
        return {"reason": "the plate store holds no frames that can be read from here"}
    return {"rows": rows, "missing": missing, "pixel_size_um": material.pixel_size_um}


def _fullest_field(material: Material, well: str) -> str:
    for moments in (material.field_moments, material.bulk_moments):
        if moments is not None and well in moments.wells:
            return moments.fields[int(moments.n_cells[moments.wells.index(well), -1].argmax())]
    return material.fields[0]


def _picture(material: Material, well: str, hour: float, field: str) -> dict[str, Any] | None:
    """Return the middle of a field at an hour; None where the frame is missing or unreadable."""
    plate = material.plate
    try:
        batch = plate.frames(well, plate.times_h.index(hour), (field,))
    except (PhasewellError, OSError, ValueError):
        return None
    if not len(batch.pixels):
        return None
    pixels: NDArray[np.uint8] = np.asarray(batch.pixels[0])
    top, left = ((side - min(side, SIDE_PX)) // 2 for side in pixels.shape)
    crop = np.ascontiguousarray(pixels[top : top + SIDE_PX, left : left + SIDE_PX])
    return {
        "time_h": hour,
        "field": field,
        "image": _data_address(crop),
        "height_px": crop.shape[0],
        "width_px": crop.shape[1],
    }


def _data_address(pixels: NDArray[np.uint8]) -> str:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="WEBP", quality=80, method=4)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
