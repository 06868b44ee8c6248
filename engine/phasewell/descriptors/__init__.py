"""Twelve descriptors per cell, moments per field, and the profile."""

from __future__ import annotations

from phasewell.descriptors.measure import describe, describe_adjusted, tabulate_cells
from phasewell.descriptors.moments import field_moments
from phasewell.descriptors.pooling import build_profile, choose_fields

__all__ = ["build_profile", "choose_fields", "describe", "describe_adjusted", "field_moments", "tabulate_cells"]
