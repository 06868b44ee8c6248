"""The table `scores`: from parts to Parquet, CSV and DuckDB."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from phasewell.errors import UsageError
from phasewell.plate import FrameKey
from phasewell.tables.parts import part_bytes
from phasewell.tables.schema import TABLES, arrow_schema
from phasewell.tables.score_parts import ScoreRow, make_scores_part, spread_scores

SESSION = {"model_sha256": "ab" * 32, "backend": "openvino 1", "precision": "f32", "hardware": "avx2", "mode": "offset"}


def make(rows: list[ScoreRow]) -> pa.Table:
    return make_scores_part(rows, key="k" * 64, code_version="1", classes=("low", "high"), session=SESSION)


def unit() -> list[ScoreRow]:
    def key(field: str) -> FrameKey:
        return FrameKey("p", "A01", field, 2)

    said = {"mean_v": 120.5, "too_bright": False, "adjustment": 10.0, "clipped_share": 0.25}
    return [
        ScoreRow(key("1"), 6.0, "processed", logits=(0.0, 1.5), probabilities=(0.2, 0.8), **said),  # type: ignore[arg-type]
        ScoreRow(key("2"), 6.0, "quarantined", "too_bright", mean_v=240.0, too_bright=True),
        ScoreRow(key("3"), 6.0, "missing", "missing"),
    ]


def test_every_frame_has_a_row_per_class() -> None:
    table = spread_scores(make(unit()), arrow_schema("scores"))
    assert table.schema == arrow_schema("scores")
    rows = table.to_pylist()
    assert [(row["field"], row["class_name"]) for row in rows] == [(f, c) for f in "123" for c in ("low", "high")]
    assert [row["logit"] for row in rows] == [0.0, 1.5, None, None, None, None]
    assert [row["probability"] for row in rows][:2] == [0.2, 0.8]
    assert {(row["precision"], row["hardware"], row["backend"]) for row in rows} == {("f32", "avx2", "openvino 1")}
    assert [row["reason"] for row in rows[::2]] == [None, "too_bright", "missing"]


def test_the_same_rows_give_the_same_bytes() -> None:
    assert part_bytes(make(unit())) == part_bytes(make(unit()))


def test_rows_agree_with_themselves() -> None:
    key = FrameKey("p", "A01", "1", 0)
    for status, reason, logits in (("processed", None, None), ("processed", "why", (1.0,)), ("missing", None, None)):
        with pytest.raises(UsageError, match="status"):
            ScoreRow(key, 0.0, status, reason, logits=logits)
    with pytest.raises(UsageError, match="status"):
        ScoreRow(key, 0.0, "scored", None, logits=(1.0,))


def test_columns_have_units_and_the_database_takes_them(tmp_path: Path) -> None:
    assert all(column.description for column in TABLES["scores"])
    assert {c.name: c.unit for c in TABLES["scores"]}["adjustment"] == "level"
    incoming = spread_scores(make(unit()), arrow_schema("scores"))
    with duckdb.connect(str(tmp_path / "x.duckdb")) as connection:
        connection.register("incoming", incoming)
        found = connection.execute("SELECT avg(probability) FROM incoming WHERE class_name = 'high'").fetchone()
    assert found == (0.8,)
