"""Pixels in: source readers, layouts and the OME-Zarr plate store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from phasewell.lazy import lazy_names

# public name -> module that defines it; loaded on first use, so that importing this package stays cheap
_PUBLIC = {
    "arrange_fields": "phasewell.images.metadata",
    "create_plate": "phasewell.images.store",
    "describe_intake": "phasewell.images.wording",
    "ingest": "phasewell.images.ingestion",
    "open_plate": "phasewell.images.store",
    "open_writer": "phasewell.images.store",
    "pixel_window_to_uint8": "phasewell.images.pixels",
    "plate_digest": "phasewell.images.validation",
    "scan": "phasewell.images.scans",
    "validate_plate": "phasewell.images.validation",
}

__all__ = [
    "arrange_fields",
    "create_plate",
    "describe_intake",
    "ingest",
    "open_plate",
    "open_writer",
    "pixel_window_to_uint8",
    "plate_digest",
    "scan",
    "validate_plate",
]

if TYPE_CHECKING:
    from phasewell.images.metadata import arrange_fields
    from phasewell.images.pixels import pixel_window_to_uint8
    from phasewell.images.store import create_plate, open_plate, open_writer

__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
