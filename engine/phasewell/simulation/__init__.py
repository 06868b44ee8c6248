"""Synthetic plates with known truth."""
