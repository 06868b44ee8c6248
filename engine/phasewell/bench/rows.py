"""The one row of a benchmark: a rate with its parity, its share of the ceilings and its conditions, without a hole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from phasewell.errors import InputError
from phasewell.runs.planning import rates

RESIDENT = "segmentation + descriptors, resident"
NETWORK = "network"
PREPARED_NETWORK = "preprocessing + network"
STORE_TO_TABLE = rates.STORE_TO_TABLE
REQUIRED = rates.STORE_TO_TABLE_WITH_NETWORK
"""The one boundary that the requirement, and so the verdict, is about."""
BOUNDARIES = (RESIDENT, NETWORK, PREPARED_NETWORK, STORE_TO_TABLE, REQUIRED)

MEASURED_FIELDS = (
    "frames_per_s", "p50_ms", "p95_ms", "latency_of", "spread", "warm_up_s", "repeats", "frames",
    "cells_per_frame", "gb_per_s", "gb_per_s_share", "gb_per_s_ceiling", "tflop_per_s", "tflop_per_s_share",
    "tflop_per_s_ceiling", "peak_host_bytes", "peak_device_bytes", "busy_share", "clock_mhz", "power_w",
    "energy_j_per_frame",
)  # fmt: skip
_NEVER_ABSENT = ("frames_per_s", "p50_ms", "p95_ms", "latency_of", "spread", "warm_up_s", "repeats", "frames")


class _Strict(BaseModel):
    # the string below a field is its description, as in the configuration
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


class Parity(_Strict):
    """Whether the numbers are those of the CPU, on a sample of frames."""

    against: str
    """What the results were compared with."""
    frames: int
    """How many frames were compared."""
    cells: int | None = None
    """How many cells these frames have; null where no cells are compared. Frames without any prove nothing."""
    equal: dict[str, bool]
    """Results that must be equal bit for bit, such as labels and cells."""
    largest_difference: float | None = None
    """Of scores: the largest distance of a logit from the reference's."""
    tolerance: float | None = None
    """Of scores: what that distance may be at most."""

    @property
    def holds(self) -> bool:
        """True when something was compared and all of it agrees."""
        if self.frames < 1 or self.cells == 0 or not (self.equal or self.tolerance is not None):
            return False
        if (self.largest_difference is None) != (self.tolerance is None):
            return False
        near = self.tolerance is None or (self.largest_difference or 0.0) <= self.tolerance
        return near and all(self.equal.values())

    def describe(self) -> str:
        """Return the comparison in one phrase."""
        said = [f"{name} {'equal' if same else 'DIFFERENT'}" for name, same in self.equal.items()]
        if self.tolerance is not None:
            said.append(f"scores within {self.largest_difference:.2g} (allowed {self.tolerance:.2g})")
        having = "" if self.cells is None else f" with {self.cells} cells"
        return f"{', '.join(said)}; {self.frames} frames{having} against {self.against}"


class Row(_Strict):
    """One boundary on one device with one batch size.

    `state` is "measured"; "refused" when the results are not those of the CPU, which takes the speed away; or "not
    measured", with what is missing and the remedy. A value that is null has its reason in `absent`.
    """

    boundary: str
    inside: str
    """What the clock includes."""
    device: str
    engine: str
    """Which code does the work: the kernels, or a network's backend and precision."""
    preset: str
    """Of the segmentation; "none" for the network alone."""
    frame: str
    """What the frames are."""
    state: Literal["measured", "refused", "not measured"]
    batch_frames: int | None = None
    """Frames a call, of whole runs frames a unit; null where nothing was measured."""
    frames_per_s: float | None = None
    """Frames of a call / its median time; of a whole run: all frames / its median time."""
    p50_ms: float | None = None
    p95_ms: float | None = None
    latency_of: str | None = None
    """What p50 and p95 are the time of."""
    spread: float | None = None
    """(slowest - fastest) / median over the repeats."""
    warm_up_s: float | None = None
    """First call or run, apart from the others."""
    repeats: int | None = None
    frames: int | None = None
    """Frames a repeat."""
    cells_per_frame: float | None = None
    gb_per_s: float | None = None
    """Bytes that must be moved (`bytes_counted`), each once, in 10^9 a second."""
    bytes_counted: str = ""
    gb_per_s_share: float | None = None
    """Of the ceiling measured in the same run."""
    gb_per_s_ceiling: str | None = None
    """Name of that ceiling."""
    tflop_per_s: float | None = None
    """Multiplications and additions of convolutions and matrices, in 10^12 a second."""
    tflop_per_s_share: float | None = None
    tflop_per_s_ceiling: str | None = None
    peak_host_bytes: int | None = None
    peak_device_bytes: int | None = None
    busy_share: float | None = None
    """Share of the time that the GPU was busy; on a CPU, share of the cores' time that this process used."""
    clock_mhz: float | None = None
    power_w: float | None = None
    energy_j_per_frame: float | None = None
    parity: Parity | None = None
    absent: dict[str, str] = {}
    """Reason of every null above."""
    reason: str | None = None
    """Why the row was refused or not measured."""
    remedy: str | None = None
    """What to do so that it is measured."""
    conditions: dict[str, Any]
    """Commit, versions, hardware, load: `describe_conditions` and more."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        given = [name for name in MEASURED_FIELDS if getattr(self, name) is not None]
        if self.state != "measured":
            if given:
                raise ValueError(f"{self.boundary}: a row that is {self.state} has no {', '.join(given)}")
            if not (self.reason and self.remedy):
                raise ValueError(f"{self.boundary}: a row that is {self.state} says the reason and the remedy")
            return self
        if self.parity is None or not self.parity.holds:
            raise ValueError(f"{self.boundary}: a speed without parity is refused")
        holes = [name for name in MEASURED_FIELDS if name not in given and not self.absent.get(name)]
        holes += [name for name in _NEVER_ABSENT if name not in given and name not in holes]
        holes += [name for name in ("batch_frames", "conditions") if not getattr(self, name)]
        if holes:
            raise ValueError(
                f"{self.boundary}: {', '.join(holes)} neither measured nor said to be absent, with a reason"
            )
        if contradicted := [name for name in self.absent if getattr(self, name, None) is not None]:
            raise ValueError(f"{self.boundary}: {', '.join(contradicted)} both measured and said to be absent")
        return self

    def to_dict(self) -> dict[str, Any]:
        """Return the row as a JSON document."""
        return self.model_dump(mode="json")


def say_frames_per_s(rate: float) -> str:
    """Return a rate with its unit, and one decimal where it is small."""
    return f"{rate:,.0f} frames/s" if rate >= 100 else f"{rate:.1f} frames/s"


def make_row(values: Mapping[str, Any]) -> Row:
    """Return a row, or raise InputError that names what is wrong or missing in it."""
    try:
        return Row.model_validate(dict(values))
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, item['loc'])) or 'row'}: {item['msg'].removeprefix('Value error, ')}"
            for item in error.errors()
        )
        raise InputError(f"benchmark row: {problems}") from error


def speed_row(about: Mapping[str, Any], speed: Mapping[str, Any], parity: Parity) -> Row:
    """Return the row of a speed; where parity does not hold, the row is refused and the speed is not in it."""
    if parity.holds:
        return make_row({**about, **speed, "state": "measured", "parity": parity})
    refused = {
        "state": "refused",
        "parity": parity,
        "reason": f"the results are not those of the CPU: {parity.describe()}",
        "remedy": "do not use this device before `phasewell doctor` and the tests marked `gpu` pass on it",
    }
    return make_row({**about, **refused})


def missing_row(about: Mapping[str, Any], reason: str, remedy: str) -> Row:
    """Return the row of a boundary that cannot be measured here."""
    return make_row({**about, "state": "not measured", "reason": reason, "remedy": remedy})
