"""Two runs side by side: equal runs are said to be equal, and every difference is told with its place."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from phasewell import runs
from phasewell.cli import main
from phasewell.config import ComputeConfig, Config, PlateConfig, RunConfig, SegmentationConfig
from phasewell.errors import InputError, OutputError
from phasewell.report import write_comparison
from phasewell.report.compared_runs import Comparison, read_run
from phasewell.tables import open_results


def words(page: Path) -> str:
    text = re.sub(r"<(script|style)[^>]*>.*?</\1>", " ", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))


@pytest.fixture(scope="module")
def other(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run of the same plate without the erosion, on one hour less."""
    folder = tmp_path_factory.mktemp("other") / "run"
    config = Config(
        plate=PlateConfig(store=finished.parent / "plate.zarr"),
        run=RunConfig(output=folder, labels="none"),
        segmentation=SegmentationConfig(erosion_radius_um=0.0),
        compute=ComputeConfig(device="cpu", executor="serial"),
    )
    runs.run(config)
    return folder


def test_a_run_and_its_copy_have_the_same_numbers(finished: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(finished, tmp_path / "copy"))
    text = words(write_comparison(finished, copy, tmp_path / "page.html"))
    n_parts = len(open_results(finished).manifest.parts)
    assert f"All {n_parts} parts have the same bytes" in text
    assert "The configurations are equal." in text
    assert "No frame of both runs has another status." in text
    assert "Frames of at least one of the runs were made by a program." in text


def test_differences_are_those_of_the_tables(finished: Path, other: Path, tmp_path: Path) -> None:
    compared = Comparison(read_run(finished), read_run(other))
    assert compared.parts()["cells"] == (0, 4, 0)
    assert ("segmentation.erosion_radius_um", "left out", "0.0") in compared.settings()
    first, second = compared.pair("area_mean")
    for run, values in ((finished, first), (other, second)):
        cells = open_results(run).cells(("well", "time_h", "area"))
        well, hour, area = (np.array(cells.column(name).to_pylist()) for name in ("well", "time_h", "area"))
        for w, name in enumerate(compared.wells):
            for t, time in enumerate(compared.hours):
                assert values[w, t] == pytest.approx(area[(well == name) & (hour == time)].mean())
    assert np.nanmean(second) > np.nanmean(first), "without erosion cells are larger"
    assert compared.transitions().total() == 8
    text = words(write_comparison(finished, other, tmp_path / "page.html"))
    assert "Parts of both runs whose bytes differ: 4 of 4 cells." in text
    assert "segmentation.erosion_radius_um left out 0.0" in text


def test_another_plate_is_set_side_by_side_with_a_warning(finished: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(finished, tmp_path / "copy"))
    document = json.loads((copy / "manifest.json").read_text(encoding="utf-8"))
    document |= {"plate_digest": "00" * 32, "definitions": "other-1", "plate": "<b>p</b>\n'; DROP TABLE wells;--🧫"}
    (copy / "manifest.json").write_text(json.dumps(document), encoding="utf-8")
    page = write_comparison(finished, copy, tmp_path / "page.html")
    text = words(page)
    assert "they are not the same frames" in text
    assert "The descriptors are defined differently" in text
    assert "<b>p</b>" not in page.read_text(encoding="utf-8")
    assert "&lt;b&gt;p&lt;/b&gt;" in text


def test_bad_calls_are_refused_before_any_work(finished: Path, tmp_path: Path, capsys: Any) -> None:
    with pytest.raises(InputError, match="no finished run"):
        write_comparison(finished, tmp_path / "nothing", tmp_path / "page.html")
    with pytest.raises(OutputError, match="give another"):
        write_comparison(finished, tmp_path / "nothing", finished / "run.json" / "page.html")
    assert main(["report", str(finished), "--compare"]) == 64
    assert main(["report", str(finished), str(finished)]) == 64
    assert "two runs with --compare" in capsys.readouterr().err
    page = tmp_path / "page.html"
    assert main(["report", "--compare", str(finished), str(finished), "--output", str(page), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"comparison": str(page)}


@pytest.mark.browser
def test_the_page_is_whole_in_a_browser(finished: Path, other: Path, tmp_path: Path, screen: Any, axe: str) -> None:
    assert screen.faults(write_comparison(finished, other, tmp_path / "comparison.html"), axe) == []
    assert screen.run("return document.documentElement.dataset.charts") == "3"
