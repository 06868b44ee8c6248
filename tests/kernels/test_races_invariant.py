"""No two threads of a block touch the same word without a barrier between them; a barrier left out would be seen."""

from __future__ import annotations

from pathlib import Path

import phasewell_kernels
import pytest
from harness import ask, start
from references import REFERENCES

FOLDER = Path(phasewell_kernels.__file__).parent
RACE_STATUS = 66  # of a program that the thread sanitizer ends


@pytest.mark.parametrize("operation", REFERENCES)
def test_no_race(operation: str, thread_harness: Path) -> None:
    assert "equal" in ask(thread_harness, "fuzz", 16, 11, 1, operation)


def barrier_lines(path: Path) -> list[int]:
    lines = path.read_text().splitlines()
    return [number for number, line in enumerate(lines, 1) if line.strip().startswith("PW_BARRIER();")]


def test_a_left_out_barrier_is_a_race(thread_harness: Path) -> None:
    scan_barriers = barrier_lines(FOLDER / "grid.cuh")
    assert len(scan_barriers) == 3
    for line in scan_barriers[:2]:  # the third parts this scan from the next user of its scratch
        found = start(thread_harness, "fuzz", 6, 11, 1, "scan", f"drop=grid.cuh:{line}")
        assert found.returncode == RACE_STATUS, found.stdout
        assert "data race" in found.stderr
        assert "exclusive_scan" in found.stderr
