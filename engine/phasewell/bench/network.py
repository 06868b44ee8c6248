"""Boundaries with a network: pictures to scores, and frames to scores."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.bench.boundaries import Bench, add_ceilings, batch_speed, say_rate
from phasewell.bench.ceilings import MATRIX, Ceiling
from phasewell.bench.frames import FRAME_PX, PIXEL_SIZE_UM, read_batch
from phasewell.bench.rows import NETWORK, PREPARED_NETWORK, Parity, Row, missing_row
from phasewell.bench.timing import time_calls
from phasewell.bench.verdict import REQUIRED_NETWORK
from phasewell.bench.watching import Watcher
from phasewell.device import Device
from phasewell.errors import UnavailableError
from phasewell.inference import frame_windows, make_untrained_model, open_session, prepare_frames
from phasewell.inference.gate import TOLERANCES
from phasewell.inference.scoring import score_frames
from phasewell.networks import count_work, make_network

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phasewell.inference import Framing, Model, Session
    from phasewell.plate import Plate

REMEDY = "install the extras serve and train: `phasewell doctor` shows the lines"
_NUMBERS = {"f32": "float32", "bf16": "bfloat16", "f16": "float16", "int8": "int8"}
_INSIDE = {
    NETWORK: "pictures in the device's memory -> scores in host memory",
    PREPARED_NETWORK: "frames in the device's memory -> brightness rule, pictures -> scores in host memory",
}


@dataclass(frozen=True)
class Network:
    """An untrained network that is ready to score, the same in float32 on the CPU, and what a picture costs."""

    model: Model
    session: Session
    single: Session
    """For one frame at a time: on a GPU, where a session fills up its batches, one whose batch is a single picture."""
    reference: Session
    framing: Framing
    operations: float
    """Multiplications and additions a picture."""

    @property
    def engine(self) -> str:
        """Name, picture, backend, precision and hardware in words."""
        height, width = self.framing.picture_px
        who = self.session.identity
        name = self.model.card.network
        return f"{name}, untrained, pictures of {height} x {width}: {who.backend} in {who.precision} on {who.hardware}"

    def ceiling(self, bench: Bench) -> Ceiling | None:
        """Return the rate of matrix products in the network's number format."""
        return bench.ceilings.best(MATRIX, _NUMBERS[self.session.identity.precision])

    def score(self, pixels: Any, session: Session, device: Device) -> NDArray[np.float32]:
        """Return the logits (frames, classes) of frames, as a run makes them."""
        return score_frames(pixels, session, self.framing, self.model.card.brightness, device).logits

    def compare(self, found: NDArray[np.float32], pixels: NDArray[np.uint8], equal: dict[str, bool]) -> Parity:
        """Compare logits of frames with float32 on the CPU, in units of the gate: of the largest logit, at least 1."""
        wanted = self.score(pixels, self.reference, Device("cpu"))
        scale = max(1.0, float(np.abs(wanted).max()))
        comparable = found.shape == wanted.shape and bool(np.isfinite(found).all())
        far = float(np.finfo(np.float64).max)
        return Parity(
            against=f"{self.reference.identity.backend} in float32 on the CPU",
            frames=len(pixels),
            equal=equal,
            largest_difference=float(np.abs(found - wanted).max()) / scale if comparable else far,
            tolerance=TOLERANCES[self.session.identity.precision],
        )


def open_network(bench: Bench, folder: Path, name: str = REQUIRED_NETWORK) -> Network | UnavailableError:
    """Make an untrained network below `folder` and load it; or return what is not installed."""
    bench.say(f"making an untrained {name}")
    try:
        model = make_untrained_model(folder / "model", name, frame_px=FRAME_PX)
        session = open_session(model, bench.device)
        single = open_session(model, bench.device, batch=1) if bench.device.is_gpu else session
        reference = open_session(model, Device("cpu"), "f32", "torch")
    except UnavailableError as error:
        return error
    framing = frame_windows(model.card, FRAME_PX, PIXEL_SIZE_UM)
    work = count_work(make_network(name, len(model.card.classes)), *framing.picture_px)
    return Network(model, session, single, reference, framing, 2.0 * work.multiply_adds * framing.windows)


def measure_network(
    bench: Bench, plate: Plate, network: Network | UnavailableError, name: str = REQUIRED_NETWORK
) -> Iterator[Row]:
    """Yield pictures to scores, then frames to scores, one row per batch size; or why they are not measured."""
    if isinstance(network, UnavailableError):
        for boundary, inside in _INSIDE.items():
            yield missing_row(bench.about(boundary, inside, name, "none"), str(network), REMEDY)
        return
    parity = _compare_sample(bench, plate, network)
    for boundary, inside in _INSIDE.items():
        about = bench.about(boundary, inside, network.engine, "none")
        for frames in bench.effort.network_batches:
            call, moved = _work(boundary, network, plate, frames, bench.device)
            watcher = Watcher(bench.device)
            times = time_calls(call, bench.effort.pace, watcher)
            speed = batch_speed(times, watcher.watched, frames, f"a batch of {frames} frames")
            speed |= {"cells_per_frame": None, "bytes_counted": "picture read" if boundary == NETWORK else "frame read"}
            speed["absent"] |= {"cells_per_frame": "no segmentation in it"}
            operations = (network.operations, network.ceiling(bench))
            row = add_ceilings(about, speed, parity, moved, bench.ceilings.memory, operations)
            bench.say(f"{boundary}, {frames} frames a batch: {say_rate(row)}")
            yield row


def _compare_sample(bench: Bench, plate: Plate, network: Network) -> Parity:
    """Compare the scores of some frames with the reference, and with themselves one by one."""
    pixels = read_batch(plate, bench.effort.parity_frames).pixels
    found = network.score(pixels, network.session, bench.device)
    singles = [network.score(pixels[i : i + 1], network.session, bench.device) for i in range(len(pixels))]
    return network.compare(found, pixels, {"scores in any batch": found.tobytes() == np.concatenate(singles).tobytes()})


def _work(
    boundary: str, network: Network, plate: Plate, frames: int, device: Device
) -> tuple[Callable[[], object], int]:
    """Return the call of a boundary on resident frames, and the bytes that it must read of a frame."""
    pixels = device.put(read_batch(plate, frames).pixels)
    session = network.single if frames == 1 else network.session
    if boundary == PREPARED_NETWORK:
        return lambda: network.score(pixels, session, device), pixels[0].nbytes
    prepared = prepare_frames(network.framing.cut(pixels), network.model.card.brightness, device)
    pictures = network.framing.split(prepared.images)
    return lambda: session.scores(pictures), pictures.nbytes // frames
