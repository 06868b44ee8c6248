"""A model that is ready to score on one device."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.device import Device, as_device
from phasewell.errors import UsageError
from phasewell.inference.backends import (
    Acceleration,
    Backend,
    Precision,
    RunPictures,
    SessionIdentity,
    identify_session,
)
from phasewell.inference.gate import check_logits, check_repeated, count_flips, gate_pictures
from phasewell.inference.int8_file import read_int8
from phasewell.inference.model_file import Model, ModelCard, read_model

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Session:
    """A loaded model. `identity` says who scores; `gate_difference` how far it is from float32 torch, see `gate`.

    `gate_flips` counts the gate's pictures whose most probable class is another than float32 torch says.
    """

    def __init__(
        self,
        model: Model,
        identity: SessionIdentity,
        picture_px: tuple[int, int],
        run: RunPictures,
        difference: float,
        flips: int,
    ) -> None:
        self.card: ModelCard = model.card
        self.identity, self.picture_px, self.gate_difference, self.gate_flips = identity, picture_px, difference, flips
        self._run = run

    def scores(self, images: Any) -> NDArray[np.float32]:
        """Return the logits (frames, classes) float32 of pictures (frames, height, width) uint8, in host memory.

        Pictures are those of `prepare_frames`, of `picture_px`; CuPy arrays on a GPU, NumPy arrays on a CPU. Logits do
        not depend on how frames are batched. Raises UsageError for another dtype or size.
        """
        if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != self.picture_px:
            raise UsageError(
                f"pictures {images.dtype} {images.shape}: expected uint8 (frames, {self.picture_px[0]}, "
                f"{self.picture_px[1]}), as prepare_frames makes them of the model's frames"
            )
        if not len(images):
            return np.empty((0, len(self.card.classes)), np.float32)
        return self._run(images)


def open_session(
    model: Path | str | Model,
    device: Device | str = "auto",
    precision: Precision = "auto",
    backend: Backend = "auto",
    acceleration: Acceleration = "none",
    picture_px: tuple[int, int] | None = None,
    batch: int | None = None,
) -> Session:
    """Load a model on a device; nothing is chosen silently: `Session.identity` says backend, precision and hardware.

    `picture_px` are height and width of the pictures where frames are not of the model's size. `batch` is how many
    pictures torch takes at once, the last ones filled up; left out, as many as the device holds, which is what runs
    use. 1 is for single frames at low latency; it is another identity, since a GPU may round otherwise.
    Threads are those of the device. Before it is returned the session scores the gate's pictures; InputError when they
    differ from float32 torch by more than the tolerance of the precision (`gate.TOLERANCES`), or INT8 from where it was
    made.
    Raises InputError and SecurityError as `read_model`, UsageError and UnavailableError as `identify_session`.
    """
    model = model if isinstance(model, Model) else read_model(model)
    device = as_device(device)
    identity = identify_session(model, device, precision, backend, acceleration, batch)
    picture_px = picture_px or model.card.picture_px
    run = _compile(model, device, identity, picture_px, acceleration, batch)
    own_size = model.card.picture_px
    gate_run = run if picture_px == own_size else _compile(model, device, identity, own_size, acceleration, batch)
    record = model.card.gate
    pictures = gate_pictures(*own_size, record.seed)
    found = gate_run(device.put(pictures))
    who = f"model {model.folder} by {identity.backend} on {device.name}"
    expected = np.array(record.logits)
    difference = check_logits(found, expected, identity.precision, who)
    if identity.precision == "int8" and not device.is_gpu:  # a GPU multiplies the signed form, at other levels
        check_repeated(found, np.array(read_int8(model).card.gate.logits), who)
    return Session(model, identity, picture_px, run, difference, count_flips(found, expected))


def _compile(
    model: Model,
    device: Device,
    identity: SessionIdentity,
    picture_px: tuple[int, int],
    acceleration: Acceleration,
    batch: int | None,
) -> RunPictures:
    if identity.backend.startswith("openvino"):
        from phasewell.inference.openvino_backend import compile_openvino

        return compile_openvino(model, identity.precision, picture_px, device.threads)
    if identity.backend.startswith("tensorrt"):
        from phasewell.inference.tensorrt_backend import compile_tensorrt

        return compile_tensorrt(model, device, identity.precision, picture_px)
    from phasewell.inference.torch_backend import compile_torch

    return compile_torch(model, device, identity.precision, picture_px, acceleration, batch)
