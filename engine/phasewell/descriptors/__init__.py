"""Twelve descriptors per cell, moments per field, and the profile."""

from __future__ import annotations

from phasewell.descriptors.measure import describe, describe_adjusted

__all__ = ["describe", "describe_adjusted"]
