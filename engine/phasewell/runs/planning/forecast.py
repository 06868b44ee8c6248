"""How fast this machine is expected to be: what leases and a plan's minutes rest on, never a result."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from phasewell.config import Config
from phasewell.device import Device
from phasewell.device_facts import DeviceFacts
from phasewell.runs.planning.rates import STORE_TO_TABLE, STORE_TO_TABLE_WITH_NETWORK, known_rate

# pixels a second of one core or GPU where nothing was measured
_ASSUMED_PIXELS_PER_S = {"arrays": 4e6, "kernels": 100e6, "gpu": 2e9}


@dataclass(frozen=True)
class ExpectedRate:
    """What one core, or one GPU, does in a second, and where that number comes from."""

    pixels_per_s: float
    source: str


def expect_rate(facts: DeviceFacts, device: Device, config: Config, code: str) -> ExpectedRate:
    """Return the rate that was last measured of this hardware, per core or GPU, else an assumed one."""
    scores = config.inference.model is not None
    boundary = STORE_TO_TABLE_WITH_NETWORK if scores else STORE_TO_TABLE
    measured = known_rate(facts.hardware, boundary, config.segmentation.preset)
    if measured is None or device.engine == "arrays":  # the bench measures the kernels
        kind = "gpu" if device.is_gpu else device.engine
        without = ", without the network" if scores else ""
        return ExpectedRate(_ASSUMED_PIXELS_PER_S[kind], f"assumed{without}: run `phasewell bench` to have it measured")
    day = datetime.datetime.fromisoformat(measured.at).date().isoformat()
    older = "" if measured.code_version == code else ", with other code than now"
    share = 1 if device.is_gpu else facts.count
    return ExpectedRate(measured.pixels_per_s / share, f"measured on this machine on {day}{older}")
