"""Every executor with any number of workers writes the same bytes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from phasewell import runs
from phasewell.config import Config

Make = Callable[..., Config]
Digests = Callable[[Path], dict[str, str]]


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2, 4])
def test_dask_equals_serial(make_config: Make, digests: Digests, workers: int) -> None:
    pytest.importorskip("distributed")
    serial = runs.run(make_config("serial"))
    parallel = runs.run(make_config("dask", executor="dask", workers=workers, lease_s=0.001))
    assert digests(parallel.folder) == digests(serial.folder)
    assert parallel.exit_code == serial.exit_code == 10


def test_batch_size_does_not_show(make_config: Make, digests: Digests, monkeypatch: pytest.MonkeyPatch) -> None:
    two = runs.run(make_config("two"))
    monkeypatch.setattr("phasewell.device.CPU_KERNEL_FRAMES", 3)
    three = runs.run(make_config("three"))
    assert digests(three.folder) == digests(two.folder)
