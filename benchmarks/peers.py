"""Other people's programs for the same work, called the way their users call them; each import stays in its function.

Segmentation: OpenCV and scikit-image, with the windows and areas of our recipe in pixels. Descriptors: nyxus,
scikit-image, mahotas, cp_measure, given labels. Pieces: OpenCV, cc3d, SciPy, scikit-image. Every function takes one
frame (height, width); its packages are the extra `peers`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from descriptors import LEVELS, describe_with_scikit_image
from numpy.typing import NDArray
from phasewell.background import BACKGROUND_LEVEL
from phasewell.segmentation.discs import disc_half_widths
from phasewell.segmentation.recipe import Recipe

Image = NDArray[Any]
TEXTURE_LEVELS = 25  # a natural logarithm of a variance as an 8-bit level

NYXUS_NAMES = (
    "AREA_PIXELS_COUNT", "PERIMETER", "MAJOR_AXIS_LENGTH", "MINOR_AXIS_LENGTH", "CIRCULARITY", "ECCENTRICITY",
    "GLCM_CONTRAST", "GLCM_DIS", "GLCM_HOM1", "GLCM_ASM", "GLCM_ENERGY", "GLCM_CORRELATION",
)  # fmt: skip


def quieten() -> None:
    """Keep every library to one thread: cores are shared out by processes."""
    import cv2

    cv2.setNumThreads(1)


def segment_with_opencv(frame: Image, recipe: Recipe, background_half: int) -> Image:
    """Return int32 labels after the eight steps, as OpenCV has them: box blur, local deviation, Otsu, components."""
    import cv2

    side, window = 2 * background_half + 1, 2 * (recipe.texture_half_px or 0) + 1
    flat = cv2.subtract(frame.astype(np.int16), cv2.blur(frame, (side, side)).astype(np.int16))
    level = flat.astype(np.float32)
    mean, mean_square = cv2.blur(level, (window, window)), cv2.sqrBoxFilter(level, cv2.CV_32F, (window, window))
    octaves = cv2.log(cv2.max(mean_square - mean * mean, 0) + 1)  # of an 8-bit frame: below 9.8
    texture = cv2.convertScaleAbs(octaves, alpha=TEXTURE_LEVELS)
    otsu, _ = cv2.threshold(texture, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    _, mask = cv2.threshold(texture, otsu * recipe.otsu_percent / 100, 1, cv2.THRESH_BINARY)
    mask = _drop_small_opencv(mask, recipe.speck_area_px)
    mask = cv2.erode(mask, _disc(recipe.erosion_radius_px), borderType=cv2.BORDER_CONSTANT, borderValue=1)
    mask = _drop_small_opencv(mask, recipe.object_area_px)
    _fill_holes_opencv(mask, recipe.hole_area_px)
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(mask, connectivity=8, ltype=cv2.CV_32S)
    height, width = frame.shape
    left, top = boxes[:, 0], boxes[:, 1]
    inside = (left > 0) & (top > 0) & (left + boxes[:, 2] < width) & (top + boxes[:, 3] < height)
    inside[0] = False
    number = np.where(inside, np.cumsum(inside), 0).astype(np.int32)
    return number[labels]


def _drop_small_opencv(mask: Image, least_area: int) -> Image:
    import cv2

    _, labels, boxes, _ = cv2.connectedComponentsWithStats(mask, connectivity=8, ltype=cv2.CV_32S)
    keep = (boxes[:, cv2.CC_STAT_AREA] >= least_area).astype(np.uint8)
    keep[0] = 0
    return keep[labels]


def _fill_holes_opencv(mask: Image, largest_area: int) -> None:
    # a hole is an inner contour; its area is that of the polygon through the pixels around it
    import cv2

    contours, tree = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    if tree is None:
        return
    holes = [c for c, link in zip(contours, tree[0], strict=True) if link[3] >= 0]
    small = [hole for hole in holes if cv2.contourArea(hole) <= largest_area]
    cv2.drawContours(mask, small, -1, 1, cv2.FILLED)


def _disc(radius: int) -> Image:
    # the structuring element of our erosion: x^2 + y^2 <= r^2 + r
    x = np.abs(np.arange(-radius, radius + 1))
    return (x[None, :] <= np.array(disc_half_widths(radius))[:, None]).astype(np.uint8)


def segment_with_scikit_image(frame: Image, recipe: Recipe, background_half: int) -> Image:
    """Return labels after the eight steps with scikit-image, box windows by SciPy's uniform_filter."""
    from scipy import ndimage
    from skimage.filters import threshold_otsu
    from skimage.measure import label
    from skimage.morphology import isotropic_erosion, remove_small_holes, remove_small_objects
    from skimage.segmentation import clear_border

    side, window = 2 * background_half + 1, 2 * (recipe.texture_half_px or 0) + 1
    flat = frame.astype(np.float32) - ndimage.uniform_filter(frame.astype(np.float32), side)
    mean, mean_square = ndimage.uniform_filter(flat, window), ndimage.uniform_filter(flat * flat, window)
    texture = np.log(np.maximum(mean_square - mean * mean, 0) + 1)
    mask = texture > threshold_otsu(texture) * recipe.otsu_percent / 100
    mask = remove_small_objects(mask, max_size=recipe.speck_area_px - 1, connectivity=2)
    mask = isotropic_erosion(mask, math.sqrt(recipe.erosion_radius_px * (recipe.erosion_radius_px + 1)))
    mask = remove_small_objects(mask, max_size=recipe.object_area_px - 1, connectivity=2)
    mask = remove_small_holes(mask, max_size=recipe.hole_area_px, connectivity=1)
    labels: Image = clear_border(label(mask, connectivity=2)).astype(np.int32)
    return labels


def describe_with_nyxus(grey: Image, labels: Image) -> Image:
    """Return (cells, 12) in our order; texture bins are stretched over each cell's range, angles are averaged.

    The distance between the two pixels must be set: 0, its default in 0.11, compares every pixel with itself.
    """
    import nyxus

    machine = nyxus.Nyxus(list(NYXUS_NAMES), n_feature_calc_threads=1)
    for setting in (f"glcm/greydepth={LEVELS}", "glcm/offset=1"):
        machine.set_metaparam(setting)
    table = machine.featurize(grey[None], labels[None].astype(np.uint32))
    area, perimeter, length, breadth, circularity = (table[name].to_numpy(np.float64) for name in NYXUS_NAMES[:5])
    texture = [
        table[[f"{name}_{angle}" for angle in (0, 45, 90, 135)]].to_numpy(np.float64).mean(axis=1)
        for name in NYXUS_NAMES[6:]
    ]
    return np.column_stack([area, perimeter, length, breadth, length / breadth, 1 / circularity**2, *texture])


def describe_with_mahotas(grey: Image, labels: Image) -> Image:
    """Return (cells, 13) Haralick features, mean of four angles; no shape. A cell is cropped to its box."""
    import mahotas
    from scipy import ndimage

    levels = grey // (256 // LEVELS) + 1
    rows = []
    for k, window in enumerate(ndimage.find_objects(labels), start=1):
        inside = np.where(labels[window] == k, levels[window], 0)
        rows.append(mahotas.features.haralick(inside, ignore_zeros=True).mean(axis=0))
    return np.array(rows)


def describe_with_cp_measure(grey: Image, labels: Image, numba: bool = False) -> Image:
    """Return (cells, 4 + 13): area, perimeter, both axes, and Haralick features, mean of four angles, 32 levels."""
    from cp_measure.core.measureobjectsizeshape import get_sizeshape

    if numba:
        from cp_measure.core.numba.measuretexture import get_texture
    else:
        from cp_measure.core.measuretexture import get_texture
    shape = get_sizeshape(labels, None, calculate_advanced=False)
    texture = get_texture(labels, grey, scale=1, gray_levels=LEVELS)
    names = [name.split("_")[0] for name in texture if "_00_" in name]
    pooled = [np.mean([values for key, values in texture.items() if key.startswith(f"{n}_")], axis=0) for n in names]
    return np.column_stack(
        [shape["Area"], shape["Perimeter"], shape["MajorAxisLength"], shape["MinorAxisLength"], *pooled]
    )


def describe_chain(grey: Image, labels: Image, how: str) -> Image:
    """Return the descriptors of one frame by the peer named."""
    if how == "nyxus":
        return describe_with_nyxus(grey, labels)
    if how == "scikit-image":
        return describe_with_scikit_image(grey, labels)
    if how == "mahotas":
        return describe_with_mahotas(grey, labels)
    return describe_with_cp_measure(grey, labels, numba=how == "cp_measure, numba")


def flatten_with_opencv(frame: Image, background_half: int) -> Image:
    """Return the frame with its background at level 128 by a box blur, uint8: what a chain without us describes."""
    import cv2

    side = 2 * background_half + 1
    level = frame.astype(np.int16) - cv2.blur(frame, (side, side)).astype(np.int16) + BACKGROUND_LEVEL
    return np.clip(level, 0, 255).astype(np.uint8)


def count_pieces(mask: Image, how: str) -> int:
    """Return the number of 8-connected pieces of a mask (height, width) uint8 by the library named."""
    if how.startswith("OpenCV"):
        import cv2

        if how.endswith("areas"):
            return int(cv2.connectedComponentsWithStats(mask, connectivity=8, ltype=cv2.CV_32S)[0]) - 1
        return int(cv2.connectedComponents(mask, connectivity=8, ltype=cv2.CV_32S)[0]) - 1
    if how == "cc3d":
        import cc3d

        return int(cc3d.connected_components(mask, connectivity=8, return_N=True, binary_image=True)[1])
    if how == "SciPy":
        from scipy import ndimage

        return int(ndimage.label(mask, np.ones((3, 3)))[1])
    from skimage.measure import label

    return int(label(mask, connectivity=2, return_num=True)[1])
