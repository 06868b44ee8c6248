"""Paper R reproduced in the smallest form: every step and figure, going on after a kill, and what is refused."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from phasewell.config import Config, PlateConfig, RunConfig
from phasewell.errors import InputError, UsageError
from phasewell.potency import FieldSums, fit, fit_grid
from phasewell.report.paper_r import write_paper_r
from phasewell.runs import run, simulate
from phasewell.runs.paper_r import PaperRScale, choose_scale, read_material, reproduce_paper_r

SETTINGS = ("scale.grid_fields=2", "scale.forest_fields=1", "scale.forest_trees=4", "scale.field_bootstraps=2")
SETTINGS += ("scale.deals=2", "scale.shuffles=2", "scale.cell_bootstraps=2")
MODEL_STEPS = {"models", "lasso_grid", "forest_grid", "structure", "field_bootstraps"}


def quiet(_: str) -> None:
    return None


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of 6 simulated clones."""
    folder = tmp_path_factory.mktemp("clones")
    simulate(folder / "plate.zarr", clones=6, fields=3, times=2, frame_shape=(300, 320), workers=1)
    config = Config(plate=PlateConfig(store=folder / "plate.zarr"), run=RunConfig(output=folder / "run", labels="none"))
    assert run(config).exit_code == 0
    return folder / "run"


@pytest.fixture(scope="module")
def scale() -> PaperRScale:
    return choose_scale("smoke", settings=SETTINGS)


def command(run_folder: Path, output: Path, *more: str) -> list[str]:
    settings = [word for setting in SETTINGS for word in ("--set", setting)]
    return [sys.executable, "-m", "phasewell", "reproduce", "paper-r", str(run_folder), "--output", str(output),
            "--quiet", *settings, *more]  # fmt: skip


@pytest.fixture(scope="module")
def killed(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a reproduction whose process was killed between two steps, and what it had written by then."""
    folder = tmp_path_factory.mktemp("killed") / "r"
    process = subprocess.Popen(command(finished, folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not (folder / "steps" / "models.json").exists():
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (folder / "result.json").exists()
    return folder


@pytest.fixture(scope="module")
def made(killed: Path, finished: Path, scale: PaperRScale) -> tuple[Path, dict[str, Any], Path]:
    """The same reproduction made to its end, its result, and the page."""
    kept = (killed / "steps" / "models.json").stat().st_mtime_ns
    result = reproduce_paper_r(finished, killed, scale, say=quiet)
    assert (killed / "steps" / "models.json").stat().st_mtime_ns == kept, "a step that was done is not made again"
    return killed, result, write_paper_r(killed)


def test_a_killed_reproduction_ends_with_the_bytes_of_one_that_was_not_and_of_one_on_dask(
    made: tuple[Path, dict[str, Any], Path], finished: Path, tmp_path: Path
) -> None:
    folder, _, page = made
    done = subprocess.run(
        command(finished, tmp_path / "r", "--workers", "2", "--json"), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "r" / "result.json").read_bytes() == (folder / "result.json").read_bytes()
    assert (tmp_path / "r" / "paper-r.html").read_bytes() == page.read_bytes()
    answer = json.loads(done.stdout)
    assert answer["simulated"] is True
    assert {"rmse", "baseline_rmse", "q2", "verdict"} == answer["lasso"].keys()


def test_what_is_done_is_read_and_another_reproduction_is_refused(
    made: tuple[Path, dict[str, Any], Path], finished: Path, scale: PaperRScale, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, result, _ = made
    monkeypatch.setattr("phasewell.runs.paper_r.modelling.fit_grid", None)
    assert reproduce_paper_r(finished, folder, scale, say=quiet) == result
    with pytest.raises(UsageError, match="another reproduction, which differs in scale"):
        reproduce_paper_r(finished, folder, scale.model_copy(update={"seed": 1}), say=quiet)


def test_models_and_grid_are_those_of_the_library_on_the_moments_of_the_run(
    made: tuple[Path, dict[str, Any], Path], finished: Path
) -> None:
    steps, material = made[1]["steps"], read_material(finished)
    assert steps.keys() >= MODEL_STEPS
    stack = FieldSums(material.field_moments).nested(0)
    lasso = fit(stack.profile(2), material.targets, material.groups).evaluation
    assert steps["models"]["evaluations"]["lasso"]["rmse"] == lasso.rmse
    grid = fit_grid([stack], material.targets, material.groups, fields=(1, 3), deals=2)
    assert steps["lasso_grid"]["rmse"] == grid.rmse.tolist()
    assert steps["lasso_grid"]["selected"]["p_family"] == grid.selected.p_family
    rows = steps["field_bootstraps"][-1]
    assert (rows["n_rows"], rows["n_clones"], rows["last_h"]) == (12, 6, 12.0)
    assert all(condition["fields"] == 3 for condition in steps["field_bootstraps"])


def test_single_cells_have_the_moments_of_their_fields(finished: Path) -> None:
    material = read_material(finished)
    for place, well in enumerate(material.wells):
        cells = material.cells(well, 12.0)
        counts = np.bincount(cells.field, minlength=3)
        np.testing.assert_array_equal(counts, material.field_moments.n_cells[place, 1])
        for field in range(3):
            own = cells.values[cells.field == field]
            assert not len(own) or own[:, 0].mean() == pytest.approx(
                material.field_moments.moments.mean[place, 1, field, 0]
            )
    assert not len(material.cells("A01", 18.0).values), "an hour that the run lacks has no cells"
    np.testing.assert_array_equal(material.cells("A01", 6.0).of("area"), material.cells("A01", 6.0).values[:, 0])


def test_every_figure_says_scale_origin_and_sample(made: tuple[Path, dict[str, Any], Path]) -> None:
    page = made[2].read_text("utf-8")
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", page, re.DOTALL)
    figures = [
        caption for caption in captions if not re.fullmatch(r"\s*[\d.]+ h\s*", caption)
    ]  # a row of panels has one
    assert len(figures) >= 7
    for caption in figures:
        assert re.search(r"Scale smoke, changed · simulated cells · n = [\d,]+ \w+", caption), caption
    for words in ("The paper&#39;s claims and what is found here", "no cell was imaged", "Rows left out (wrong)",
                  "p over the whole grid", "selected, the best of 4 cells", "Baseline RMSE"):  # fmt: skip
        assert words in page, words
    for item in ("R8", "R15", "R18", "R19", "R20", "R21", "R22", "R23", "R24"):
        assert f">{item}<" in page, item


def test_what_no_reproduction_can_be_made_of_is_refused(finished: Path, tmp_path: Path, scale: PaperRScale) -> None:
    with pytest.raises(UsageError, match="is the run itself"):
        reproduce_paper_r(finished, finished, scale, say=quiet)
    with pytest.raises(UsageError, match="workers 0: expected 1 or more"):
        reproduce_paper_r(finished, tmp_path, scale, workers=0, say=quiet)
    with pytest.raises(InputError, match=r"0 clones with a 'passages' in the plate map; expected at least 3"):
        read_material(finished, target="passages")
    with pytest.raises(UsageError, match="has a 'potency' but no 'line' in the plate map"):
        read_material(finished, group="line")
    with pytest.raises(UsageError, match="well A01: clone 'clone01' is no number"):
        read_material(finished, target="clone")
    with pytest.raises(UsageError, match="no hour up to 3 h; it has 6, 12 h"):
        read_material(finished, last_h=3.0)
    with pytest.raises(InputError, match="no finished run here"):
        read_material(tmp_path)


def test_a_scale_is_changed_by_settings_and_names_the_nearest_key() -> None:
    assert choose_scale("paper").grid_fields is None
    assert choose_scale("paper", 3, ("scale.deals=19",)).name == "paper", "nothing that a figure rests on is another"
    assert choose_scale("paper", settings=("scale.deals=9",)).name == "paper, changed"
    assert choose_scale("smoke", 7, ("scale.grid_fields=all", "scale.grid_draws=50")).grid_draws == 50
    for setting, message in (
        ("scale.grid_draw=5", r"did you mean scale.grid_draws\?"),
        ("grid_draws=5", "no such key of the scale"),
        ("scale.name='x'", "no such key of the scale"),
        ("scale.deals=-1", "scale paper: deals: Input should be greater than or equal to 0"),
        ("scale.deals=many", "expected a value in TOML syntax, or all"),
    ):
        with pytest.raises(UsageError, match=message):
            choose_scale("paper", settings=(setting,))
    with pytest.raises(UsageError, match="expected one of smoke, paper"):
        choose_scale("huge")


@pytest.mark.browser
def test_the_page_draws_every_chart_and_bars_nobody(
    made: tuple[Path, dict[str, Any], Path], screen: Any, axe: str
) -> None:
    assert screen.faults(made[2], axe) == []
