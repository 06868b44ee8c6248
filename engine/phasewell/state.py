"""Where phasewell remembers things between runs that belong to no plate and no run folder."""

from __future__ import annotations

import os
from pathlib import Path


def state_folder() -> Path:
    """Return this user's folder: $PHASEWELL_STATE, else phasewell's in the state folder of the XDG standard."""
    if own := os.environ.get("PHASEWELL_STATE"):
        return Path(own)
    state = os.environ.get("XDG_STATE_HOME", "")
    root = Path(state) if Path(state).is_absolute() else Path.home() / ".local" / "state"  # as the standard has it
    return root / "phasewell"
