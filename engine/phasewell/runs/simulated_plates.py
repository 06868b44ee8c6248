"""Write a simulated plate into a store, unit by unit; measure its true cells."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.errors import InputError, OutputError, UsageError
from phasewell.plate import Field, FrameKey, Plate, Unit

if TYPE_CHECKING:
    from phasewell.images.store import PlateWriter
    from phasewell.profiles import FieldMoments
    from phasewell.simulation import SimulationPlan

TRUTH_FILE = "truth.json"
PASSAGES_FILE = "passages.csv"
_FIELDS_AT_ONCE = 4  # truth labels take four times the memory of the frames


def simulate(
    path: Path | str,
    clones: int = 15,
    fields: int = 64,
    times: int = 15,
    seed: int = 0,
    frame_shape: tuple[int, int] = (1000, 1000),
    pixel_size_um: float = 0.87,
    workers: int = 0,
    progress: Callable[[int, int], None] | None = None,
    truth_labels: Path | str | None = None,
    bulk_lots: int = 0,
    bulk_wells: int = 3,
) -> Plate:
    """Make a synthetic plate with known truth: one clone per well, a frame of every field each 6 h from 6 h on.

    `frame_shape` is (height, width) in px; `workers` 0 means one thread per core; `progress` is called with
    (frames done, frames). The plate map holds clone, potency, donor and seed; `truth.json` in the store holds the
    latent traits, `passages.csv` their passages up to the potency. With `bulk_lots` the plate also holds lots of
    conventionally processed bulk cells, each in `bulk_wells` wells; their plate map has `lot` instead of clone and
    potency. `truth_labels` is a folder for a second store with the true label images (int32).
    The same arguments give the same bytes; units that are already there are kept, so the same call resumes.
    Raises UsageError for arguments out of range, OutputError when the folder holds anything else.
    """
    from phasewell.simulation import plan_plate

    plan = plan_plate(clones, fields, times, seed, frame_shape, pixel_size_um, bulk_lots, bulk_wells)
    return _write_plate(path, plan, workers, progress, truth_labels)


def simulate_lines(
    path: Path | str,
    lines: int = 8,
    wells: int = 1,
    fields: int = 64,
    times: int = 5,
    seed: int = 0,
    frame_shape: tuple[int, int] = (904, 1224),
    pixel_size_um: float = 0.87,
    workers: int = 0,
    progress: Callable[[int, int], None] | None = None,
    truth_labels: Path | str | None = None,
) -> Plate:
    """Make a synthetic plate of donor lines of two classes, high and low, half of each: paper K's kind of plate.

    A line fills `wells` wells, with a frame of every field each 6 h from 24 h on. The plate map holds line, class,
    donor and seed; `truth.json` also the share of small spindles, in which alone the classes differ. All else is as
    in `simulate`. Raises UsageError for arguments out of range or an odd number of lines, OutputError as there.
    """
    from phasewell.simulation import plan_lines

    plan = plan_lines(lines, wells, fields, times, seed, frame_shape, pixel_size_um)
    return _write_plate(path, plan, workers, progress, truth_labels)


def _write_plate(
    path: Path | str,
    plan: SimulationPlan,
    workers: int,
    progress: Callable[[int, int], None] | None,
    truth_labels: Path | str | None,
) -> Plate:
    from phasewell.images import open_plate

    if workers < 0:
        raise UsageError(f"simulate: workers={workers}; expected 0 (one per core) or more")
    writer = _open_store(Path(path), plan, "uint8")
    labels = _open_store(Path(truth_labels), plan, "int32") if truth_labels is not None else None
    writers = [writer] if labels is None else [writer, labels]
    units = list(writer.plate.units())
    missing = [unit for unit in units if not all(_is_complete(one, unit) for one in writers)]
    fields = plan.n_fields
    done = (len(units) - len(missing)) * fields
    stop = threading.Event()
    with _pool(workers or len(os.sched_getaffinity(0)), stop) as pool:
        waiting = {pool.submit(_write_unit, plan, unit, writer, labels, stop) for unit in missing}
        while waiting:
            finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in finished:
                future.result()
                done += fields
                if progress:
                    progress(done, len(units) * fields)
    return open_plate(path)


def read_simulation(store: Path | str) -> SimulationPlan:
    """Return the plan behind a simulated store, from its truth.json.

    Raises InputError when the store was not simulated, or by another version.
    """
    from phasewell.simulation import plan_from_truth

    path = Path(store) / TRUTH_FILE
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error}); expected a store made by `phasewell simulate`") from error
    return plan_from_truth(document, str(path))


def measure_truth(
    store: Path | str,
    window_h: tuple[float, float] | None = None,
    workers: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> FieldMoments:
    """Measure the true cells of a simulated plate on its stored frames: the profile a perfect segmentation gives.

    The true labels are drawn again from the seed; cells cut by the frame are left out, as in a run.
    `window_h` is the first and last hour, inclusive; None = all. `progress` is called with (frames done, frames).
    Raises InputError as `read_simulation` does, UsageError when no hour lies in the window.
    """
    from phasewell.images import open_plate
    from phasewell.profiles import FieldMoments, Moments

    plan, plate = read_simulation(store), open_plate(store)
    first, last = window_h or (plate.times_h[0], plate.times_h[-1])
    times = [i for i, hour in enumerate(plate.times_h) if first <= hour <= last]
    if not times:
        raise UsageError(f"plate {plate.name}: no hour in {first:g}..{last:g}; it has {plate.times_h}")
    units, done = [unit for unit in plate.units() if unit.time in times], 0
    stop = threading.Event()
    with _pool(workers or len(os.sched_getaffinity(0)), stop) as pool:
        futures = [pool.submit(_measure_unit, plan, plate, unit, stop) for unit in units]
        measured = []
        for future in futures:
            measured.append(future.result())
            done += plan.n_fields
            if progress:
                progress(done, len(units) * plan.n_fields)
    shape = (len(plate.wells), len(times), len(plate.fields))
    moments = Moments(*(np.stack(column).reshape(*shape, -1) for column in zip(*(m for m, _ in measured), strict=True)))
    n_cells = np.stack([n for _, n in measured]).reshape(shape)
    names = tuple(field.name for field in plate.fields)
    everything = np.ones(shape, np.bool_)
    hours = tuple(plate.times_h[i] for i in times)
    return FieldMoments(plate.wells, hours, names, moments, n_cells, everything, plate.pixel_size_um)


def _open_store(path: Path, plan: SimulationPlan, dtype: str) -> PlateWriter:
    """Make the store, or open it when it was begun by the same call; anything else in its place is refused."""
    from phasewell.durable import replace_file
    from phasewell.images import create_plate, open_writer
    from phasewell.simulation import truth_document

    truth = truth_document(plan)
    provenance = {"simulated": json.dumps({"version": truth["simulation_version"], **truth["arguments"]})}
    if (path / "zarr.json").is_file():
        writer = open_writer(path)
        if writer.plate.provenance != provenance or writer.plate.dtype != dtype:
            raise OutputError(
                f"{path}: holds plate {writer.plate.name} that this call did not begin "
                f"({writer.plate.provenance.get('simulated', 'not simulated')}); choose another folder"
            )
    else:
        writer = create_plate(
            path,
            name=f"simulated-{plan.seed}" + ("-labels" if dtype == "int32" else ""),
            wells=plan.wells,
            fields=name_fields(plan.n_fields),
            times_h=plan.times_h,
            frame_shape=plan.frame_shape,
            dtype=dtype,
            pixel_size_um=plan.pixel_size_um,
            platemap={
                culture.well: {**culture.labels, "donor": "simulated", "seed": plan.seed} for culture in plan.cultures
            },
            provenance=provenance,
        )
    if plan.clones and dtype == "uint8":
        replace_file(path / PASSAGES_FILE, [passages_text(plan).encode()])
    replace_file(path / TRUTH_FILE, [(json.dumps(truth, indent=1, sort_keys=True) + "\n").encode()])
    return writer


def passages_text(plan: SimulationPlan) -> str:
    """Return `passages.csv` of a plan: what every clone was seeded and harvested with, passage by passage."""
    from phasewell.populations import write_passages
    from phasewell.populations.passages import History, Passage, PassageLedger
    from phasewell.simulation import draw_passages

    rows: dict[str, list[Passage]] = {}
    for harvest in draw_passages(plan):
        rows.setdefault(harvest.clone, []).append(Passage(*harvest))
    return write_passages(PassageLedger(tuple(History(clone, tuple(own)) for clone, own in rows.items())))


def name_fields(count: int) -> tuple[Field, ...]:
    """Return fields f01, f02... row by row in the squarest mosaic, 8 x 8 for 64."""
    from phasewell.images import arrange_fields

    digits = max(len(str(count)), 2)
    return arrange_fields(tuple(f"f{i + 1:0{digits}d}" for i in range(count)))


def _is_complete(writer: PlateWriter, unit: Unit) -> bool:
    plate = writer.plate
    try:
        records = plate.records(unit.well, unit.time)
    except InputError:
        return False  # a damaged record file: the unit is written again, whole
    return all(record.status == "present" for record in records)


def _write_unit(
    plan: SimulationPlan, unit: Unit, writer: PlateWriter, labels: PlateWriter | None, stop: threading.Event
) -> None:
    names = [field.name for field in writer.plate.fields]
    frames: dict[str, Any] = {}
    truth: dict[str, Any] = {}
    for chosen, pixels, owners in _render_parts(plan, unit, stop):
        for field, frame, owner in zip(chosen, pixels, owners, strict=True):
            frames[names[field]] = frame
            if labels is not None:
                truth[names[field]] = owner
    if stop.is_set():
        return
    if labels is not None:
        labels.write_unit(labels.unit(unit.well, unit.time), truth)
    writer.write_unit(unit, frames)


def _render_parts(plan: SimulationPlan, unit: Unit, stop: threading.Event) -> Iterator[tuple[range, Any, Any]]:
    from phasewell.simulation import render_unit

    for first in range(0, plan.n_fields, _FIELDS_AT_ONCE):
        if stop.is_set():
            return
        chosen = range(first, min(first + _FIELDS_AT_ONCE, plan.n_fields))
        yield chosen, *render_unit(plan, unit.well, unit.time, chosen)


def _measure_unit(plan: SimulationPlan, plate: Plate, unit: Unit, stop: threading.Event) -> Any:
    from phasewell.descriptors import describe, field_moments
    from phasewell.frames import FrameBatch
    from phasewell.profiles import Moments
    from phasewell.simulation import drop_frame_touching

    parts, counts = [], []
    names = [field.name for field in plate.fields]
    for chosen, _, owners in _render_parts(plan, unit, stop):
        fields = tuple(names[i] for i in chosen)
        batch = plate.frames(unit.well, unit.time, fields)
        if batch.keys != tuple(FrameKey(unit.plate, unit.well, field, unit.time) for field in fields):
            raise InputError(f"{unit}: frames are missing; run the same `phasewell simulate` again to complete it")
        cells = describe(FrameBatch(batch.pixels, plate.pixel_size_um), drop_frame_touching(owners), device="cpu")
        parts.append(field_moments(cells))
        counts.append(np.bincount(cells.frame, minlength=len(fields)))
    return Moments(*(np.concatenate(column) for column in zip(*parts, strict=True))), np.concatenate(counts)


@contextmanager
def _pool(workers: int, stop: threading.Event) -> Iterator[ThreadPoolExecutor]:
    """Yield threads (drawing, hashing and writing release the GIL) that stop soon after an error or Ctrl-C."""
    pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="simulate")
    try:
        yield pool
    except BaseException:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)
        raise
    pool.shutdown()
