"""The frames that are measured: a simulated plate in a store, seeded, made here, nothing is fetched."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import numpy as np

from phasewell.bench.timing import Pace
from phasewell.device import Device
from phasewell.errors import StorageError
from phasewell.frames import FrameBatch
from phasewell.plate import Plate
from phasewell.runs.simulated_plates import simulate

FRAME_PX = (904, 1224)
"""Height and width: what the published networks saw, as pictures of 226 x 306 px."""
FRAME_BYTES = FRAME_PX[0] * FRAME_PX[1]
PIXEL_SIZE_UM = 0.87
SEED = 0
FRAME = f"simulated (seed {SEED}), {FRAME_PX[0]} x {FRAME_PX[1]} uint8, {PIXEL_SIZE_UM} um/px"


@dataclass(frozen=True)
class Effort:
    """How much is measured. The plate has clones x fields x times frames; cells grow in number with the times."""

    clones: int
    fields: int
    times: int
    batches: tuple[int, ...]
    network_batches: tuple[int, ...]
    runs: int
    """Repeats of a whole run, after one run of the first well that warms up."""
    pace: Pace
    copy_mib: tuple[int, ...]
    file_mib: int
    parity_frames: int

    @property
    def frames(self) -> int:
        """Frames of the plate."""
        return self.clones * self.fields * self.times

    @property
    def store_bytes(self) -> int:
        """What the store takes on disk, about."""
        return self.frames * FRAME_BYTES * 101 // 100 + self.file_mib * 2**20


def choose_effort(device: Device, quick: bool) -> Effort:
    """Return the effort for a device: `quick` is for minutes on two cores, seconds on a GPU."""
    if not device.is_gpu:
        if quick:
            return Effort(2, 8, 4, (1, 16), (1, 8), 2, Pace(3, 0.4, 4.0), (4, 64), 128, 2)
        return Effort(6, 32, 6, (1, 4, 16, 64), (1, 4, 8, 16, 32), 5, Pace(5, 3.0, 30.0), (1, 4, 64, 256), 1024, 8)
    if quick:
        return Effort(8, 32, 4, (16, 64, 256), (1, 32, 128), 2, Pace(5, 0.5, 5.0), (16, 256), 1024, 8)
    batches, network = (1, 16, 64, 128, 256, 512), (1, 8, 32, 64, 128, 256, 512)
    return Effort(15, 64, 15, batches, network, 5, Pace(10, 3.0, 30.0), (1, 16, 64, 256, 1024), 4096, 16)


def make_plate(store: Path, effort: Effort) -> Plate:
    """Simulate the plate into a store; raises StorageError when its folder has too little room."""
    folder = store.parent
    free = shutil.disk_usage(folder).free
    if free < 1.1 * effort.store_bytes:
        raise StorageError(
            f"{folder}: {free / 1e9:.1f} GB free, {1.1 * effort.store_bytes / 1e9:.1f} GB needed for the simulated "
            "plate; give another place with --folder, or use --quick"
        )
    return simulate(
        store,
        clones=effort.clones,
        fields=effort.fields,
        times=effort.times,
        seed=SEED,
        frame_shape=FRAME_PX,
        pixel_size_um=PIXEL_SIZE_UM,
    )


def read_batch(plate: Plate, frames: int) -> FrameBatch:
    """Return a batch of so many frames in host memory, spread over the plate's units; few different ones repeat."""
    units = list(plate.units())
    each = -(-frames // len(units))
    names = tuple(field.name for field in plate.fields[:each])
    pixels = np.concatenate([plate.frames(unit.well, unit.time, names).pixels for unit in units[:frames]])
    chosen = list(islice(cycle(range(len(pixels))), frames))
    return FrameBatch(np.ascontiguousarray(pixels[chosen]), plate.pixel_size_um)
