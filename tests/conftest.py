"""Fixtures shared by all tests: where the real sample data are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None)  # no test may fail because the machine is busy
settings.load_profile("untimed")

DATA = Path(os.environ.get("PHASEWELL_TEST_DATA", Path(__file__).parent.parent.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def data() -> Path:
    """Return the folder of real sample data; skips by name where it is absent."""
    if not DATA.is_dir():
        pytest.skip(f"real sample data not at {DATA} (set PHASEWELL_TEST_DATA)")
    return DATA
