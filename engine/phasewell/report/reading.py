"""From a run folder to the content of its report, through the manifest only."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.cells import DESCRIPTOR_NAMES
from phasewell.durable import read_object
from phasewell.errors import PhasewellError
from phasewell.images import open_plate
from phasewell.manifest import MANIFEST_NAME
from phasewell.plate import Plate
from phasewell.profiles import FieldMoments, Profile, ProfileColumn
from phasewell.report.contact_sheets import Sheet, choose_frames, make_sheets
from phasewell.report.content import Content, PlateFacts
from phasewell.report.curves import Distribution, histogram
from phasewell.report.evaluations import read_models
from phasewell.report.gallery import make_gallery, open_labels
from phasewell.report.potency_study import read_study
from phasewell.report.size_density import SizeDensities, by_well_and_hour, size_densities
from phasewell.report.well_scores import read_scores
from phasewell.tables.applied import read_applied
from phasewell.tables.results import PlateInfo, Results, open_results

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from phasewell.manifest import RunManifest

QUALITY_COLUMNS = (
    "mean_v",
    "saturated_fraction",
    "black_fraction",
    "focus",
    "illumination_gradient",
    "confluence",
)
AGREEMENT_NAME = "agreement.json"


def read_content(run_dir: Path, agreement: Mapping[str, Any] | None = None, plate: Plate | None = None) -> Content:
    """Return all that the report of a finished run shows.

    `agreement` and `plate` default to agreement.json and to the store named in run.json. Raises InputError when the
    run is not finished or a file of it is damaged; a plate store that is not there costs gallery and plate map only.
    """
    results = open_results(run_dir)
    moments = results.field_moments()
    info = results.plate_info
    frames = frame_columns(results.frames(), info.times)
    notes: tuple[str, ...] = ()
    if plate is None:
        plate, notes = find_plate(info)
    if agreement is None and (run_dir / AGREEMENT_NAME).exists():
        agreement = read_object(run_dir / AGREEMENT_NAME, "make it again")
    pictures, gallery_note = make_gallery(run_dir, results.manifest, plate, frames)
    distributions, densities = _distributions(results, moments)
    return Content(
        manifest=results.manifest,
        plate=_plate_facts(info, plate),
        frames=frames,
        moments=moments,
        profile=wide_profile(results.profile(), info.pixel_size_um),
        distributions=distributions,
        densities=densities,
        models=read_models(run_dir / "models"),
        study=read_study(run_dir / "models"),
        applied=read_applied(run_dir, results.manifest.run_id),
        scores=read_scores(results),
        agreement=agreement,
        pictures=pictures,
        sheets=_sheets(run_dir, results.manifest, plate, frames, info.times),
        gallery_note=gallery_note,
        store=plate,
        times=info.times,
        notes=notes,
        manifest_sha256=hashlib.sha256((run_dir / MANIFEST_NAME).read_bytes()).hexdigest(),
    )


def frame_columns(table: pa.Table, times: tuple[int, ...]) -> dict[str, NDArray[Any]]:
    """Return the table `frames` as the columns that `Content.frames` holds.

    `time` becomes the index among the run's `times`, `plate_time` keeps the index in the plate; null numbers become
    NaN, null texts "".
    """
    columns: dict[str, NDArray[Any]] = {}
    for name in ("well", "field", "status", "reason", "frame_sha256"):
        columns[name] = np.array([value or "" for value in table.column(name).to_pylist()], dtype=object)
    columns["plate_time"] = np.array(table.column("time").to_pylist(), dtype=np.int64)
    columns["time"] = np.searchsorted(np.array(times, dtype=np.int64), columns["plate_time"])
    for name in ("time_h", *QUALITY_COLUMNS):
        columns[name] = np.array(
            [np.nan if value is None else value for value in table.column(name).to_pylist()], dtype=np.float64
        )
    flags = np.empty(table.num_rows, dtype=object)
    for i, value in enumerate(table.column("flags").to_pylist()):
        flags[i] = tuple(value or ())
    columns["flags"] = flags
    return columns


def wide_profile(table: pa.Table | None, pixel_size_um: float) -> Profile | None:
    """Return the table `profiles` (one row per well, hour, descriptor and statistic) as a Profile; None for none."""
    if table is None or table.num_rows == 0:
        return None
    data: dict[str, list[Any]] = {name: table.column(name).to_pylist() for name in table.column_names}
    wells = tuple(dict.fromkeys(data["well"]))
    named = zip(data["descriptor"], data["statistic"], data["time_h"], strict=True)
    columns = tuple(dict.fromkeys(ProfileColumn(*key) for key in named))
    times_h = tuple(dict.fromkeys(column.time_h for column in columns))
    shape = (len(wells), len(columns))
    first = [next(i for i, c in enumerate(columns) if c.time_h == hour) for hour in times_h]
    values = np.array([np.nan if v is None else v for v in data["value"]], dtype=np.float64).reshape(shape)
    return Profile(
        wells=wells,
        times_h=times_h,
        columns=columns,
        values=values,
        n_cells=np.array(data["n_cells"], dtype=np.int64).reshape(shape)[:, first],
        n_fields=np.array(data["n_fields"], dtype=np.int64).reshape(shape)[:, first],
        n_fields_expected=int(data["n_fields_expected"][0]),
        pixel_size_um=pixel_size_um,
    )


def find_plate(info: PlateInfo) -> tuple[Plate | None, tuple[str, ...]]:
    """Return the plate that run.json names, or None with a sentence on what its absence costs."""
    cost = "its plate map and origin are not shown, and whether its frames are simulated is not known here."
    if info.store is None:
        return None, (f"The run folder does not say where the plate store is: {cost}",)
    try:
        plate = open_plate(info.store, info.foreign)
    except PhasewellError as error:
        return None, (f"The plate store cannot be opened ({error}): {cost}",)
    if plate.name != info.name:
        return None, (f"The plate store {info.store} now holds plate {plate.name}, not {info.name}: {cost}",)
    return plate, ()


def _plate_facts(info: PlateInfo, plate: Plate | None) -> PlateFacts:
    known = PlateFacts(info.name, info.wells, info.fields, info.times_h, info.pixel_size_um)
    if plate is None:
        return known
    return dataclasses.replace(
        known,
        frame_shape=plate.frame_shape,
        dtype=plate.dtype,
        window=plate.window,
        platemap=plate.platemap,
        provenance=plate.provenance,
    )


def _sheets(
    run_dir: Path,
    manifest: RunManifest,
    plate: Plate | None,
    frames: Mapping[str, NDArray[Any]],
    times: tuple[int, ...],
) -> tuple[Sheet, ...]:
    if plate is None:
        return ()
    labels = open_labels(run_dir, manifest)
    return make_sheets(plate, labels, choose_frames(frames, labels), times)


def _distributions(results: Results, moments: FieldMoments) -> tuple[tuple[Distribution, ...], SizeDensities | None]:
    """Return how the descriptors are distributed at the first, middle and last hour with cells, and area by well."""
    info = results.plate_info
    filled = np.flatnonzero(np.where(moments.measured, moments.n_cells, 0).sum(axis=(0, 2)) > 0)
    if not len(filled):
        return (), None
    chosen = sorted({int(filled[0]), int(filled[len(filled) // 2]), int(filled[-1])})
    values: dict[float, NDArray[np.float64]] = {}
    areas: dict[tuple[str, float], NDArray[np.float64]] = {}
    for t in chosen:
        parts = tuple(part for part in results.manifest.parts if part.time == info.times[t])  # read these hours only
        here = Results(results.folder, results.manifest.model_copy(update={"parts": parts}))
        table = here.cells(("well", *DESCRIPTOR_NAMES))
        columns = [table.column(name).to_numpy().astype(np.float64) for name in DESCRIPTOR_NAMES]
        values[info.times_h[t]] = np.column_stack(columns)
        area = columns[DESCRIPTOR_NAMES.index("area")]
        areas |= by_well_and_hour(table.column("well").to_pylist(), area, info.times_h[t])
    found = tuple(
        item
        for i, name in enumerate(DESCRIPTOR_NAMES)
        for item in histogram(name, {hour: cells[:, i] for hour, cells in values.items()})
    )
    return found, size_densities(areas)
