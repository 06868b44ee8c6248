"""The kernels touch no byte outside their arrays and do nothing C++ leaves undefined, on frames made to break them.

The short form; `make fuzz` runs 100,000 cases of every kernel.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import ask
from references import REFERENCES


@pytest.mark.parametrize("operation", REFERENCES)
def test_small_random_frames(operation: str, address_harness: Path) -> None:
    assert "equal" in ask(address_harness, "fuzz", 1500, 1000, 100, operation)
