"""The plate that a configuration names."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from phasewell.config import Config
    from phasewell.plate import Plate


def open_configured(config: Config) -> Plate:
    """Return the plate that a run reads; errors as `open_plate`."""
    from phasewell.images import open_plate

    return open_plate(config.plate.store, config.foreign)
