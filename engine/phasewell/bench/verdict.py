"""The requirement and whether it is met, for one boundary only, and what limits it, from the run's own rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from phasewell.bench.ceilings import HOST_TO_DEVICE, STORAGE_READ, Ceilings
from phasewell.bench.rows import PREPARED_NETWORK, REQUIRED, RESIDENT, Row, say_frames_per_s

REQUIRED_FRAMES_PER_S = 300.0
REQUIRED_NETWORK = "densenet121"
REQUIREMENT = (
    "more than 300 frames/s from the plate store through segmentation, 12 descriptors and a DenseNet121 score of every "
    "frame to committed tables"
)
_EXPLAINED = 0.8
"""Below this share of what the parts alone allow, the run itself is named beside the largest part."""


class Part(BaseModel):
    """One part of the work: its rate alone, and its share of the time of a frame in the run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Literal["network", "kernels", "storage", "copy"]
    frames_per_s: float
    share_of_time: float
    """Of the time that a frame took in the run, had this part not overlapped with others."""


class Verdict(BaseModel):
    """Met or not met, by what factor, limited by what; "not measured" where the boundary was not measured."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    boundary: str
    requirement: str
    required_frames_per_s: float
    state: Literal["met", "not met", "not measured"]
    frames_per_s: float | None
    factor: float | None
    """Rate / required rate."""
    limited_by: Literal["network", "kernels", "storage", "copy"] | None
    parts: tuple[Part, ...]
    reached_share: float | None
    """Rate / the rate that the parts alone allow, when reading and copying overlap with computing."""
    sentence: str


def judge(rows: Sequence[Row], ceilings: Ceilings, frame_bytes: int, network: str = REQUIRED_NETWORK) -> Verdict:
    """Return the verdict on the required boundary; all other rows only serve to name what limits it.

    Rows of another network than the required one have no verdict.
    """
    if network != REQUIRED_NETWORK:
        why = f"the requirement is of {REQUIRED_NETWORK}, these rows are of {network}"
        return _verdict("not measured", f"> {REQUIRED_FRAMES_PER_S:.0f} frames/s: not measured ({why})")
    required = [row for row in rows if row.boundary == REQUIRED]
    measured = [row for row in required if row.frames_per_s is not None]
    if not measured:
        why = (
            f"{required[0].state}: {required[0].reason}; {required[0].remedy}" if required else "no run with a network"
        )
        return _verdict("not measured", f"> {REQUIRED_FRAMES_PER_S:.0f} frames/s: not measured ({why})")
    rate = max(row.frames_per_s or 0.0 for row in measured)
    device = measured[0].device
    parts = _parts(rows, ceilings, frame_bytes, rate, device != "cpu")
    state: Literal["met", "not met"] = "met" if rate > REQUIRED_FRAMES_PER_S else "not met"
    factor = rate / REQUIRED_FRAMES_PER_S
    told = (
        f"> {REQUIRED_FRAMES_PER_S:.0f} frames/s: {state}, {say_frames_per_s(rate)} on {device}, {_say_factor(factor)}"
    )
    if not parts:
        return _verdict(state, f"{told}; what limits it was not measured", rate, factor)
    limit = max(parts, key=lambda part: part.share_of_time)
    reached = rate / _allowed(parts)
    told += f"; limited by the {limit.name} ({say_frames_per_s(limit.frames_per_s)} alone)"
    if reached < _EXPLAINED:
        told += (
            f"; the parts alone would allow {say_frames_per_s(_allowed(parts))}, the run reaches {reached:.0%} of that"
        )
    return _verdict(state, told, rate, factor, tuple(parts), limit.name, reached)


def _verdict(
    state: Literal["met", "not met", "not measured"],
    sentence: str,
    rate: float | None = None,
    factor: float | None = None,
    parts: tuple[Part, ...] = (),
    limited_by: Literal["network", "kernels", "storage", "copy"] | None = None,
    reached_share: float | None = None,
) -> Verdict:
    return Verdict(
        boundary=REQUIRED,
        requirement=REQUIREMENT,
        required_frames_per_s=REQUIRED_FRAMES_PER_S,
        state=state,
        frames_per_s=rate,
        factor=factor,
        limited_by=limited_by,
        parts=parts,
        reached_share=reached_share,
        sentence=sentence,
    )


def _parts(rows: Sequence[Row], ceilings: Ceilings, frame_bytes: int, rate: float, is_gpu: bool) -> list[Part]:
    alone = {
        "network": _best(rows, PREPARED_NETWORK),
        "kernels": _best(rows, RESIDENT),
        "storage": _ceiling_rate(ceilings, STORAGE_READ, frame_bytes),
        "copy": _ceiling_rate(ceilings, HOST_TO_DEVICE, frame_bytes) if is_gpu else None,
    }
    return [
        Part.model_validate({"name": name, "frames_per_s": found, "share_of_time": rate / found})
        for name, found in alone.items()
        if found
    ]


def _allowed(parts: Sequence[Part]) -> float:
    # network and kernels take turns on the same cores; reading and copying go on beside them
    computing = sum(1 / part.frames_per_s for part in parts if part.name in ("network", "kernels"))
    beside = [1 / part.frames_per_s for part in parts if part.name in ("storage", "copy")]
    return 1 / max(computing, *beside, 0.0)


def _best(rows: Sequence[Row], boundary: str) -> float | None:
    return max((row.frames_per_s for row in rows if row.boundary == boundary and row.frames_per_s), default=None)


def _ceiling_rate(ceilings: Ceilings, name: str, frame_bytes: int) -> float | None:
    best = ceilings.best(name)
    return best.value * 1e9 / frame_bytes if best is not None and best.value else None


def _say_factor(factor: float) -> str:
    return f"{factor:.1f} times what is required" if factor >= 1 else f"{factor:.2f} of what is required"
