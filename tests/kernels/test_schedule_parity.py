"""A block of 1, 8, 32 or 64 threads gives what the arrays and the CPU product give, kernel by kernel, bit for bit.

Emulated blocks are real threads with a real barrier; memory starts with other bytes in every build, so a kernel that
reads what it never wrote differs too. Frames are small: what a frame's size can break is tested by each kernel's own
parity tests, on the CPU product.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from harness import Case, ask, draw_cases, run_cases
from references import REFERENCES

THREADS = (1, 8, 32, 64)
CASES = 12


def assert_equal(found: Case, expected: Case, where: str) -> None:
    assert set(found) == set(expected), where
    for name, array in expected.items():
        assert found[name].dtype == array.dtype, f"{where}: {name}"
        np.testing.assert_array_equal(found[name], array, err_msg=f"{where}: {name}")


def test_every_operation_has_a_reference(address_harness: Path) -> None:
    assert set(ask(address_harness, "list").splitlines()[0].split()) == set(REFERENCES)


@pytest.mark.parametrize("operation", REFERENCES)
def test_every_schedule_gives_the_same_bits(operation: str, address_harness: Path, tmp_path: Path) -> None:
    serial = [name for name in ask(address_harness, "list").splitlines()[1].split() if name != "emulated"]
    builds = [*serial, *(f"emulated:{threads}" for threads in THREADS)]
    cases = draw_cases(address_harness, operation, CASES, 7, tmp_path)
    for index, results in enumerate(run_cases(address_harness, operation, cases, builds, tmp_path)):
        expected = REFERENCES[operation](cases[index])
        for name in builds:
            assert_equal(results[name], expected, f"case {index} as {name}")
