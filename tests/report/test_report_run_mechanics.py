"""A report of a real run of a small plate: its numbers are the run's, and bad files cost what they must."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from phasewell import runs
from phasewell.errors import InputError, OutputError
from phasewell.report import write_report
from phasewell.report.reading import read_content
from phasewell.tables import open_results


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """Return a copy of the run folder that a test may spoil."""
    return Path(shutil.copytree(finished, tmp_path / "run"))


def words(page: Path) -> str:
    text = re.sub(r"<(script|style)[^>]*>.*?</\1>", " ", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))


def test_the_page_shows_the_numbers_of_the_run(finished: Path) -> None:
    page = write_report(finished)
    assert page == finished / "report.html"
    text = words(page)
    results = open_results(finished)
    assert results.manifest.n_processed == 5
    n_cells = results.cells(("label",)).num_rows
    assert n_cells > 5
    assert f"Cells {n_cells:,} " in text
    assert "Frames measured 5 of 8 expected (62.5 %)" in text
    assert "quarantined truncated the file ends before its pixels do 1" in text
    assert "missing missing" in text
    assert "all_white" in text
    assert "SIMULATED These frames were made by a program (blobs, seed 0); no cell was imaged." in text
    assert "CC0" in text
    assert results.manifest.run_id in text
    html = page.read_text(encoding="utf-8")
    assert "&lt;b&gt;small&lt;/b&gt;" in html
    assert "<b>small" not in html
    assert "<i>R" not in html


def test_pictures_are_of_the_frames_measured_with_their_labels(finished: Path) -> None:
    content = read_content(finished)
    assert content.gallery_note == ""
    assert [(p.well, p.field, p.time_h) for p in content.pictures] == [
        ("A01", "f1", 6.0), ("A01", "f1", 12.5), ("A01", "f2", 12.5), ("B02", "f2", 6.0), ("B02", "f1", 12.5)
    ]  # fmt: skip
    frames = open_results(finished).frames().to_pylist()
    counts = {(row["well"], row["field"], row["time_h"]): row["n_cells"] for row in frames}
    assert all(p.n_cells == counts[p.well, p.field, p.time_h] for p in content.pictures)


def test_content_is_that_of_the_tables(finished: Path) -> None:
    content = read_content(finished)
    profile = runs.profile(finished)
    assert content.profile is not None
    assert content.profile.columns == profile.columns
    np.testing.assert_array_equal(content.profile.values, profile.values)
    np.testing.assert_array_equal(content.profile.n_cells, profile.n_cells)
    np.testing.assert_array_equal(content.profile.n_fields, profile.n_fields)
    assert content.n_cells == sum(part.n_cells for part in content.manifest.parts)
    area = [d for d in content.distributions if d.descriptor == "area"]
    assert sum(d.n_cells for d in area) == content.n_cells


def test_two_reports_of_one_run_are_the_same_bytes(run: Path, tmp_path: Path) -> None:
    first = write_report(run, tmp_path / "a" / "first.html")
    assert first.read_bytes() == write_report(run, tmp_path / "second.html").read_bytes()


def test_without_its_plate_store_the_report_says_what_it_cannot_show(run: Path) -> None:
    document = json.loads((run / "run.json").read_text(encoding="utf-8"))
    document["config"]["plate"]["store"] = str(run / "gone.zarr")
    (run / "run.json").write_text(json.dumps(document), encoding="utf-8")
    text = words(write_report(run))
    assert "The plate store cannot be opened" in text
    assert "whether its frames are simulated is not known here" in text


def test_agreement_with_hand_masks_comes_with_its_limits(run: Path) -> None:
    scores = {"K": 0.66, "R": 0.64, "F1": None}
    document = {
        "fields": [{"field": "<s>f1</s>", "chamber": "A", **scores}], "chambers": {"A": scores, "all": scores},
        "note": "One window for all.",
    }  # fmt: skip
    (run / "agreement.json").write_text(json.dumps(document), encoding="utf-8")
    text = words(write_report(run))
    assert "A – 0.660 0.640 –" in text
    assert "All fields – 0.660 0.640 –" in text
    assert "another run" not in text
    assert "leave out many round cells" in text
    assert "tuned on the same fields" in text
    assert "&lt;s&gt;f1" in text


def test_agreement_of_an_earlier_run_is_marked(run: Path) -> None:
    document = {"fields": [], "chambers": {"all": {"K": 0.5, "R": 0.5, "F1": 0.5, "fields": 3}}, "run_id": "other"}
    assert "another run of this folder" in words(write_report(run, agreement=document))


def test_a_damaged_part_is_an_error_and_no_report(run: Path) -> None:
    part = next((run / "parts" / "cells").glob("*.parquet"))
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 1
    part.write_bytes(bytes(content))
    (run / "report.html").unlink(missing_ok=True)
    with pytest.raises(InputError, match="part"):
        write_report(run)
    assert not (run / "report.html").exists()


def test_an_unfinished_run_has_no_report(run: Path) -> None:
    (run / "manifest.json").unlink()
    with pytest.raises(InputError, match="no finished run"):
        write_report(run)


@pytest.mark.parametrize("left_out", ["baseline_rmse", "q2", "predictions"])
def test_a_model_without_baseline_or_q2_is_refused(left_out: str, run: Path) -> None:
    document = {
        "kind": "lasso", "validation": "nested", "rmse": 0.5, "baseline_rmse": 1.5, "q2": 0.9, "p_sign_flip": 0.01,
        "verdict": "better than the baseline", "better_than_baseline": True, "n_rows": 2, "n_groups": 2,
        "n_parameters": 48, "predictions": [], "coefficients": [], "columns_left_out": [], "wells_left_out": [],
    }  # fmt: skip
    del document[left_out]
    folder = run / "models" / "lasso"
    folder.mkdir(parents=True)
    (folder / "evaluation.json").write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(InputError, match=rf"evaluation\.json.*{left_out}"):
        write_report(run)


def test_an_output_that_cannot_be_made_is_told_before_any_work(run: Path) -> None:
    (run / "manifest.json").unlink()
    with pytest.raises(OutputError, match="give another"):
        write_report(run, run / "run.json" / "report.html")
