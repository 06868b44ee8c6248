"""The profile of a run as one Parquet file: one row per well, hour, descriptor and statistic."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from phasewell.cells import DEFINITIONS_ID, DESCRIPTORS
from phasewell.manifest import SCHEMA_VERSION
from phasewell.profiles import Profile

PROFILE_FILE = "profiles.parquet"

_FIELDS: list[Any] = [
    pa.field("well", pa.string(), nullable=False),
    pa.field("time_h", pa.float64(), nullable=False),
    pa.field("descriptor", pa.string(), nullable=False),
    pa.field("statistic", pa.string(), nullable=False),  # "mean" or "SD"
    pa.field("unit", pa.string(), nullable=False),  # of value
    pa.field("value", pa.float64()),  # null where undefined, see reason
    pa.field("reason", pa.string()),  # why value is null: "too_few_fields" or "too_few_cells"
    pa.field("n_cells", pa.int64(), nullable=False),  # cells pooled, of the well and hour
    pa.field("n_fields", pa.int32(), nullable=False),  # fields that were measured
    pa.field("n_fields_expected", pa.int32(), nullable=False),  # fields that were chosen
]
PROFILE_SCHEMA = pa.schema(_FIELDS)


def make_profile_table(profile: Profile, min_fields: int) -> pa.Table:
    """Return the profile in long form, in the order well, hour, descriptor, statistic."""
    units = {descriptor.name: descriptor.unit for descriptor in DESCRIPTORS}
    wells, columns = len(profile.wells), profile.columns
    hour = np.array([profile.times_h.index(column.time_h) for column in columns])
    n_cells, n_fields = profile.n_cells[:, hour].ravel(), profile.n_fields[:, hour].ravel()
    values = profile.values.ravel()
    reasons = np.where(n_fields < min_fields, "too_few_fields", "too_few_cells")
    data = {
        "well": np.repeat(np.array(profile.wells, dtype=object), len(columns)),
        "time_h": [column.time_h for column in columns] * wells,
        "descriptor": [column.descriptor for column in columns] * wells,
        "statistic": [column.statistic for column in columns] * wells,
        "unit": [units[column.descriptor] for column in columns] * wells,
        "value": pa.array(values, from_pandas=True),
        "reason": [str(r) if undefined else None for r, undefined in zip(reasons, np.isnan(values), strict=True)],
        "n_cells": n_cells,
        "n_fields": n_fields.astype(np.int32),
        "n_fields_expected": np.full(len(values), profile.n_fields_expected, np.int32),
    }
    metadata = {
        "definitions": DEFINITIONS_ID,
        "pixel_size_um": repr(float(profile.pixel_size_um)),
        "schema_version": str(SCHEMA_VERSION),
    }
    return pa.table(data, schema=PROFILE_SCHEMA.with_metadata(metadata))
