"""The report as an application, in a driven Chromium: clicks and keys do what they say, and nothing leaves the page."""

from __future__ import annotations

import csv
import dataclasses
import io
import shutil
import time
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from phasewell import images, runs
from phasewell.config import ComputeConfig, Config, PlateConfig, RunConfig
from phasewell.demo.run import REAL
from phasewell.report import write_report
from phasewell.report.contact_sheets import Sheet, Tile, encode_lines, encode_picture
from phasewell.report.content import Content
from phasewell.report.document import render
from phasewell.report.pages import compose
from phasewell.report.size_density import size_densities

pytestmark = pytest.mark.browser

HOSTILE = (
    "=1+1</script><img src=x onerror=document.documentElement.dataset.hacked='yes'>\"';DROP TABLE wells;--🧫\n`${1}`"
)
READY = "document.documentElement.dataset.chartsDrawn === document.documentElement.dataset.charts"


def write(folder: Path, content: Content) -> Path:
    path = folder / "report.html"
    path.write_text(render(compose(content)), encoding="utf-8")
    return path


def sheet(well: str, time: int, fields: tuple[str, ...]) -> Sheet:
    """Return a row of made-up frames."""
    rng = np.random.default_rng(time)
    picture = rng.integers(0, 255, (40, 40 * len(fields)), np.uint8)
    lines = np.zeros((40, 40 * len(fields)), np.uint8)
    lines[10:20, 10] = 2
    coded = (
        f"data:image/webp;base64,{b64encode(d).decode()}" for d in (encode_picture(picture, 40), encode_lines(lines))
    )
    return Sheet(well, time, tuple(Tile(field, 3) for field in fields), (40, 40), *coded)


@pytest.fixture(scope="module")
def lines(make: Callable[..., Content], tmp_path_factory: pytest.TempPathFactory) -> tuple[Content, Path]:
    """Return a plate of three lines, and its page."""
    made = plate_of_lines(make, pictures=3, scores=("low", "high"))
    return made, write(tmp_path_factory.mktemp("page"), made)


def plate_of_lines(content: Callable[..., Content], **more: Any) -> Content:
    """Return 12 wells of three lines with frames, flags and models."""
    wells = tuple(f"{row}{column:02d}" for row in "AB" for column in range(1, 7))
    made = content(wells, (6.0, 12.0, 18.0), ("f1", "f2"), models=True, simulated=True, **more)
    lines = [HOSTILE if i % 3 == 0 else f"line {i % 3}" for i in range(12)]
    platemap = {w: {**made.plate.platemap[w], "line": line} for w, line in zip(wells, lines, strict=True)}
    areas = {(w, h): np.random.default_rng(i).lognormal(6, 0.4, 80) for i, w in enumerate(wells) for h in (6.0, 18.0)}
    return dataclasses.replace(
        made,
        plate=dataclasses.replace(made.plate, platemap=platemap),
        sheets=tuple(sheet(w, t, ("f1", "f2")) for w in wells for t in (0, 2)),
        densities=size_densities(areas),
    )


def downloaded(screen: Any, seconds: float = 20) -> Path:
    """Return the file that a click saved, when it is whole."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        files = [p for p in screen.downloads.glob("*") if not p.name.endswith((".crdownload", ".tmp"))]
        if files and not list(screen.downloads.glob("*.crdownload")):
            return Path(files[0])
        time.sleep(0.05)
    pytest.fail("nothing was saved")


def test_every_chart_gives_its_numbers_with_units_as_table_and_file(lines: tuple[Content, Path], screen: Any) -> None:
    made, path = lines
    screen.open(path)
    screen.wait(READY)
    charts = screen.run("return [...document.querySelectorAll('[data-chart]')].map((e) => e.dataset.chart)")
    folds = screen.run("return [...document.querySelectorAll('details.data[data-for]')].map((e) => e.dataset.for)")
    assert folds == charts
    screen.run("document.querySelectorAll('details.data').forEach((fold) => (fold.open = true))")
    screen.wait("document.querySelectorAll('details.data td').length > 100")
    without = "[...document.querySelectorAll('details.data')].filter((f) => !f.querySelector('tbody td'))"
    assert screen.run(f"return {without}.map((f) => f.dataset.for)") == []
    fold = screen.find("details.data[data-for=growth]")
    fold.find_element("css selector", "button.download").click()
    rows = list(csv.reader(io.StringIO(downloaded(screen).read_text(encoding="utf-8-sig"))))
    assert rows[0][:1] == ["Well"]
    assert "Cells per field (cells)" in rows[0]
    assert "Time (h)" in rows[0]
    expected = made.measures["cells_per_field"].values
    cells = [float(row[rows[0].index("Cells per field (cells)")]) for row in rows[1:]]
    assert cells == pytest.approx([float(f"{v:.5g}") for v in expected.ravel()])
    assert screen.console() == []
    assert screen.log() == []


def chosen(screen: Any) -> str:
    return str(screen.run("return document.getElementById('wells').dataset.well"))


def test_a_click_on_a_well_shows_its_frames_curves_flags_and_predictions(
    lines: tuple[Content, Path], screen: Any
) -> None:
    made, path = lines
    screen.open(path)
    screen.wait(READY)
    assert chosen(screen) == "A01"
    screen.find(".plate-grid [data-well=B03]").click()
    screen.wait("document.querySelectorAll('[data-well-chart][data-drawn=yes]').length === 2")
    panel = screen.find(".well-panel").text
    assert "Well B03" in panel
    assert screen.run("return document.querySelectorAll('.well-panel .tile').length") == 4
    assert screen.run("return location.hash") == "#well-B03"
    model = made.models[0]
    row = next(p for p in model.evaluation.predictions if p.well == "B03")
    low, high = model.intervals.wells["B03"]
    assert low is not None
    assert high is not None
    assert low < row.predicted < high
    cells = screen.run("return [...document.querySelectorAll('.well-panel tr')].map((r) => r.textContent)")
    expected = f"LASSOpotency{row.truth:.4g}{row.predicted:.4g}{low:.4g}{high:.4g}"
    assert expected in cells
    index = made.plate.wells.index("B03")
    lost = (made.frames["well"] == "B03") & (made.frames["status"] != "processed")
    stated = screen.run(
        "return [...document.querySelectorAll('.well-panel [aria-label^=Flags] tbody tr')]"
        ".filter((r) => r.cells[0].textContent !== 'flagged').map((r) => r.cells[3].textContent)"
    )
    assert sum(int(n) for n in stated) == int(lost.sum())
    assert index == 8
    painted = "document.querySelector('.well-panel .tile').style.backgroundImage.split('url(').length - 1"
    assert screen.run(f"return {painted}") == 2
    screen.find(".well-panel .toggle input").click()
    assert screen.run(f"return {painted}") == 1, "without outlines there is only the frame"
    assert screen.console() == []


def test_a_mark_in_a_chart_opens_its_well(lines: tuple[Content, Path], screen: Any) -> None:
    screen.open(lines[1])
    screen.wait(READY)
    marks = "[data-chart=components] svg path[aria-roledescription=point]"
    label = screen.run(f"return document.querySelector('{marks}').getAttribute('aria-label')")
    screen.run(
        f"const mark = document.querySelector('{marks}'); const box = mark.getBoundingClientRect();"
        "for (const kind of ['mousedown', 'mouseup', 'click']) mark.dispatchEvent(new MouseEvent(kind, "
        "{bubbles: true, clientX: box.x + box.width / 2, clientY: box.y + box.height / 2}))"
    )
    screen.wait("document.activeElement.id === 'well-title'")
    assert f"Well: {chosen(screen)}" in label


def test_the_plate_is_walked_by_keys_alone(lines: tuple[Content, Path], screen: Any) -> None:
    screen.open(lines[1])
    screen.wait(READY)
    screen.run("document.querySelector('.plate-grid [tabindex=\"0\"]').focus()")
    screen.press("ARROW_RIGHT", "ARROW_RIGHT", "ARROW_DOWN", "ENTER")
    assert chosen(screen) == "B03"
    assert screen.run("return document.querySelectorAll('.plate-grid [tabindex=\"0\"]').length") == 1
    screen.press("ARROW_DOWN")
    assert screen.run("return document.activeElement.dataset.well") == "B03", "there is no row C"


def test_the_filter_by_line_leaves_its_wells_in_charts_tables_and_plate(
    lines: tuple[Content, Path], screen: Any
) -> None:
    screen.open(lines[1])
    screen.wait(READY)
    points = "document.querySelectorAll('[data-chart=components] svg path[aria-roledescription=point]').length"
    assert screen.run(f"return {points}") == 12
    names = screen.run("return [...document.querySelectorAll('.chips button')].map((b) => b.textContent)")
    assert names[0] == "All"
    assert HOSTILE in names, "a name is shown as itself"
    screen.run("document.querySelector('.chips [data-value=\"line 1\"]').click()")
    screen.wait(READY)
    assert screen.run(f"return {points}") == 4
    rows = screen.run(
        "return [...document.querySelectorAll('#summary tbody tr')].filter((r) => !r.hidden)"
        ".map((r) => r.cells[0].textContent)"
    )
    assert rows == ["A02", "A05", "B02", "B05"]
    assert screen.run("return document.querySelectorAll('.plate-grid button:disabled').length") == 8
    assert screen.run("return [...document.querySelectorAll('section.well')].map((s) => s.hidden)") == [
        True,
        False,
        True,
    ]
    assert chosen(screen) == "A02"
    screen.find(".chips [data-all]").click()
    screen.wait(READY)
    assert screen.run(f"return {points}") == 12
    assert screen.run("return document.documentElement.dataset.problems || ''") == ""
    assert screen.run("return document.documentElement.dataset.hacked || ''") == ""
    assert (screen.console(), screen.log()) == ([], [])


def test_all_fields_lie_beside_the_page_and_their_absence_is_told(finished: Path, tmp_path: Path, screen: Any) -> None:
    page = write_report(finished, tmp_path / "screen #7 %20.html")
    folder = tmp_path / "screen #7 %20_files"
    assert sorted(p.name for p in folder.iterdir()) == ["A01", "B02"]
    screen.open(page)
    screen.wait(READY)
    screen.run("document.querySelector('.all-fields').open = true")
    screen.wait("document.querySelector('.tiles.all').dataset.ready === 'yes'")
    assert screen.run("return document.querySelectorAll('.tiles.all .tile').length") == 2
    assert "missing" in screen.find(".tiles.all").text, "A01 f2 was never delivered"
    screen.find(".well-panel button.tile").click()
    screen.wait(
        "document.querySelector('dialog.large').open && document.querySelector('.stack img').naturalWidth === 240"
    )
    screen.wait("document.querySelector('.stack .outline').naturalWidth === 240")
    screen.press("ESCAPE")
    assert screen.console() == []
    assert screen.run("return document.documentElement.dataset.problems || ''") == ""
    shutil.rmtree(folder)
    screen.open(page)
    screen.wait(READY)
    screen.run("document.querySelector('.all-fields').open = true")
    screen.wait("document.querySelector('.tiles.all .warning')")
    assert "belongs beside this page" in screen.find(".tiles.all").text


def test_axe_finds_no_serious_barrier(lines: tuple[Content, Path], screen: Any, axe: str) -> None:
    screen.open(lines[1])
    screen.wait(READY)
    screen.run(
        "document.querySelectorAll('details:not(.data), [data-for=growth]').forEach((fold) => (fold.open = true))"
    )
    assert screen.accessibility(axe) == []
    dark = [{"name": "prefers-color-scheme", "value": "dark"}]
    screen.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": dark})
    found = screen.run("return matchMedia('(prefers-color-scheme: dark)').matches") and screen.accessibility(axe)
    screen.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert found == []
    assert screen.console() == []


def test_the_page_prints(lines: tuple[Content, Path], screen: Any) -> None:
    screen.open(lines[1])
    screen.wait(READY)
    screen.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    hidden = "nav, .filter, .plate-grid, details.data"
    assert screen.run(
        f"return [...document.querySelectorAll('{hidden}')].every((e) => getComputedStyle(e).display === 'none')"
    )
    screen.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    printed = screen.driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})
    assert screen.run("return [...document.querySelectorAll('details:not(.data)')].every((fold) => fold.open)")
    assert len(printed["data"]) > 100_000


@pytest.mark.slow
def test_a_picture_of_a_well_for_the_docs(tmp_path: Path, screen: Any) -> None:
    runs.simulate(tmp_path / "plate.zarr", clones=12, fields=4, times=4, frame_shape=(500, 500), seed=0)
    config = Config(
        plate=PlateConfig(store=tmp_path / "plate.zarr"),
        run=RunConfig(output=tmp_path / "run"),
        compute=ComputeConfig(device="cpu", executor="serial"),
    )
    runs.run(config)
    runs.fit_models(tmp_path / "run", ("lasso",))
    screen.open(write_report(tmp_path / "run"))
    screen.wait(READY)
    screen.wait("document.querySelectorAll('[data-well-chart][data-drawn=yes]').length === 2")
    screen.driver.set_window_size(1280, 1900)
    screen.run("document.getElementById('gallery').scrollIntoView()")
    assert screen.picture(tmp_path / "report-well.png", height=1900).stat().st_size > 50_000
    assert screen.console() == []


@pytest.mark.slow
def test_a_picture_of_the_real_mini_plate_for_the_readme(tmp_path: Path, screen: Any) -> None:
    store, run = tmp_path / "plate.zarr", tmp_path / "run"
    images.ingest(REAL, store, layout="table", table=REAL / "frames.csv")
    compute = ComputeConfig(device="cpu", executor="serial")
    runs.run(Config(plate=PlateConfig(store=store), run=RunConfig(output=run), compute=compute))
    screen.driver.set_window_size(1280, 1400)
    screen.open(write_report(run))
    screen.wait(READY)
    screen.wait("document.querySelectorAll('[data-well-chart][data-drawn=yes]').length === 2")
    screen.run("document.getElementById('gallery').scrollIntoView()")
    size = screen.picture(tmp_path / "report.png", height=1400).stat().st_size
    assert 50_000 < size < 300_000
    assert screen.console() == []
