"""The numbers of the eight steps: presets in um, and what they are in pixels."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

from phasewell.background import half_window_px, length_px
from phasewell.config import SegmentationConfig
from phasewell.errors import UsageError

_INT32 = 2**31 - 1
MAX_TEXTURE_HALF_PX = 15  # 31 x 31 gradient energies of up to 2 x 1020^2 just fit 31 bits

PRESETS: dict[str, SegmentationConfig] = {
    "phase": SegmentationConfig(
        preset="phase",
        texture_window_um=4.354,
        otsu_percent=85,
        threshold_floor=60,
        threshold_cap=200,
        contrast_ratio=64,
        contrast_radius_um=9.58,
        pinhole_area_um2=227.5,
        speck_area_um2=151.7,
        erosion_radius_um=5.22,
        object_area_um2=455.0,
        hole_area_um2=455.0,
        wall_depth_um=220.0,
        split_depth_um=2.83,
        seam_level=65,
        remove_frame_touching=True,
    ),
    # the order of the paper without additions: a wide window closes the holes, a wide erosion takes the halo off
    "paper-r": SegmentationConfig(
        preset="paper-r",
        texture_window_um=9.58,
        otsu_percent=80,
        threshold_floor=60,
        threshold_cap=200,
        contrast_ratio=0,
        contrast_radius_um=0.0,
        pinhole_area_um2=0.0,
        speck_area_um2=151.7,
        erosion_radius_um=8.71,
        object_area_um2=455.0,
        hole_area_um2=455.0,
        wall_depth_um=0.0,
        split_depth_um=0.0,
        seam_level=0,
        remove_frame_touching=True,
    ),
}
"""Values of every key, calibrated at 0.8708 um/px."""


@dataclass(frozen=True)
class Recipe:
    """The eight steps in pixels for one pixel size; a 0 switches a step off (texture: None)."""

    texture_half_px: int | None
    otsu_percent: int
    threshold_floor: int
    threshold_cap: int
    contrast_ratio: int
    contrast_radius_px: int
    pinhole_area_px: int
    speck_area_px: int
    erosion_radius_px: int
    object_area_px: int
    hole_area_px: int
    wall_depth_px: int
    split_depth: int  # in units of DEPTH_PER_PX
    seam_level: int
    remove_frame_touching: bool

    def as_numbers(self, height: int, width: int) -> tuple[int, ...]:
        """Return the numbers in the order of the kernel's Recipe, for frames of that size; no texture step is -1.

        A radius or depth beyond both sides, or an area beyond the frame, is as good as one just beyond: 32 bits do.
        """
        limits = dict.fromkeys(("contrast_radius_px", "erosion_radius_px", "wall_depth_px"), height + width)
        limits |= dict.fromkeys((f.name for f in dataclasses.fields(self) if "area" in f.name), height * width + 1)
        values = dataclasses.asdict(self).items()
        return tuple(-1 if value is None else min(int(value), limits.get(name, _INT32)) for name, value in values)


DEPTH_PER_PX = 400
"""Units of depth in one pixel: distances in sixteenths of a pixel, summed over 5 x 5 pixels."""


def area_px(area_um2: float, pixel_size_um: float) -> int:
    """Return an area in whole pixels: the nearest number, halves up."""
    return math.floor(area_um2 / pixel_size_um**2 + 0.5)


def make_recipe(config: SegmentationConfig, pixel_size_um: float) -> Recipe:
    """Return the preset of `config` with its overrides, in pixels of `pixel_size_um`.

    Raises UsageError when the texture window is too wide for exact 32-bit sums or the floor is above the cap.
    """
    given = {key: value for key, value in config.model_dump().items() if value is not None}
    values = PRESETS[config.preset].model_copy(update=given)

    def length(key: str) -> int:
        return length_px(getattr(values, key), pixel_size_um)

    def area(key: str) -> int:
        return area_px(getattr(values, key), pixel_size_um)

    window_um = values.texture_window_um or 0.0
    half = half_window_px(window_um, pixel_size_um) if window_um else None
    if half is not None and half > MAX_TEXTURE_HALF_PX:
        raise UsageError(
            f"segmentation.texture_window_um {window_um} is {2 * half + 1} px at {pixel_size_um} um/px: "
            f"expected at most {2 * MAX_TEXTURE_HALF_PX + 1} px; bin the frames or lower the window"
        )
    floor, cap = values.threshold_floor or 0, values.threshold_cap or 0
    if floor > cap:
        raise UsageError(f"segmentation.threshold_floor {floor} is above segmentation.threshold_cap {cap}")
    return Recipe(
        texture_half_px=half,
        otsu_percent=values.otsu_percent or 100,
        threshold_floor=floor,
        threshold_cap=cap,
        contrast_ratio=values.contrast_ratio or 0,
        contrast_radius_px=length("contrast_radius_um"),
        pinhole_area_px=area("pinhole_area_um2"),
        speck_area_px=area("speck_area_um2"),
        erosion_radius_px=length("erosion_radius_um"),
        object_area_px=area("object_area_um2"),
        hole_area_px=area("hole_area_um2"),
        wall_depth_px=length("wall_depth_um"),
        split_depth=math.floor((values.split_depth_um or 0.0) * DEPTH_PER_PX / pixel_size_um + 0.5),
        seam_level=values.seam_level or 0,
        remove_frame_touching=bool(values.remove_frame_touching),
    )
