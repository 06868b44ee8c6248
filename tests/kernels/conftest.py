"""Fixtures of the kernel tests: the harness, built once under each sanitizer."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import build, compiler, start


@pytest.fixture(scope="session")
def address_harness() -> Path:
    """Return the harness under the address and undefined-behaviour sanitizers: the CPU product and emulated blocks."""
    if compiler() is None:
        pytest.skip("g++ is not installed: the kernels' emulated blocks are not built here")
    return build("address")


@pytest.fixture(scope="session")
def thread_harness() -> Path:
    """Return the harness under the thread sanitizer: emulated blocks."""
    if compiler() is None:
        pytest.skip("g++ is not installed: races are not looked for here")
    program = build("thread")
    if "unexpected memory mapping" in start(program, "list").stderr:
        pytest.skip("the thread sanitizer cannot run with this kernel's address space randomisation")
    return program
