"""No two threads of a block touch the same word without a barrier between them; a barrier left out would be seen."""

from __future__ import annotations

from pathlib import Path

import phasewell_kernels
import pytest
from harness import ask, start
from references import REFERENCES

FOLDER = Path(phasewell_kernels.__file__).parent
DIFFERENCE_STATUS = 1  # of the harness: not the result of a block of one thread
RACE_STATUS = 66  # of a program that the thread sanitizer ends


@pytest.mark.parametrize("operation", REFERENCES)
def test_no_race(operation: str, thread_harness: Path) -> None:
    assert "equal" in ask(thread_harness, "fuzz", 16, 11, 1, operation)


def barrier_lines(path: Path) -> list[int]:
    lines = path.read_text().splitlines()
    return [number for number, line in enumerate(lines, 1) if line.strip().startswith("PW_BARRIER();")]


def test_a_left_out_barrier_is_a_race(thread_harness: Path) -> None:
    found = start(thread_harness, "fuzz", 6, 11, 1, "scan", f"drop=grid.cuh:{barrier_lines(FOLDER / 'grid.cuh')[0]}")
    assert found.returncode == RACE_STATUS, found.stdout
    assert "data race" in found.stderr
    assert "exclusive_scan" in found.stderr


@pytest.mark.parametrize("name", [path.name for path in sorted(FOLDER.glob("*.cuh")) if barrier_lines(path)])
def test_in_every_file_a_left_out_barrier_is_seen(name: str, thread_harness: Path) -> None:
    """Not every barrier: some only end a function whose caller comes to a barrier before it reads the results."""
    own = Path(name).stem  # an operation of the same name is asked more often than all of them
    which = (40, 11, 1, own) if own in REFERENCES else (6, 11, 1)
    for line in barrier_lines(FOLDER / name):
        found = start(thread_harness, "fuzz", *which, f"drop={name}:{line}")
        assert found.returncode in (0, DIFFERENCE_STATUS, RACE_STATUS), found.stderr
        if found.returncode != 0:
            return
    pytest.fail(f"{name}: no operation of the harness notices a missing barrier")
