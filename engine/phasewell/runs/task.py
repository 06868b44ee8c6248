"""One unit, from its shard to its committed part. The same bytes on every worker and in any batch size."""

from __future__ import annotations

import functools
import os
import socket
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from phasewell.config import Config
from phasewell.device import Device
from phasewell.errors import InputError, PhasewellError, StorageError, UsageError
from phasewell.frames import FrameBatch
from phasewell.plate import FrameRecord, Plate
from phasewell.profiles import Moments
from phasewell.runs.allocation import keep_freed_memory
from phasewell.runs.assembly import MeasuredFrame, assemble_part, split_cells
from phasewell.runs.code import code_version
from phasewell.runs.kept_labels import keep_labels
from phasewell.runs.keys import cells_stage, unit_key
from phasewell.runs.ledger import CELLS_FOLDER
from phasewell.runs.receipts import CheckStop, Receipt, TaskContext
from phasewell.runs.unit_plan import UnitPlan
from phasewell.tables.parts import QUALITY_COLUMNS, write_part

_TRIES = 3  # of a read, and of a single frame that raises
_UnitRead = tuple[FrameBatch, tuple[FrameRecord, ...], str | None]  # good frames, all records, what went wrong


def process_lease(context: TaskContext, units: Sequence[UnitPlan]) -> list[Receipt]:
    """Process units one after the other and return their receipts. This is what a Dask worker runs."""
    return [process_unit(context, unit) for unit in units]


def process_unit(
    context: TaskContext,
    planned: UnitPlan,
    check: CheckStop | None = None,
    condemned: Mapping[str, str] = MappingProxyType({}),
    enter: Callable[[str], None] | None = None,
) -> Receipt:
    """Read, judge, segment, describe and commit one unit.

    `check` is called between batches and may raise. `condemned` are fields that killed a process, with the reason:
    they are quarantined without being computed. `enter` is told each field before its frame, one frame at a time.
    Raises UsageError when this host has other code than the driver, InputError when the plate changed since the
    plan, StorageError when the shard cannot be read or the part cannot be written.
    """
    started = time.monotonic()
    keep_freed_memory()
    if code_version() != context.code_version:
        raise UsageError(
            f"host {socket.gethostname()}: phasewell {code_version()}, the run was planned with "
            f"{context.code_version}; install the same version everywhere"
        )
    plate = _plate(str(context.config.plate.store), context.plate_digest)
    batch, records, failure = _read(plate, planned, context)
    device = Device(context.device, context.config.compute.engine, context.threads)
    measured = {key.field: MeasuredFrame(key, condemned[key.field]) for key in batch.keys if key.field in condemned}
    chosen = [i for i, key in enumerate(batch.keys) if key.field not in condemned]
    size = 1 if enter else device.batch_frames
    for start in range(0, len(chosen), size):
        if check:
            check()
        taken = _take(batch, chosen[start : start + size])
        if enter:
            enter(taken.keys[0].field)
        for frame in measure_frames(taken, device, context.config, frozenset(planned.label_fields)):
            measured[frame.key.field] = frame
    receipt = _commit(context, planned, plate, records, measured, started)
    return replace(receipt, failures=(*receipt.failures, failure)) if failure else receipt


def _commit(
    context: TaskContext,
    planned: UnitPlan,
    plate: Plate,
    records: Sequence[FrameRecord],
    measured: dict[str, MeasuredFrame],
    started: float,
) -> Receipt:
    labels = {field: frame.labels for field, frame in measured.items() if frame.labels is not None}
    if planned.label_fields:
        keep_labels(context.run_folder, plate, planned, labels)  # before the part, which says that all is done
    table = assemble_part(plate, records, measured, planned.key, context.code_version)
    part = write_part(context.run_folder / CELLS_FOLDER, planned.well, planned.time, planned.key, table)
    status = table.column("status").to_pylist()
    failures = {frame.reason: frame.failure for frame in measured.values() if frame.failure}
    return Receipt(
        well=planned.well,
        time=planned.time,
        sha256=part.sha256,
        n_processed=status.count("processed"),
        n_quarantined=status.count("quarantined"),
        n_missing=status.count("missing"),
        n_cells=sum(n or 0 for n in table.column("n_cells").to_pylist()),
        seconds=time.monotonic() - started,
        host=socket.gethostname(),
        pid=os.getpid(),
        device=context.device,
        failures=tuple(text for text in failures.values() if text),
    )


def forget_plate() -> None:
    """Open the plate anew for the next unit: a process may see several runs, and the store may change between them."""
    _plate.cache_clear()


@functools.lru_cache(maxsize=1)
def _plate(store: str, plate_digest: str) -> Plate:  # noqa: ARG001 - a plate that changed is opened anew
    from phasewell.images import open_plate

    return open_plate(store)


def _read(plate: Plate, planned: UnitPlan, context: TaskContext) -> _UnitRead:
    unit = plate.unit(planned.well, planned.time)
    stage = cells_stage(plate, context.config, context.code_version)
    if unit_key(stage, unit, plate.times_h[unit.time], plate.reader.read_records(unit)) != planned.key:
        raise InputError(f"{unit}: its frames changed since the run was planned; run the command again")
    for attempt in range(1, _TRIES + 1):
        try:
            return *plate.reader.read_unit(unit), None
        except OSError as error:
            if attempt == _TRIES:
                raise StorageError(f"{unit}: cannot be read ({error}); run the command again to resume") from error
        except InputError as error:  # such as damaged metadata of one well: it costs its units, not the run
            nothing = FrameBatch(np.zeros((0, *plate.frame_shape), np.uint8), plate.pixel_size_um)
            return nothing, _quarantine_all(plate.reader.read_records(unit), error), traceback.format_exc()
    raise AssertionError(attempt)


def _quarantine_all(records: Sequence[FrameRecord], error: Exception) -> tuple[FrameRecord, ...]:
    reason = f"error:{type(error).__name__}"
    return tuple(
        replace(record, status="quarantined", reason=reason, sha256=None) if record.status == "present" else record
        for record in records
    )


def _take(batch: FrameBatch, indices: Sequence[int]) -> FrameBatch:
    if len(indices) == len(batch):
        return batch
    keys = tuple(batch.keys[i] for i in indices)
    together = len(indices) > 0 and indices[-1] - indices[0] == len(indices) - 1
    pixels = batch.pixels[indices[0] : indices[-1] + 1] if together else batch.pixels[list(indices)]
    return FrameBatch(pixels, batch.pixel_size_um, keys)


def measure_frames(batch: FrameBatch, device: Device, config: Config, keep: frozenset[str]) -> list[MeasuredFrame]:
    """Measure a batch; where that raises, find the frames at fault by halving and let only them fail.

    `keep` are the fields whose labels are returned. Errors of the configuration or of the device are raised.
    """
    reason = trace = ""
    for _ in range(_TRIES if len(batch) == 1 else 1):
        try:
            return _measure(batch, device, config, keep)
        except Exception as error:
            if isinstance(error, PhasewellError) and not isinstance(error, InputError):
                raise
            reason, trace = f"error:{type(error).__name__}", traceback.format_exc()
    if len(batch) == 1:
        return [MeasuredFrame(batch.keys[0], reason=reason, failure=f"{batch.keys[0]}\n{trace}")]
    half = len(batch) // 2
    first, second = _take(batch, range(half)), _take(batch, range(half, len(batch)))
    return [*measure_frames(first, device, config, keep), *measure_frames(second, device, config, keep)]


def _measure(batch: FrameBatch, device: Device, config: Config, keep: frozenset[str]) -> list[MeasuredFrame]:
    from phasewell.descriptors import field_moments
    from phasewell.quality import assess, confluence_of_cells, judge
    from phasewell.runs.measuring import measure_cells

    resident = FrameBatch(device.put(batch.pixels), batch.pixel_size_um, batch.keys)  # the one copy to the device
    quality = assess(resident, device)
    verdicts = judge(quality, None, config.quality)
    columns: dict[str, Any] = {name: getattr(quality, name) for name in QUALITY_COLUMNS if hasattr(quality, name)}
    outcome = [
        MeasuredFrame(key, verdict.reject_reason, verdict.flags, {name: float(v[i]) for name, v in columns.items()})
        for i, (key, verdict) in enumerate(zip(batch.keys, verdicts, strict=True))
    ]
    good = [i for i, frame in enumerate(outcome) if frame.reason is None]
    if not good:
        return outcome
    usable = _take(resident, good)
    wanted = any(key.field in keep for key in usable.keys)
    cells, labels = measure_cells(usable, device, config.background, config.segmentation, wanted)
    covered = np.full(len(batch), np.nan)
    covered[good] = confluence_of_cells(cells, usable.pixels.shape[1] * usable.pixels.shape[2])
    verdicts = judge(quality, covered, config.quality)
    moments = field_moments(cells)
    for place, i in enumerate(good):
        frame, one = outcome[i], slice(place, place + 1)
        outcome[i] = replace(
            frame,
            reason=verdicts[i].reject_reason,
            flags=verdicts[i].flags,
            quality={**frame.quality, "confluence": float(covered[i])},
            cells=split_cells(cells, place),
            moments=Moments(moments.n[one], moments.mean[one], moments.m2[one]),
            labels=device.get(labels[place]).copy() if frame.key.field in keep else None,
        )
    return outcome
