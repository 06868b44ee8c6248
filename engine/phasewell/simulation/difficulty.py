"""How hard simulated plates are: constants chosen from biology and measurement, never from a model's score.

They were committed before any model was fitted on a plate of their kind, and no score may move them.
Density, sizes and contrast were set by looking at frames and at how well `segment` finds the cells.

Where they come from
- Clones and potencies: 15 clones, potency an integer 7..13 with mean 9.8 (serial passages until growth stops).
- Link: potency follows one latent factor ("vigour") and a little of a second ("spreading"). A passage limit is
  counted in whole passages, and two expansions of one clone can stop a passage apart: noise SD 0.45 passages
  before rounding (0.29 more by rounding). The link's R2 before rounding is 1 - 0.45^2 / 1.75^2 = 0.93.
- Direction of the effects as reported for rapidly expanding clones: high-potency populations stay small and
  homogeneous (spread of length and of compactness falls), their texture differs more from cell to cell (spread of
  correlation and of energy rises), the mean correlation falls, growth tells little (R2 = 0.09, so loading 0.3).
- No trait is a clean readout: every trait has its own clone-to-clone deviation beside the factors.
- Sizes: spread mesenchymal cells at about 0.87 um/px measure 900..4,000 px in hand-labelled frames; here the
  clones' median is 1,150 um2 after spreading and less at 6 h, with an SD of ln area of 0.38 within a clone.
- Density: about 60 cells on a field of 0.76 mm2 at 6 h, growing fourfold to 90 h, as 12 of the 15 clones did.
- Contrast: halo, rim, interior and background amplitudes as measured around hand outlines of 10x phase-contrast
  frames in 8 bit (background 111, halo crest +20..+40, dark rim -10..-25, fine mottling SD 3, interior SD 25..50).

Bulk lots (paper R: conventionally processed cells, 9 lots in 3 wells each), where they come from
- A lot is a mixture of clones as above, in unequal shares: that alone makes its population less homogeneous.
- Sizes: medians of 335 against 358 um2 at 6 h and of 473 against 363 um2 at 30 h. So bulk cells spread to 1.34 times
  the area of a clone's, from 0.50 of it at seeding: 1.30 and 0.94 times the clones' area at 30 h and at 6 h. Lots are
  donors of their own (SD 0.10 of ln area, which makes a difference of 7 % at 6 h no discovery, as it was none).
- Seeded at 2,000 cells per cm2, of which two thirds attach: 13 per mm2. They grow less than the clones; the text gives
  no number, and twofold from 6 to 90 h is our choice. Fewer of them are round, in proportion to their growth.

Donor lines of two classes (paper K), where they come from
- Classes differ in one thing, the share of a subpopulation, as the paper supposes ("a higher ratio of such
  subpopulation distributions"). Its marker was 3.5 % in the high and 1.7 % in the low group: twofold. What can be seen
  of it in phase contrast are the rapidly self-renewing cells among marrow stromal cells, small spindles beside large
  flat cells; at passage 6 a minority. So 0.36 against 0.18, a line's own share with an SD of 0.2 of ln: the paper's
  groups do not overlap, and ln 2 / 0.2 = 3.5 SD lie between them. A daughter is not of her mother's kind, but
  colonies make the share of a field deviate (SD 0.25 of ln).
- A small spindle has half the area of the line's other cells, is half as long again for its breadth, agranular (so of
  weaker texture) and thicker, so that its halo is brighter. Each of them varies as much as any cell of its line.
- Lines of both classes differ in all that clones differ in, by as much; potency's factors have no class. So the mean
  ln area, which the classes move by 0.18 x 0.7 = 0.13, differs by 0.16 (SD) between donors for no reason.
- Density: a million cells in a plate of six wells are 174 per mm2, and two thirds attach. Plating differs between
  donors by more (SD 0.25 of ln) than between wells seeded by one hand. Frames are taken from 24 h to 48 h.
- A line is photographed on a day of its own: lamp and exposure differ by 8 grey levels, the reason for the paper's
  adjustment of brightness, and focus and phase ring give the halos 6 % more or less contrast.
"""

from __future__ import annotations

from typing import NamedTuple

POTENCY_MEAN = 9.8
POTENCY_SD = 1.75  # of the part the latent factors explain, so that 15 clones span 7..13
POTENCY_RANGE = (7, 13)
POTENCY_WEIGHTS = (0.95, -0.31)  # of vigour and spreading; squares sum to 1
LINK_NOISE_SD = 0.45  # passages, before rounding

DENSITY_PER_MM2 = 76.0  # cells at the first hour: 58 on a field of 1000 x 1000 px of 0.87 um
DENSITY_SD = 0.08  # of ln, between wells: seeding by hand
FIELD_DENSITY_SD = 0.12  # of ln, between fields of a well: swirling
FIRST_HOUR, LAST_HOUR = 6.0, 90.0
MOTILITY_UM = 24.0  # SD of the displacement per axis in 6 h: some 10 um/h along a winding path
SPREADING_HOURS = 12.0  # time constant of spreading after seeding
UNSPREAD_AREA = 0.72  # area just after seeding, as a share of the spread area

WELL_LEVEL_SD = 2.0  # grey levels: lamp and medium
WELL_CONTRAST_SD = 0.03  # of ln
BACKGROUND_GREY = 111.0
BACKGROUND_SLOPE_GREY = 5.0  # SD of the tilt from centre to edge
BACKGROUND_BEND_GREY = -7.0  # meniscus and vignetting: darker towards the edge
MOTTLE_GREY = 9.0  # at full tile value: SD about 3
CAMERA_NOISE_GREY = 1.6  # SD
DEBRIS_PER_MM2 = 26.0

BULK_MEMBERS = 12  # clones mixed in a lot
BULK_SHARE_SD = 0.8  # of ln, between the shares of the clones of a lot
BULK_LN_AREA = 0.295  # added to ln area: 473 / 363 of the clones' at 30 h
BULK_UNSPREAD_AREA = 0.50  # instead of UNSPREAD_AREA: 335 / 358 of the clones' at 6 h
BULK_LOT_SD = 0.10  # of ln area, between lots
BULK_LN_FOLD_GROWTH, BULK_LN_FOLD_SD = 0.70, 0.20
BULK_DENSITY_PER_MM2 = 13.0  # cells at the first hour

RAPID_SHARE = {"low": 0.18, "high": 0.36}  # of the cells of a line, by its class
RAPID_SHARE_SD = 0.20  # of ln, between lines of a class
FIELD_RAPID_SHARE_SD = 0.25  # of ln, between fields of a well: colonies
LINE_FIRST_HOUR = 24.0
LINE_DENSITY_PER_MM2 = 115.0  # cells at 6 h
LINE_DENSITY_SD = 0.25  # of ln, between lines
LINE_LEVEL_SD = 8.0  # grey levels, between lines
LINE_CONTRAST_SD = 0.06  # of ln, between lines


class Rapid(NamedTuple):
    """What sets a cell of the rapidly renewing subpopulation apart from its line's other cells, all of ln."""

    area: float
    aspect: float
    texture: float
    contrast: float


RAPID = Rapid(area=-0.70, aspect=0.40, texture=-0.30, contrast=0.18)


class Trait(NamedTuple):
    """One latent trait of a clone: `mean + spread * (loadings . factors + own deviation)`.

    Loadings are on vigour, spreading and growth; the own deviation takes the rest of the unit variance.
    """

    mean: float
    spread: float
    loadings: tuple[float, float, float]


TRAITS: dict[str, Trait] = {
    "ln_area_um2": Trait(7.05, 0.16, (-0.25, 0.85, 0.0)),  # 1,150 um2
    "ln_area_sd": Trait(0.38, 0.065, (-0.80, 0.20, 0.0)),  # homogeneous clones have potency
    "ln_aspect": Trait(1.05, 0.12, (-0.15, 0.30, 0.45)),  # length / breadth 2.9
    "ln_aspect_sd": Trait(0.33, 0.06, (-0.85, 0.0, 0.0)),  # becomes the spread of length and compactness
    "ln_grain_um": Trait(1.10, 0.11, (-0.55, 0.45, 0.0)),  # size of texture grains, 3.0 um
    "ln_grain_sd": Trait(0.40, 0.09, (0.85, 0.0, 0.10)),  # becomes the spread of correlation
    "ln_texture": Trait(4.0, 0.10, (0.0, 0.30, 0.45)),  # 55 grey levels at full tile value
    "ln_texture_sd": Trait(0.36, 0.07, (0.75, -0.10, 0.0)),  # becomes the spread of energy
    "ln_fold_growth": Trait(1.38, 0.20, (0.30, 0.0, 0.90)),  # 4-fold from 6 to 90 h
    "round_fraction": Trait(0.045, 0.012, (0.25, 0.0, 0.80)),  # rounded for division at any hour
    "late_spreading": Trait(
        0.08, 0.06, (-0.70, 0.30, 0.0)
    ),  # ln area gained from 30 to 90 h: low potency keeps growing
}
