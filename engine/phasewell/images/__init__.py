"""Pixels in: source readers, layouts and the OME-Zarr plate store."""
