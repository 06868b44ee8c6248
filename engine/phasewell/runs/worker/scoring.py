"""The stage `scores`: which model looks at a plate and how, decided once; and the way of frames to it on a worker.

A lane makes the pictures of a batch from the resident pixels, a sixteenth of their size, and goes on with cells; a
thread of its own hands them to the network. So the cells of later units are measured while the network works.
"""

from __future__ import annotations

import functools
import socket
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from phasewell_kernels.failures import OutOfMemory

from phasewell.config import Config
from phasewell.device import Device
from phasewell.errors import InputError, PhasewellError, UsageError
from phasewell.inference import (
    Framing,
    Session,
    SessionIdentity,
    ShownFrames,
    frame_windows,
    identify_session,
    open_session,
    read_model,
    score_shown,
    show_frames,
    softmax,
)
from phasewell.manifest import SCHEMA_VERSION
from phasewell.plate import FrameKey, FrameRecord, Plate
from phasewell.runs.folder.code import scores_code_version
from phasewell.tables.score_parts import ScoreRow, make_scores_part

_TRIES = 3  # of a single frame that raises


@dataclass(frozen=True)
class ScoringPlan:
    """Who scores the frames of a run and what of them, the same on every worker."""

    model: Path
    identity: SessionIdentity
    acceleration: str
    mode: str  # of the brightness adjustment
    framing: Framing
    classes: tuple[str, ...]
    network: str
    pretrained: bool
    origin: str  # what the weights are, in the words of the model's card
    code_version: str

    def session_document(self) -> dict[str, str]:
        """Return who scores, as parts and manifest say it: no path, no host."""
        return {**self.identity.to_dict(), "mode": self.mode}

    def model_document(self) -> dict[str, Any]:
        """Return who scores with what the model's card says of itself, for the run's manifest."""
        facts = {"network": self.network, "pretrained": self.pretrained, "origin": self.origin}
        return {**self.session_document(), **facts, "classes": list(self.classes)}

    def stage(self, plate: Plate) -> dict[str, Any]:
        """Return all that the stage reads and that is the same for every unit of the plate."""
        return {
            "stage": "scores",
            "code": self.code_version,
            "schema": SCHEMA_VERSION,
            "session": self.session_document(),
            "framing": list(self.framing),
            "classes": self.classes,
            "pixel_size_um": plate.pixel_size_um,
            "window": plate.window,
            "frame_shape": plate.frame_shape,
            "dtype": plate.dtype,
        }


def plan_scoring(plate: Plate, config: Config, device: Device) -> ScoringPlan | None:
    """Return who scores this plate, None without a model; nothing heavy is loaded.

    Raises InputError and SecurityError for a model folder that cannot be used, UsageError for frames of another scale
    or too small for it, UnavailableError for a backend that is not installed.
    """
    section = config.inference
    if section.model is None:
        return None
    model = read_model(section.model)
    return ScoringPlan(
        model=section.model,
        identity=identify_session(model, device, section.precision, section.backend, section.acceleration),
        acceleration=section.acceleration,
        mode=section.mode or model.card.brightness,
        framing=frame_windows(model.card, plate.frame_shape, plate.pixel_size_um),
        classes=model.card.classes,
        network=model.card.network,
        pretrained=model.card.pretrained,
        origin=model.card.origin,
        code_version=scores_code_version(),
    )


@dataclass(frozen=True)
class ScoredFrame:
    """What became of one frame that was shown, or why it was not."""

    key: FrameKey
    reason: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)  # the columns of ScoreRow that it fills
    failure: str | None = None  # traceback


@dataclass(frozen=True)
class Shown:
    """A batch on its way to the network: pictures and what was done to its frames, or why there is none."""

    keys: tuple[FrameKey, ...]
    frames: ShownFrames | None
    failures: tuple[ScoredFrame, ...] = ()


class Scorer:
    """The session of a worker, and what it makes of batches. `score` may be called from several threads at once.

    Raises UsageError when this host would score with other code or otherwise than planned.
    """

    def __init__(self, plan: ScoringPlan, device: Device) -> None:
        if scores_code_version() != plan.code_version:
            raise UsageError(
                f"host {socket.gethostname()}: scores by {scores_code_version()}, the run was planned with "
                f"{plan.code_version}; install the same version everywhere"
            )
        self._plan, self._session = plan, _session(plan, device)

    def show(self, pixels: Any, keys: Sequence[FrameKey], device: Device) -> Shown:
        """Return the pictures of frames (frames, height, width) that lie on the device."""
        try:
            return Shown(tuple(keys), show_frames(pixels, self._plan.framing, self._plan.mode, device))  # type: ignore[arg-type]
        except OutOfMemory:  # of a GPU: no frame is at fault
            raise
        except Exception as error:
            if isinstance(error, PhasewellError) and not isinstance(error, InputError):
                raise
            reason, trace = f"error:{type(error).__name__}", traceback.format_exc()
            failures = tuple(ScoredFrame(key, reason, failure=f"{key}\n{trace}") for key in keys)
            return Shown((), None, failures)

    def score(self, shown: Shown) -> list[ScoredFrame]:
        """Score a batch; where that raises, find the frames at fault by halving and let only them fail."""
        if shown.frames is None:
            return list(shown.failures)
        reason = trace = ""
        for _ in range(_TRIES if len(shown.keys) == 1 else 1):
            try:
                return self._score(shown.keys, shown.frames)
            except Exception as error:
                if isinstance(error, PhasewellError) and not isinstance(error, InputError):
                    raise
                reason, trace = f"error:{type(error).__name__}", traceback.format_exc()
        if len(shown.keys) == 1:
            return [ScoredFrame(shown.keys[0], reason, failure=f"{shown.keys[0]}\n{trace}")]
        half = len(shown.keys) // 2
        parts = slice(half), slice(half, None)
        return [frame for part in parts for frame in self.score(Shown(shown.keys[part], shown.frames.take(part)))]

    def _score(self, keys: Sequence[FrameKey], frames: ShownFrames) -> list[ScoredFrame]:
        found = score_shown(frames, self._session)
        probabilities = softmax(found.logits)
        scored = []
        for i, key in enumerate(keys):
            bright = bool(found.too_bright[i])
            facts: dict[str, Any] = {
                "mean_v": float(found.mean_v[i]),
                "too_bright": bright,
                "adjustment": float(found.adjustments[i]),
                "clipped_share": float(found.clipped_share[i]),
            }
            finite = bool(np.isfinite(found.logits[i]).all())
            if finite:
                facts |= {"logits": tuple(found.logits[i].tolist()), "probabilities": tuple(probabilities[i].tolist())}
            scored.append(ScoredFrame(key, None if finite else "too_bright" if bright else "not_finite", facts))
        return scored


def assemble_scores(
    plan: ScoringPlan, plate: Plate, records: Sequence[FrameRecord], scored: Mapping[str, ScoredFrame], key: str
) -> pa.Table:
    """Return the scores part of one unit from its records, in field order, and the scored frames by field name."""
    rows = []
    for record in records:
        frame = scored[record.key.field] if record.status == "present" else None
        reason = frame.reason if frame else record.reason or record.status
        status = "processed" if reason is None else "missing" if record.status == "missing" else "quarantined"
        time_h = plate.times_h[record.key.time]
        facts = frame.facts if frame else {}
        rows.append(ScoreRow(record.key, time_h, status, reason, record.sha256, **facts))
    return make_scores_part(
        rows, key=key, code_version=plan.code_version, classes=plan.classes, session=plan.session_document()
    )


@functools.lru_cache(maxsize=1)
def _session(plan: ScoringPlan, device: Device) -> Session:
    """Return the session of this process; it is loaded once, as later runs are likely to use the same."""
    precision: Any = plan.identity.precision
    backend: Any = plan.identity.backend.split()[0]
    acceleration: Any = plan.acceleration
    session = open_session(plan.model, device, precision, backend, acceleration, plan.framing.picture_px)
    if session.identity != plan.identity:
        raise UsageError(
            f"host {socket.gethostname()}: {session.identity}; the run was planned with {plan.identity}; scores of two "
            "kinds are never mixed: use hosts of one kind, or plan the run on one of these"
        )
    return session
