"""The eight steps from an 8-bit frame to a label image."""

from __future__ import annotations

from phasewell.segmentation.agreement import Agreement, measure_agreement
from phasewell.segmentation.recipe import PRESETS, Recipe, make_recipe
from phasewell.segmentation.steps import segment, segment_adjusted

__all__ = ["PRESETS", "Agreement", "Recipe", "make_recipe", "measure_agreement", "segment", "segment_adjusted"]
