"""Twelve descriptors per cell, moments per field, and the profile."""
