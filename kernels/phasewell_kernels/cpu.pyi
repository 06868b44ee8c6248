"""CPU build of the phasewell kernels.

Every function writes into arrays it is given, takes C-contiguous arrays of exactly the named dtype (TypeError for any
other: nothing is converted or copied), releases the GIL and spreads frames over `threads` threads. `instructions`
chooses the instruction set: best, plain, avx2 or avx512; the numbers are the same. Values out of range are ValueErrors.
"""

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

def instruction_sets() -> list[str]:
    """Return the instruction sets this processor has, of plain, avx2 and avx512; the best, which is used, last."""

CELL_FIELDS: int
"""Columns of `cells`: the members of RenderCell in render.cuh, in order."""
FRAME_FIELDS: int
"""Columns of `frames`: the members of RenderFrame in render.cuh, in order."""
KNOTS: int
"""Samples of an outline along the long axis."""
PROFILE_SAMPLES: int
"""Samples of an optical profile over the signed distance."""
TEXTURE_SIDE: int
"""Side of the periodic texture tile in samples."""
MOTTLE_WIDTH: int
"""Row length of the mottling: the tile side and its first samples again."""
RENDER_TILE: tuple[int, int]
"""Rows and columns of what one block renders."""

def check_render(
    frames: NDArray[Any],
    offsets: NDArray[Any],
    cells: NDArray[Any],
    outlines: NDArray[Any],
    profiles: NDArray[Any],
    texture: NDArray[Any],
    mottle: NDArray[Any],
    reach: int,
    profile_scale: int,
    height: int,
    width: int,
) -> None:
    """Raise TypeError or ValueError unless `render_frames` takes these tables for frames of that size."""

def render_frames(
    frames: NDArray[Any],
    offsets: NDArray[Any],
    cells: NDArray[Any],
    outlines: NDArray[Any],
    profiles: NDArray[Any],
    texture: NDArray[Any],
    mottle: NDArray[Any],
    reach: int,
    profile_scale: int,
    pixels: NDArray[Any],
    labels: NDArray[Any],
    threads: int = 1,
    instructions: str = "best",
) -> None:
    """Render synthetic frames and their truth labels into `pixels` and `labels`.

    frames (frames, FRAME_FIELDS) int32, offsets (frames + 1) int64 into cells (cells, CELL_FIELDS) int32,
    outlines (cells, KNOTS, 4) int16, profiles (kinds, PROFILE_SAMPLES) int16, texture (TEXTURE_SIDE, TEXTURE_SIDE)
    int8, mottle (TEXTURE_SIDE, MOTTLE_WIDTH) int8, pixels (frames, height, width) uint8, labels of the same shape
    int32; all C-contiguous, never converted.
    Raises TypeError for another dtype or layout and ValueError for values out of range.
    """

INPUT_INTEGERS: int
"""Integers of a frame that `cnn_input` writes: sum of pixels, adjustment, clipped pixels."""

def cnn_input(
    pixels: NDArray[Any],
    mode: str,
    images: NDArray[Any],
    integers: NDArray[Any],
    threads: int = 1,
    instructions: str = "best",
) -> None:
    """Adjust frames to mean grey 130 and divide their sides by four, into `images` and `integers`.

    pixels (frames, height, width) uint8, sides divisible by 4; mode offset or gain; images (frames, height / 4,
    width / 4) uint8; integers (frames, INPUT_INTEGERS) int64: sum of pixels, adjustment (levels added, or the gain in
    1/65536), pixels the adjustment sent outside 0..255.
    Raises TypeError for another dtype or layout and ValueError for other sizes.
    """

def check_scale(mean: NDArray[Any], deviation: NDArray[Any]) -> None:
    """Raise ValueError unless `scale_images` takes these numbers: means 0 or 2^-20..2^20, deviations 2^-20..2^20."""

def scale_images(
    images: NDArray[Any],
    mean: NDArray[Any],
    deviation: NDArray[Any],
    scaled: NDArray[Any],
    threads: int = 1,
    instructions: str = "best",
) -> None:
    """Write (images / 255 - mean) / deviation into `scaled`, the same picture in every channel.

    images (images, height, width) uint8, mean and deviation (channels) float32, scaled (images, channels, height,
    width) float32. Raises TypeError for another dtype or layout and ValueError for values out of range.
    """

def remove_small(
    planes: NDArray[Any], width: int, least_area: int, threads: int = 1, instructions: str = "best"
) -> None:
    """Clear the 8-connected objects below `least_area` pixels, in place.

    planes (frames, height, (width + 63) // 64) uint64: bit x % 64 of word x // 64 is column x, 0 beyond the width.
    Raises TypeError for another dtype or layout, ValueError for other words or bits beyond the width.
    """

def fill_holes(
    planes: NDArray[Any], width: int, largest_area: int, threads: int = 1, instructions: str = "best"
) -> None:
    """Set the 4-connected holes of up to `largest_area` pixels, in place; otherwise as `remove_small`.

    Background that touches the frame is no hole.
    """

def clean_objects(
    planes: NDArray[Any],
    width: int,
    least_area: int,
    largest_area: int,
    threads: int = 1,
    instructions: str = "best",
) -> None:
    """Do `remove_small`, then `fill_holes`, faster where no object has a hole."""

def remove_walls(planes: NDArray[Any], width: int, depth: int, threads: int = 1, instructions: str = "best") -> None:
    """Clear walls of the vessel, in place; otherwise as `remove_small`.

    A wall is an 8-connected object that touches two opposite sides of the frame and stays within `depth` pixels of a
    third one, or within a quarter of the frame if that is less.
    """

def label_pieces(
    planes: NDArray[Any],
    remove_touching: bool,
    labels: NDArray[Any],
    counts: NDArray[Any],
    threads: int = 1,
    instructions: str = "best",
) -> None:
    """Number the 8-connected objects of every frame 1..counts in raster order of their first pixels.

    planes as in `remove_small`; labels (frames, height, width) int32, 0 = background, and counts (frames) int32 are
    written whole. `remove_touching` leaves out the objects that touch the frame.
    """

def adjust_background(
    pixels: NDArray[Any],
    half: int,
    tolerance: int,
    grey: NDArray[Any],
    threads: int = 1,
    instructions: str = "best",
) -> None:
    """Write frames whose uneven background became grey level 128 into `grey` (step 1).

    pixels and grey (frames, height, width) uint8, different memory; half: px from the middle to the side of the
    square averaged over; tolerance 0..255 grey levels from the most frequent one up to which a pixel is background.
    Raises TypeError for another dtype or layout and ValueError for values out of range.
    """

def erode(
    planes: NDArray[Any],
    width: int,
    radius: int,
    out: NDArray[Any],
    threads: int = 1,
    instructions: str = "best",
) -> None:
    """Write the pixels of bit planes whose disc of `radius` px is foreground into `out` (step 5).

    planes and out (frames, height, ceil(width / 64)) uint64, different memory: bit x % 64 of word x / 64 is column x,
    bits beyond the width are 0; outside of the frame counts as foreground.
    Raises TypeError for another dtype or layout and ValueError for values out of range.
    """

def scratch_bytes(entry: str, height: int, width: int, numbers: Sequence[int] = ()) -> tuple[int, int]:
    """Return the bytes of scratch memory a block of this GPU entry point takes: small tables, and per pixel.

    `numbers`: arguments of the entry point on which its memory depends, such as `half` of adjust_background.
    Raises ValueError for an unknown entry point and for frames that the kernels cannot count in.
    """

def measure_frames(
    pixels: NDArray[Any],
    half: int,
    tolerance: int,
    recipe: NDArray[Any],
    labels: NDArray[Any],
    integers: NDArray[Any],
    rows: NDArray[Any],
    columns: NDArray[Any],
    first_frame: int = 0,
    threads: int = 1,
    instructions: str = "best",
) -> NDArray[Any]:
    """Do `sum_frames`, `adjust_background`, `segment` and `measure_cells` frame by frame, its pixels in cache.

    half -1 leaves the background as it is; labels has the shape of pixels and is written, or (0, 0, 0) where nobody
    wants them; so do integers, rows and columns, with no frames where nobody wants the sums. All other arguments, and
    what is returned, as of those four.
    """

QUALITY_INTEGERS: int
"""Integers of a frame that `sum_frames` writes: black, saturated, constant, laplacian, its square, energy_0..3."""

def sum_frames(
    pixels: NDArray[Any],
    integers: NDArray[Any],
    rows: NDArray[Any],
    columns: NDArray[Any],
    threads: int = 1,
    instructions: str = "best",
) -> None:
    """Write the integer sums from which the quality numbers of frames are computed.

    pixels (frames, height, width) uint8; integers (frames, QUALITY_INTEGERS) int64; rows (frames, height) and columns
    (frames, width) uint32: sums of pixels.
    Raises TypeError for another dtype or layout and ValueError for other sizes.
    """

LEVELS: int
"""Length of a histogram of energy levels."""
MAX_TEXTURE_HALF: int
"""Largest half width of the texture window in px."""

def measure_energies(
    grey: NDArray[Any],
    half: int,
    energy: NDArray[Any],
    counts: NDArray[Any],
    threads: int = 1,
    instructions: str = "best",
) -> None:
    """Write the energies of step 2 and the counts of their levels.

    grey (frames, height, width) uint8 after step 1; half: half width of the texture window, 0..MAX_TEXTURE_HALF px, or
    -1 for the squared distance from grey level 128; energy of the shape of grey, uint32; counts
    (frames, LEVELS) uint32.
    """

def energy_levels(energies: NDArray[Any], levels: NDArray[Any], instructions: str = "best") -> None:
    """Write the level of every energy: energies (n) uint32, 0..520,200; levels (n) int32."""

def choose_threshold(counts: NDArray[Any], percent: int, floor: int, cap: int, instructions: str = "best") -> int:
    """Return Otsu's threshold of a histogram of levels as an energy: counts (LEVELS) uint32, at most 2^24 in all.

    percent, floor and cap as in `binarise_frames`.
    """

def binarise_frames(
    grey: NDArray[Any],
    half: int,
    ratio: int,
    radius: int,
    percent: int,
    floor: int,
    cap: int,
    planes: NDArray[Any],
    thresholds: NDArray[Any],
    threads: int = 1,
    instructions: str = "best",
) -> None:
    """Write the bit planes of the foreground after step 3 and the threshold of every frame.

    grey and half as in `measure_energies`; ratio 0 switches the contrast test off, radius is that of its disc in px;
    percent 1..200 of Otsu's level, floor and cap of the threshold in energy, 0 <= floor <= cap <= 520,200;
    planes (frames, height, words of 64 columns) uint64, bit x % 64 of word x // 64 is column x; thresholds (frames)
    int32.
    """

RECIPE_NUMBERS: int
"""Numbers of a recipe for `segment`: the members of Recipe in segment.cuh, in order."""

def segment(
    grey: NDArray[Any],
    recipe: NDArray[Any],
    labels: NDArray[Any],
    counts: NDArray[Any],
    threads: int = 1,
    instructions: str = "best",
) -> None:
    """Do steps 2 to 8: write the labels of background-adjusted frames, and how many each frame has.

    grey (frames, height, width) uint8; recipe (RECIPE_NUMBERS) int32; labels (frames, height, width) int32, 1..n in
    raster order of each cell's first pixel, 0 = background; counts (frames) int32.
    """

CELL_COLUMNS: int
"""Columns of what measure_cells returns."""
NEGATIVE_LABEL: int
"""What a GPU counts instead of the cells of a frame with negative labels; another negative number: too large ones."""

def measure_cells(
    grey: NDArray[Any], labels: NDArray[Any], first_frame: int = 0, threads: int = 1, instructions: str = "best"
) -> NDArray[Any]:
    """Return the exact integers of every cell, (cells, CELL_COLUMNS) int64, in the order frame, then label.

    Columns: frame (counted from `first_frame`), label, top, left, bottom, right (the last two exclusive), area, sums of
    row, column, row^2, column^2 and row * column, pairs of neighbours along rows and columns, along both diagonals,
    pairs by difference of their grey levels 0..31, and the sums of levels, squared levels and squared counts of the
    co-occurrence. All pixels of one label in one frame are one cell.
    grey (frames, height, width) uint8, labels of the same shape int32, 0 = background.
    Raises ValueError for negative labels, OverflowError for labels above the number of pixels of a frame.
    """

def split(
    planes: NDArray[Any],
    grey: NDArray[Any],
    depth: int,
    seam_level: int,
    remove_touching: bool,
    labels: NDArray[Any],
    counts: NDArray[Any],
    threads: int = 1,
    instructions: str = "best",
) -> None:
    """Part touching cells at their necks; number the parts 1..counts in raster order of their first pixels.

    planes as in `remove_small`, grey (frames, height, width) uint8, background-adjusted; labels (frames, height, width)
    int32, 0 = background, and counts (frames) int32 are written whole. depth (at least 1) is in sixteenths of a pixel
    summed over 5 x 5 pixels: basins of the smoothed distance to the background merge while the lower summit stands less
    than that above the saddle. seam_level (0..255): with more than 0, pixels whose 5 x 5 mean exceeds the background
    level by more than that count as background for the distance. `remove_touching` leaves out what touches the frame.
    """

def measure_lasso_sets(
    rows: NDArray[Any],
    middle: NDArray[Any],
    train: NDArray[Any],
    centred: NDArray[Any],
    scaled: bool,
    means: NDArray[Any],
    scales: NDArray[Any],
    steepest: NDArray[Any],
    threads: int = 1,
    instructions: str = "best",
) -> None:
    """Write the means and SDs of the columns over every training set, and the least lambda without a coefficient.

    rows (n, columns) float64 are a table less `middle` (columns); train (sets, n) uint8 is 1 where a row is learned
    from; centred (targets, sets, n) is a target less its mean over those rows. means and scales (sets, columns): SD
    with ddof 0, or 1 without `scaled`, and 0 for a constant column. steepest (targets, sets): max |Z'y| / n.
    Raises TypeError for another dtype or layout, ValueError for other shapes, values that are not finite and an empty
    training set.
    """

def predict_lasso_paths(
    rows: NDArray[Any],
    middle: NDArray[Any],
    train: NDArray[Any],
    centred: NDArray[Any],
    means: NDArray[Any],
    scales: NDArray[Any],
    alphas: NDArray[Any],
    largest: NDArray[Any],
    intercept: NDArray[Any],
    wanted: NDArray[Any],
    place: NDArray[Any],
    fitted: NDArray[Any],
    reasons: NDArray[Any],
    by_gram: bool,
    threads: int = 1,
    instructions: str = "best",
) -> None:
    """Follow the exact LASSO path of every training set and target and write what it predicts for chosen rows.

    Inputs as in `measure_lasso_sets`, with what it wrote; alphas (targets, sets, alphas) fall along the last axis, and
    from largest (targets, sets) on every coefficient is 0. wanted (sets, n) uint8 are the rows a set predicts, place
    (sets) int64 is where in fitted (targets, places, n, 1 + alphas): intercept (targets, sets), then every alpha.
    reasons (targets, sets) int32 is 0, or why a path breaks the optimality conditions; its predictions are then no
    good. Correlations come from the rows, or from the Gram matrix with `by_gram`.
    Raises as `measure_lasso_sets`, and ValueError for alphas that rise and a row wanted twice in one place.
    """

def solve_lasso_paths(
    rows: NDArray[Any],
    middle: NDArray[Any],
    train: NDArray[Any],
    centred: NDArray[Any],
    means: NDArray[Any],
    scales: NDArray[Any],
    alphas: NDArray[Any],
    largest: NDArray[Any],
    coefficients: NDArray[Any],
    reasons: NDArray[Any],
    by_gram: bool,
    threads: int = 1,
    instructions: str = "best",
) -> None:
    """Do `predict_lasso_paths`, but write the coefficients (targets, sets, alphas, columns) on the sets' own scales."""
