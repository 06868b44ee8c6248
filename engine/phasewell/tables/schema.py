"""The tables of a run's results: every column with its type, unit and meaning.

The same names stand in Parquet files, in DuckDB and in CSV. Units live in the table `columns` and in the metadata of
each Arrow field (`unit`, `description`). A unit of "1" is a plain number; "" is text, a name or a yes/no.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pyarrow as pa

from phasewell.cells import DESCRIPTORS


class Column(NamedTuple):
    """One column of one table."""

    name: str
    dtype: Any  # pyarrow.DataType
    unit: str
    description: str


_TEXT, _INT, _LONG, _REAL, _BOOL = pa.string(), pa.int32(), pa.int64(), pa.float64(), pa.bool_()
_TEXTS = pa.list_(pa.field("element", _TEXT))

_PLATE = Column("plate", _TEXT, "", "name of the plate")
_WELL = Column("well", _TEXT, "", "well, row letter and column number such as B03")
_FIELD = Column("field", _TEXT, "", "name of the field of view in its well")
_TIME = Column("time", _INT, "1", "index in the plate's time grid, from 0")
_TIME_H = Column("time_h", _REAL, "h", "nominal hour of the time grid")
_MODEL = Column("model", _TEXT, "", "name of the model: its folder under models/, or kind and digest of an applied one")
_BASIS = Column("basis", _TEXT, "", "measured; truth: true descriptors of a simulated plate; applied: a finished model")

_QUALITY = (
    Column("mean_v", _REAL, "level", "mean grey value of the frame"),
    Column("saturated_fraction", _REAL, "1", "share of pixels at 255"),
    Column("black_fraction", _REAL, "1", "share of pixels at 0"),
    Column("focus", _REAL, "level2", "population variance of the 4-neighbour Laplacian"),
    Column("blur_1", _REAL, "1", "gradient energy of 1 px boxes / of 2 px boxes; small is blurred"),
    Column("blur_2", _REAL, "1", "gradient energy of 2 px boxes / of 4 px boxes; small is blurred"),
    Column("blur_3", _REAL, "1", "gradient energy of 4 px boxes / of 8 px boxes; small is blurred"),
    Column(
        "illumination_gradient", _REAL, "level", "grey levels between the brightest and the darkest band of the frame"
    ),
    Column("confluence", _REAL, "1", "share of pixels in a cell's label"),
)

_POOLED = (
    Column("class_name", _TEXT, "", "class of the network; every well has one row per class"),
    Column("mean_probability", _REAL, "1", "mean probability of the class over the scored frames; null without one"),
    Column("sd_probability", _REAL, "1", "SD (ddof 1) over the scored frames; null below two"),
    Column("votes", _LONG, "1", "scored frames whose most probable class this is"),
    Column("vote_share", _REAL, "1", "votes / n_scored; null without a scored frame"),
    Column("majority", _BOOL, "", "whether the class has the most votes; null without votes or at a tie"),
    Column("n_scored", _LONG, "1", "frames scored"),
    Column("n_expected", _LONG, "1", "frames expected: fields x times"),
    Column("coverage", _REAL, "1", "n_scored / n_expected"),
)

_SPAN = (
    Column("first_h", _REAL, "h", "first hour that is pooled: that of the profile's window"),
    Column("last_h", _REAL, "h", "last hour that is pooled"),
    Column("n_times", _INT, "1", "times that are pooled"),
)

_SCORED_BY = (
    Column("backend", _TEXT, "", "library that ran the network, with its version"),
    Column("precision", _TEXT, "", "f32, bf16 or f16"),
    Column("hardware", _TEXT, "", "class of the instruction set, or architecture of the GPU"),
)

TABLES: dict[str, tuple[Column, ...]] = {
    "runs": (
        Column("run_id", _TEXT, "", "digest of plate, configuration and code"),
        _PLATE,
        Column("plate_digest", _TEXT, "", "SHA-256 over the plate's metadata and frame records"),
        Column("code_version", _TEXT, "", "version of the engine that made the parts"),
        Column("definitions", _TEXT, "", "id of the descriptor formulas"),
        Column("schema_version", _INT, "1", "version of the parts"),
        Column("config", _TEXT, "", "configuration that can change the results, as JSON"),
        Column("n_parts", _LONG, "1", "committed parts (well x time x stage)"),
        Column("n_expected", _LONG, "1", "frames expected: wells x fields x times"),
        Column("n_processed", _LONG, "1", "frames measured"),
        Column("n_quarantined", _LONG, "1", "frames delivered but unusable"),
        Column("n_missing", _LONG, "1", "frames never delivered"),
    ),
    "plates": (
        _PLATE,
        Column("pixel_size_um", _REAL, "um", "side of a pixel"),
        Column("n_wells", _INT, "1", "wells in the run"),
        Column("n_fields", _INT, "1", "fields per well"),
        Column("n_times", _INT, "1", "times in the run"),
        Column("frame_height_px", _INT, "px", "rows of a frame; null where the plate store was not given"),
        Column("frame_width_px", _INT, "px", "columns of a frame; null where the plate store was not given"),
        Column("dtype", _TEXT, "", "type of the stored pixels; null where the plate store was not given"),
        Column("window_low", _INT, "level", "stored value shown as 0; null for 8-bit plates"),
        Column("window_high", _INT, "level", "stored value shown as 255; null for 8-bit plates"),
        Column("provenance", _TEXT, "", "where the frames come from, as JSON; null where the store was not given"),
    ),
    "wells": (
        _PLATE,
        _WELL,
        Column("row_index", _INT, "1", "row of the plate, from 0"),
        Column("column_index", _INT, "1", "column of the plate, from 0"),
        Column("annotations", _TEXT, "", "plate map of the well as JSON; null where the plate store was not given"),
    ),
    "fields": (
        _PLATE,
        _FIELD,
        Column("field_index", _INT, "1", "place in the order of fields, from 0"),
        Column("mosaic_row", _INT, "1", "row in the well's mosaic; null where the plate store was not given"),
        Column("mosaic_column", _INT, "1", "column in the well's mosaic; null where the plate store was not given"),
        Column("x_um", _REAL, "um", "stage position of the first pixel; null where unknown"),
        Column("y_um", _REAL, "um", "stage position of the first pixel; null where unknown"),
    ),
    "frames": (
        _PLATE,
        _WELL,
        _FIELD,
        _TIME,
        _TIME_H,
        Column("true_time_h", _REAL, "h", "true hour where the source says it"),
        Column("status", _TEXT, "", "processed, quarantined or missing"),
        Column("reason", _TEXT, "", "why the frame was not processed"),
        Column("flags", _TEXTS, "", "marks that did not take the frame out"),
        Column("frame_sha256", _TEXT, "", "SHA-256 of the stored pixels"),
        Column("n_cells", _INT, "1", "cells measured; null where the frame was not processed"),
        *_QUALITY,
    ),
    "cells": (
        _PLATE,
        _WELL,
        _FIELD,
        _TIME,
        _TIME_H,
        Column("label", _INT, "1", "number of the cell in its frame, from 1"),
        Column("centroid_y_px", _REAL, "px", "row of the centroid, pixel centres count from 0"),
        Column("centroid_x_px", _REAL, "px", "column of the centroid, pixel centres count from 0"),
        Column("bbox_top_px", _INT, "px", "first row of the cell"),
        Column("bbox_left_px", _INT, "px", "first column of the cell"),
        Column("bbox_bottom_px", _INT, "px", "row after the last"),
        Column("bbox_right_px", _INT, "px", "column after the last"),
        *(Column(d.name, _REAL, d.unit, d.definition) for d in DESCRIPTORS),
    ),
    "moments": (
        _PLATE,
        _WELL,
        _FIELD,
        _TIME,
        _TIME_H,
        Column("descriptor", _TEXT, "", "name of the descriptor"),
        Column("descriptor_unit", _TEXT, "", "unit of mean; m2 has its square"),
        Column("n", _LONG, "1", "cells of the field with a defined value"),
        Column("mean", _REAL, "descriptor_unit", "mean over these cells; 0 where n is 0"),
        Column("m2", _REAL, "descriptor_unit squared", "sum of squared deviations from the mean"),
    ),
    "scores": (
        _PLATE,
        _WELL,
        _FIELD,
        _TIME,
        _TIME_H,
        Column("class_name", _TEXT, "", "class of the network; every frame has one row per class"),
        Column("status", _TEXT, "", "processed (scored), quarantined or missing"),
        Column("reason", _TEXT, "", "why the frame was not scored, such as too_bright"),
        Column("mean_v", _REAL, "level", "mean grey value of the part of the frame that is scored, before adjustment"),
        Column("too_bright", _BOOL, "", "whether the brightness rule kept the frame from the network"),
        Column("adjustment", _REAL, "level", "levels added to every pixel (mode offset), or the gain (mode gain)"),
        Column("clipped_share", _REAL, "1", "share of pixels that the adjustment sent outside 0..255"),
        Column("logit", _REAL, "1", "output of the network for the class; null where the frame was not scored"),
        Column("probability", _REAL, "1", "softmax of the logits over the classes"),
        Column("model_sha256", _TEXT, "", "digest of the model's card, which names the digests of its files"),
        *_SCORED_BY,
    ),
    "hour_scores": (_PLATE, _WELL, _TIME, _TIME_H, *_POOLED),
    "well_scores": (_PLATE, _WELL, *_SPAN, *_POOLED),
    "profiles": (
        _PLATE,
        _WELL,
        _TIME,
        _TIME_H,
        Column("descriptor", _TEXT, "", "name of the descriptor"),
        Column("statistic", _TEXT, "", "mean, or SD with ddof 1, over the pooled cells of the fields"),
        Column("descriptor_unit", _TEXT, "", "unit of value"),
        Column("value", _REAL, "descriptor_unit", "the statistic; null where undefined, see reason"),
        Column("reason", _TEXT, "", "why value is null: too_few_fields or too_few_cells"),
        Column("n_cells", _LONG, "1", "cells pooled, of the well and hour"),
        Column("n_fields", _INT, "1", "fields measured, of the well and hour"),
        Column("n_fields_expected", _INT, "1", "fields chosen"),
    ),
    "models": (
        _MODEL,
        Column("applied", _BOOL, "", "whether a finished model was applied to the run, not fitted on it"),
        Column("kind", _TEXT, "", "lasso, forest, xgboost, elastic_net or ridge; of a network: which"),
        Column("digest", _TEXT, "", "SHA-256 of its manifest.json, of a network that of its card; it names its files"),
        Column("seed", _LONG, "1", "seed of the fit; null for networks"),
        Column("validation", _TEXT, "", "scheme of the evaluation; of a network: the lines it was evaluated on"),
        Column("definitions", _TEXT, "", "id of the descriptor formulas; null for networks"),
        Column("pixel_size_um", _REAL, "um", "pixel size of what it was fitted on; null where bound to none"),
        Column("n_columns", _INT, "1", "profile columns it uses; null for networks"),
        Column("n_groups", _INT, "1", "clones, or lines, it was fitted on"),
        Column("training_digest", _TEXT, "", "SHA-256 of what it was fitted on"),
        Column("plates", _TEXTS, "", "plates it was fitted on; empty where it does not say"),
        Column("target", _TEXT, "", "column of the plate map that it predicts; null for networks"),
        Column("parameters", _TEXT, "", "as JSON: parameters that differ from the preset; of a network its recipe"),
        Column("versions", _TEXT, "", "versions of the libraries, as JSON"),
    ),
    "predictions": (
        _MODEL,
        _BASIS,
        _WELL,
        Column("group_id", _TEXT, "", "clone, left out for this row; if applied, as the plate map has it"),
        Column("truth", _REAL, "target", "measured target; if applied, as the plate map has it, else null"),
        Column("predicted", _REAL, "target", "by a model that never saw the clone, unless learned_from; or null"),
        Column("baseline", _REAL, "target", "mean target of the other clones; if applied, of the wells learned from"),
        Column("low", _REAL, "target", "lower end of the jackknife+ interval; null where infinite, or not applied"),
        Column("high", _REAL, "target", "upper end of the jackknife+ interval; null where infinite, or not applied"),
        Column("level", _REAL, "1", "share of new clones that the interval aims to cover; null where not applied"),
        Column("inside", _BOOL, "", "whether the model knows wells like this one; null where not applied"),
        Column("reasons", _TEXT, "", "why it does not, joined by '; '; null where inside or not applied"),
        Column("learned_from", _BOOL, "", "whether the applied model was fitted on this well; null where not applied"),
    ),
    "applied_scores": (_MODEL, _WELL, *_SPAN, *_POOLED, *_SCORED_BY),
    "evaluations": (
        _MODEL,
        _BASIS,
        Column("kind", _TEXT, "", "lasso, forest, xgboost, elastic_net or ridge"),
        Column("validation", _TEXT, "", "scheme of the evaluation"),
        Column("rmse", _REAL, "target", "root mean squared error over left-out clones"),
        Column("baseline_rmse", _REAL, "target", "the same of the mean of the other clones"),
        Column("q2", _REAL, "1", "1 - rmse^2 / baseline_rmse^2"),
        Column("p_sign_flip", _REAL, "1", "one-sided sign-flip test of the gain over the baseline"),
        Column("better_than_baseline", _BOOL, "", "whether the model is better than the baseline"),
        Column("verdict", _TEXT, "", "the same in words, with its numbers"),
        Column("n_rows", _INT, "1", "wells predicted"),
        Column("n_groups", _INT, "1", "clones left out in turn"),
        Column("n_parameters", _INT, "1", "profile columns offered"),
        Column("n_selected", _INT, "1", "columns with a coefficient other than 0 (LASSO only)"),
        Column("shuffle_n", _INT, "1", "shuffles of the target over clones; null where none was made"),
        Column("shuffle_median_ratio", _REAL, "1", "median RMSE / baseline RMSE of the shuffles"),
        Column("shuffle_p", _REAL, "1", "p value of the real target among the shuffles"),
    ),
    "columns": (
        Column("table_name", _TEXT, "", "table"),
        Column("column_name", _TEXT, "", "column"),
        Column("position", _INT, "1", "place of the column in its table, from 1"),
        Column("type", _TEXT, "", "Arrow type"),
        Column("unit", _TEXT, "", "unit; 1 is a plain number, empty is text or yes/no"),
        Column("description", _TEXT, "", "what the column holds"),
    ),
}


TABLE_DESCRIPTIONS = {
    "runs": "one row per finished run",
    "plates": "the plate of a run",
    "wells": "the wells of a run, with their plate map",
    "fields": "the fields of view of a plate, the same in every well",
    "frames": "one row per expected frame (field and time of a well): what became of it, and its quality",
    "cells": "one row per cell and time: place, bounding box and twelve descriptors",
    "moments": "n, mean and M2 of every descriptor in every processed frame",
    "scores": "what a network said of every frame, one row per class",
    "hour_scores": "scores pooled over the frames of a well at one time",
    "well_scores": "scores pooled over the frames of a well",
    "profiles": "mean and SD of every descriptor per well and hour",
    "models": "models that were fitted on the run or applied to it",
    "predictions": "what models that never saw a clone say of its wells, and what applied models say",
    "applied_scores": "scores of wells by networks that were applied to the finished run, one row per class",
    "evaluations": "errors of the models, beside those of the mean of the other clones; if applied, where it learned",
    "columns": "every column of every table with type, unit and meaning",
}


def arrow_schema(table: str) -> pa.Schema:
    """Return the Arrow schema of a table, with unit and description in each field's metadata."""
    fields = [pa.field(c.name, c.dtype, metadata={"unit": c.unit, "description": c.description}) for c in TABLES[table]]
    return pa.schema(fields)


def columns_table() -> pa.Table:
    """Return the table `columns`: every column of every table with type, unit and description."""
    rows = [
        {
            "table_name": table,
            "column_name": column.name,
            "position": place,
            "type": str(column.dtype),
            "unit": column.unit,
            "description": column.description,
        }
        for table, columns in TABLES.items()
        for place, column in enumerate(columns, start=1)
    ]
    return pa.Table.from_pylist(rows, schema=arrow_schema("columns"))


def comment_of(table: str, column: str) -> str:
    """Return what a database says of a column: its meaning, and its unit in brackets."""
    found = next(each for each in TABLES[table] if each.name == column)
    return f"{found.description} [{found.unit}]" if found.unit else found.description


def literal(text: str) -> str:
    """Return a text as an SQL literal for DuckDB, and for PostgreSQL with standard_conforming_strings."""
    return "'" + text.replace("'", "''") + "'"
