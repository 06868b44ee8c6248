"""Rows, ceilings and documents that are right, for tests to spoil."""

from __future__ import annotations

from typing import Any

from phasewell.bench.ceilings import COPY, HOST_TO_DEVICE, MATRIX, STORAGE_READ, Ceiling, Ceilings
from phasewell.bench.documents import BenchDocument
from phasewell.bench.rows import REQUIRED, Parity, Row, make_row
from phasewell.bench.verdict import judge

CONDITIONS: dict[str, Any] = {
    "commit": "abc1234",
    "python": "3.11.7",
    "versions": {"phasewell": "0.1.0", "numpy": "2.4.6"},
    "processor": "AMD EPYC",
    "cores": 2,
    "load_average": 0.1,
    "hardware": {"name": "cpu", "hardware": "AMD EPYC, 2 cores", "memory_bytes": 8 << 30, "free_bytes": 1},
    "frames_of_plate": 64,
}
EQUAL = Parity(against="the CPU", frames=2, equal={"labels": True, "cells": True})
DIFFERENT = Parity(against="the CPU", frames=2, equal={"labels": True, "cells": False})
ABOUT: dict[str, Any] = {
    "boundary": REQUIRED,
    "inside": "everything",
    "device": "cpu",
    "engine": "kernels",
    "preset": "phase",
    "frame": "simulated",
    "conditions": CONDITIONS,
}
SPEED: dict[str, Any] = {
    "batch_frames": 16,
    "frames_per_s": 320.0,
    "p50_ms": 50.0,
    "p95_ms": 55.0,
    "latency_of": "a batch of 16 frames",
    "spread": 0.1,
    "warm_up_s": 1.0,
    "repeats": 5,
    "frames": 16,
    "cells_per_frame": 150.0,
    "gb_per_s": 0.32,
    "gb_per_s_share": 0.01,
    "gb_per_s_ceiling": "memory copy, 64 MiB",
    "bytes_counted": "frame read",
    "tflop_per_s": 2.0,
    "tflop_per_s_share": 0.5,
    "tflop_per_s_ceiling": "matrix product, float32",
    "peak_host_bytes": 1 << 30,
    "peak_device_bytes": 1 << 30,
    "busy_share": 0.9,
    "clock_mhz": 1980.0,
    "power_w": 700.0,
    "energy_j_per_frame": 0.1,
}


def measured(boundary: str, frames_per_s: float, **changed: Any) -> Row:
    values = {**ABOUT, **SPEED, "state": "measured", "parity": EQUAL, "boundary": boundary}
    return make_row({**values, "frames_per_s": frames_per_s, **changed})


def ceilings(read_gb_per_s: float = 10.0, to_device_gb_per_s: float | None = None) -> Ceilings:
    return Ceilings(
        (
            Ceiling(COPY, "4 MiB", 100.0, "GB/s", "in cache"),
            Ceiling(COPY, "64 MiB", 30.0, "GB/s", "in memory"),
            Ceiling(HOST_TO_DEVICE, "", to_device_gb_per_s, "GB/s", "not measured: a CPU"),
            Ceiling(MATRIX, "float32", 0.2, "TFLOP/s", "torch"),
            Ceiling(STORAGE_READ, "", read_gb_per_s, "GB/s", "page cache"),
        )
    )


def document(*rows: Row, **conditions: Any) -> BenchDocument:
    limits = ceilings()
    return BenchDocument(
        quick=True,
        started_at="2026-01-01T00:00:00+00:00",
        seconds=60.0,
        conditions=CONDITIONS | conditions,
        ceilings=limits.found,
        rows=rows,
        verdict=judge(rows, limits, 1_000_000),
        remembered="/state/rates.json",
    )
