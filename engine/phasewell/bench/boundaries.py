"""Boundaries without storage: frames that already lie where they are computed, and what is done with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from phasewell.bench.ceilings import Ceiling, Ceilings
from phasewell.bench.frames import FRAME, Effort, read_batch
from phasewell.bench.parity import compare_cells
from phasewell.bench.rows import RESIDENT, Parity, Row, say_frames_per_s, speed_row
from phasewell.bench.timing import Times, time_calls
from phasewell.bench.watching import Watched, Watcher
from phasewell.config import BackgroundConfig, SegmentationConfig
from phasewell.device import Device
from phasewell.frames import FrameBatch
from phasewell.plate import Plate
from phasewell.runs.worker.measuring import measure_cells

_LABEL_BYTES = 4
Say = Callable[[str], None]


@dataclass(frozen=True)
class Bench:
    """What every boundary of one run shares."""

    device: Device
    effort: Effort
    ceilings: Ceilings
    conditions: Mapping[str, Any]
    say: Say

    def about(self, boundary: str, inside: str, engine: str, preset: str) -> dict[str, Any]:
        """Return the fields that a row has whatever comes of it."""
        return {
            "boundary": boundary,
            "inside": inside,
            "device": self.device.name,
            "engine": engine,
            "preset": preset,
            "frame": FRAME,
            "conditions": dict(self.conditions),
        }


def measure_resident(bench: Bench, plate: Plate) -> Iterator[Row]:
    """Yield segmentation and descriptors of frames in the device's memory, one row per batch size."""
    device, effort = bench.device, bench.effort
    parity = compare_cells(read_batch(plate, effort.parity_frames), device)
    preset = SegmentationConfig().preset
    inside = "frames in the device's memory -> rows of cells in host memory; labels are not written out"
    about = bench.about(RESIDENT, inside, device.engine, preset)
    for frames in effort.batches:
        batch = read_batch(plate, frames)
        resident = FrameBatch(device.put(batch.pixels), batch.pixel_size_um)
        cells = 0

        def call(resident: FrameBatch = resident) -> None:
            nonlocal cells
            cells = len(measure_cells(resident, device, BackgroundConfig(), SegmentationConfig())[0])

        watcher = Watcher(device)
        times = time_calls(call, effort.pace, watcher)
        moved = batch.pixels[0].nbytes * (1 + _LABEL_BYTES if device.is_gpu else 1)
        counted = "frame read, labels written (GPU)" if device.is_gpu else "frame read"
        speed = batch_speed(times, watcher.watched, frames, f"a batch of {frames} frames")
        speed |= {"cells_per_frame": cells / frames, "bytes_counted": counted}
        yield _told(bench, add_ceilings(about, speed, parity, moved, bench.ceilings.memory))


def _told(bench: Bench, row: Row) -> Row:
    bench.say(f"{row.boundary}, {row.batch_frames} frames a batch: {say_rate(row)}")
    return row


def say_rate(row: Row) -> str:
    """Return the rate in words, or what became of it."""
    return say_frames_per_s(row.frames_per_s) if row.frames_per_s is not None else f"{row.state}: {row.reason}"


def batch_speed(times: Times, watched: Watched, frames: int, latency_of: str) -> dict[str, Any]:
    """Return the fields of a row that follow from the times of calls with so many frames each."""
    return {
        "batch_frames": frames,
        "frames_per_s": frames / times.p50_s,
        "p50_ms": times.p50_s * 1e3,
        "p95_ms": times.p95_s * 1e3,
        "latency_of": latency_of,
        "spread": times.spread,
        "warm_up_s": times.warm_up_s,
        "repeats": len(times.calls_s),
        "frames": frames,
        **watched.as_values(frames * len(times.calls_s)),
    }


def add_ceilings(
    about: Mapping[str, Any],
    speed: Mapping[str, Any],
    parity: Parity,
    bytes_per_frame: int,
    copy: Ceiling | None,
    operations: tuple[float, Ceiling | None] | str = "no network in it",
) -> Row:
    """Return the row of a speed with its shares of the ceilings.

    `operations` are those of a frame, with the ceiling of their number format; or the reason why there are none.
    """
    rate, absent = float(speed["frames_per_s"]), dict(speed["absent"])
    shares: dict[str, Any] = {"gb_per_s": rate * bytes_per_frame / 1e9}
    if copy is not None and copy.value:
        shares |= {"gb_per_s_share": shares["gb_per_s"] / copy.value, "gb_per_s_ceiling": copy.title}
    else:
        absent |= dict.fromkeys(("gb_per_s_share", "gb_per_s_ceiling"), "that ceiling was not measured in this run")
    if isinstance(operations, str):
        absent |= dict.fromkeys(("tflop_per_s", "tflop_per_s_share", "tflop_per_s_ceiling"), operations)
    else:
        shares["tflop_per_s"] = rate * operations[0] / 1e12
        ceiling = operations[1]
        if ceiling is not None and ceiling.value:
            shares |= {
                "tflop_per_s_share": shares["tflop_per_s"] / ceiling.value,
                "tflop_per_s_ceiling": ceiling.title,
            }
        else:
            why = "no ceiling was measured for this number format"
            absent |= dict.fromkeys(("tflop_per_s_share", "tflop_per_s_ceiling"), why)
    return speed_row(about, {**speed, **shares, "absent": absent}, parity)
