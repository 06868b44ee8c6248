"""A run as AnnData files (`.h5ad`) for scanpy and its relatives: wells x profile columns, and cells x descriptors."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from phasewell.cells import DESCRIPTOR_NAMES, DESCRIPTORS
from phasewell.errors import UnavailableError
from phasewell.plate import Plate
from phasewell.tables.well_matrix import annotation_columns, well_matrix

if TYPE_CHECKING:
    from phasewell.tables.results import Results

_KEYS = ("plate", "well", "field", "time", "time_h", "label")


def annotated_files(results: Results, plate: Plate | None) -> dict[str, Callable[[Path], None]]:
    """Return file name -> function that writes it: cells.h5ad, and profiles.h5ad where the run has a profile.

    `X` is float64 with NaN where undefined; `var` has unit and definition, `obs` the address and the plate map,
    `obsm["spatial"]` of the cells the centroid (x, y) in px of its frame, `uns` the run. The whole table is held in
    memory. Raises UnavailableError without the library anndata.
    """
    try:
        import anndata
    except ImportError as error:
        raise UnavailableError("export anndata: anndata is not installed; pip install 'phasewell[anndata]'") from error
    files: dict[str, Callable[[Path], None]] = {}
    if well_matrix(results) is not None:
        files["profiles.h5ad"] = lambda path: _write(anndata, path, *_profiles(results, plate))
    files["cells.h5ad"] = lambda path: _write(anndata, path, *_cells(results, plate))
    return files


def _write(anndata: Any, path: Path, x: Any, obs: Any, var: Any, obsm: dict[str, Any], uns: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of anndata about its own future settings
        anndata.AnnData(X=x, obs=obs, var=var, obsm=obsm, uns=uns).write_h5ad(path, compression="gzip")


def _frame(columns: dict[str, Any], index: Any) -> Any:
    """Return a pandas frame; texts become categories, `/` in a name `_`, because HDF5 would make a group of it."""
    import pandas as pd

    data: dict[str, Any] = {}
    for name, column in columns.items():
        safe = name.replace("/", "_")
        while safe in data:
            safe += "_"
        values = column.to_pandas() if hasattr(column, "to_pandas") else column
        is_text = isinstance(column, pa.Array | pa.ChunkedArray) and pa.types.is_string(column.type)
        data[safe] = pd.Categorical(values) if is_text else np.asarray(values)
    return pd.DataFrame(data, index=pd.Index(index, dtype=object))


def _uns(results: Results) -> dict[str, Any]:
    manifest, info = results.manifest, results.plate_info
    return {
        "run_id": manifest.run_id,
        "plate": manifest.plate,
        "definitions": manifest.definitions,
        "code_version": manifest.code_version,
        "pixel_size_um": info.pixel_size_um,
    }


def _profiles(results: Results, plate: Plate | None) -> tuple[Any, ...]:
    matrix = well_matrix(results)
    assert matrix is not None  # the caller looked
    obs = {"plate": pa.array([results.plate_info.name] * len(matrix.wells)), "well": pa.array(matrix.wells)}
    obs |= _free_names(annotation_columns(plate, matrix.wells), obs)
    var = {
        "descriptor": pa.array([c.descriptor for c in matrix.columns]),
        "statistic": pa.array([c.statistic for c in matrix.columns]),
        "time_h": np.array([c.time_h for c in matrix.columns]),
        "unit": pa.array([c.unit for c in matrix.columns]),
    }
    names = [str(column) for column in matrix.columns]
    return matrix.values, _frame(obs, list(matrix.wells)), _frame(var, names), {}, _uns(results)


def _cells(results: Results, plate: Plate | None) -> tuple[Any, ...]:
    cells = results.cells([*_KEYS, "centroid_x_px", "centroid_y_px", *DESCRIPTOR_NAMES])
    x = np.column_stack([cells.column(name).to_numpy() for name in DESCRIPTOR_NAMES])
    keys = {name: cells.column(name) for name in _KEYS}
    wells = results.plate_info.wells
    of_cell: Any = pc.index_in(keys["well"], pa.array(wells, pa.string()))
    notes = {name: column.take(of_cell) for name, column in annotation_columns(plate, wells).items()}
    obs = {**keys, **_free_names(notes, keys)}
    parts: list[Any] = [keys[name].cast(pa.string()) for name in ("well", "time", "field", "label")]
    names = pc.binary_join_element_wise(*parts, ":").to_pandas()
    var = {"title": pa.array([d.title for d in DESCRIPTORS]), "unit": pa.array([d.unit for d in DESCRIPTORS])}
    var |= {"definition": pa.array([d.definition for d in DESCRIPTORS])}
    spatial = np.column_stack([cells.column(f"centroid_{axis}_px").to_numpy() for axis in "xy"])
    return x, _frame(obs, names), _frame(var, list(DESCRIPTOR_NAMES)), {"spatial": spatial}, _uns(results)


def _free_names(columns: dict[str, Any], taken: dict[str, Any]) -> dict[str, Any]:
    return {f"map_{name}" if name in taken else name: column for name, column in columns.items()}
