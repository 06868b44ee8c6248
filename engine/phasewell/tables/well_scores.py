"""Scores of wells: the files `well_scores.parquet` and `hour_scores.parquet` of a run, one row per class."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from phasewell.errors import InputError
from phasewell.tables.parts import PartFile, read_part
from phasewell.tables.schema import arrow_schema

if TYPE_CHECKING:
    from numpy.typing import NDArray

WELL_SCORES, HOUR_SCORES = "well_scores", "hour_scores"
SCORE_FILES = {name: f"{name}.parquet" for name in (WELL_SCORES, HOUR_SCORES)}
_COLUMNS = ("plate", "time_h", "probabilities")


class UnitScores(NamedTuple):
    """The scored frames of one well and time, in field order: `probabilities` (frames, classes) float64."""

    well: str
    time: int
    time_h: float
    n_expected: int
    probabilities: NDArray[np.float64]


@dataclass(frozen=True)
class PlateScores:
    """What was said of every frame of a plate, in plate order; `session` says who scored."""

    plate: str
    classes: tuple[str, ...]
    session: Mapping[str, str]
    units: tuple[UnitScores, ...]


def read_plate_scores(parts: Sequence[PartFile]) -> PlateScores:
    """Return the scores in the `scores` parts of a run, in the order given.

    Raises InputError for a damaged part, without parts, and for parts that differ in classes or in who scored.
    """
    said: set[tuple[str, bytes, bytes]] = set()
    units = []
    for part in parts:
        table = read_part(part, _COLUMNS)
        metadata = table.schema.metadata
        said.add((table.column("plate")[0].as_py(), metadata[b"classes"], metadata[b"session"]))
        if len(said) > 1:
            raise InputError(
                f"part {part.path}: of another plate, model, backend or precision than the parts before it"
            )
        scored = [row for row in table.column("probabilities").to_pylist() if row]  # null where a frame was not scored
        classes = json.loads(metadata[b"classes"])
        values = np.array(scored, np.float64).reshape(len(scored), len(classes))
        units.append(UnitScores(part.well, part.time, table.column("time_h")[0].as_py(), table.num_rows, values))
    if not said:
        raise InputError("no parts with scores: the run was made without a model")
    ((plate, names, session),) = said
    return PlateScores(plate, tuple(json.loads(names)), json.loads(session), tuple(units))


class PooledRow(NamedTuple):
    """The pooled scores of one well, at one time or over all of them, before they are rows of a table."""

    keys: Mapping[str, Any]  # the columns that name the row
    n_expected: int
    n_scored: int
    mean: Sequence[float]  # per class; NaN where undefined
    sd: Sequence[float]
    votes: Sequence[int]
    majority: int | None


def make_score_table(name: str, scores: PlateScores, pooled: Sequence[PooledRow]) -> pa.Table:
    """Return the table `well_scores` or `hour_scores`: one row per pooled row and class."""
    rows = []
    for item in pooled:
        for place, class_name in enumerate(scores.classes):
            rows.append(
                {
                    "plate": scores.plate,
                    **item.keys,
                    "class_name": class_name,
                    "mean_probability": _defined(item.mean[place]),
                    "sd_probability": _defined(item.sd[place]),
                    "votes": int(item.votes[place]),
                    "vote_share": int(item.votes[place]) / item.n_scored if item.n_scored else None,
                    "majority": None if item.majority is None else item.majority == place,
                    "n_scored": item.n_scored,
                    "n_expected": item.n_expected,
                    "coverage": item.n_scored / item.n_expected,
                }
            )
    return pa.Table.from_pylist(rows, schema=arrow_schema(name))


def _defined(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
