"""The page at the widths and with the names that people have: legible charts, outlines on their cells, keys alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from phasewell.report.content import Content
from phasewell.report.document import render
from phasewell.report.overlay import make_picture
from phasewell.report.pages import compose
from phasewell.tables.applied import Applied, AppliedModel, AppliedWell

pytestmark = pytest.mark.browser

READY = "document.documentElement.dataset.chartsDrawn === document.documentElement.dataset.charts"
WIDE = 1400
LONG = "Ω" * 127 + "x"  # 255 bytes
AWKWARD = ("a 'quoted\" <b>name</b> & more", "🧫🔬 \u202eright to left", "two\nlines\tand a tab")


def write(folder: Path, content: Content) -> Path:
    path = folder / "report.html"
    path.write_text(render(compose(content)), encoding="utf-8")
    return path


def open_at(screen: Any, path: Path, width: int) -> None:
    screen.driver.set_window_size(width, 900)
    screen.open(path)
    screen.wait(READY)


def applied_to(content: Content) -> AppliedModel:
    """Return a made-up model of another plate: one well that it knows not, one it learned from."""
    wells = tuple(
        AppliedWell(well=w, predicted=9.0 + i / 7, low=7.0, high=11.5 + i / 7, inside=i != 1,
                    reasons=("area_mean (6 h) is 3.1 x its range away",) if i == 1 else (), learned_from=i == 2)
        for i, w in enumerate(content.plate.wells)
    )  # fmt: skip
    return AppliedModel(
        run_id=content.manifest.run_id, kind="ridge", digest="5c" * 32, training_digest="6d" * 32,
        definitions=content.manifest.definitions, pixel_size_um=0.87, plates=("screen 3",), seed=0, parameters={},
        versions={"scikit-learn": "1.7"}, target="potency", group="clone", window_h=(6.0, 18.0), n_wells=15,
        n_groups=15, n_columns=72, validation="nested", rmse=1.1, baseline_rmse=1.9, q2=0.66, p_sign_flip=0.004,
        better_than_baseline=True, verdict="better than the baseline", n_selected=None, baseline=9.8, level=0.8,
        sentence="an interval aims at 80 % of new clones", wells=wells,
    )  # fmt: skip


@pytest.fixture(scope="module")
def page(make: Callable[..., Content], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of 12 wells with models, scores, frames that are not square, and an applied model."""
    made = make(tuple(f"{row}{column:02d}" for row in "AB" for column in range(1, 7)), models=True,
                scores=("low", "high"))  # fmt: skip
    rng = np.random.default_rng(3)
    pixels, labels = rng.integers(90, 160, (300, 420), dtype=np.uint8), np.zeros((300, 420), np.int32)
    labels[200:280, 300:400] = 1
    shown = tuple(
        make_picture(pixels, labels, well=well, field="f1", time_h=6.0, pixel_size_um=0.87)
        for well in made.plate.wells[:8]
    )
    made = dataclasses.replace(made, pictures=shown, applied=Applied((applied_to(made),)))
    return write(tmp_path_factory.mktemp("page"), made)


@pytest.mark.parametrize("width", [700, WIDE])
def test_no_chart_is_shrunk_and_the_page_does_not_scroll_sideways(page: Path, screen: Any, width: int) -> None:
    open_at(screen, page, width)
    drawn = screen.run(
        "return [...document.querySelectorAll('main [data-chart]')].map((e) => {"
        "const svg = e.querySelector('svg, canvas'); const own = Number(svg.getAttribute('width'));"
        "return [e.dataset.chart, svg.getBoundingClientRect().width / own]})"
    )
    assert len(drawn) >= 9
    assert {name: share for name, share in drawn if share < 0.9} == {}
    assert screen.run("return document.documentElement.scrollWidth") <= screen.run("return innerWidth")
    assert screen.console() == []


def test_outlines_lie_on_frames_that_are_not_square(page: Path, screen: Any) -> None:
    open_at(screen, page, WIDE)
    fold = screen.run("return document.querySelector('.gallery').closest('details').open")
    assert fold is False, "more than a few wells are folded below the browser of wells"
    screen.run("document.querySelector('.gallery').closest('details').open = true")
    boxes = screen.run(
        "return [...document.querySelectorAll('.frame')].filter((f) => f.querySelector('.outline')).map((f) =>"
        "[f, ...f.querySelectorAll('img')].map((e) => {"
        "const b = e.getBoundingClientRect(); return [b.left, b.top, b.width, b.height]}))"
    )
    assert len(boxes) >= 16
    for frame, image, outline in boxes:
        assert image == pytest.approx(outline, abs=1)
        assert frame == pytest.approx(image, abs=1)


def test_the_data_of_every_chart_are_reached_by_keys_and_the_focus_is_seen(page: Path, screen: Any) -> None:
    open_at(screen, page, WIDE)
    names = screen.run("return [...document.querySelectorAll('main [data-chart]')].map((e) => e.dataset.chart)")
    stops: list[str] = []
    opened: list[str] = []
    screen.run("document.activeElement.blur()")
    seen = (
        "const e = document.activeElement, s = getComputedStyle(e);"
        "return [e.tagName, s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 1,"
        " e.tagName === 'SUMMARY' ? e.parentElement.dataset.for || null : null, e.outerHTML.slice(0, 90)]"
    )
    for _ in range(400):
        screen.press("TAB")
        tag, visible, chart, markup = screen.run(seen)
        if tag == "BODY":
            break
        stops.append(tag)
        assert visible, f"the focus is not seen on {markup}"
        if chart is not None:
            screen.press("ENTER")
            opened.append(chart)
    assert opened == names, "the fold of every chart, in the order of the page"
    assert {"A", "BUTTON", "SELECT"} <= set(stops)
    held = "[...document.querySelectorAll('details.data[data-for]')].map((f) => !!f.querySelector('tbody td'))"
    assert all(screen.run(f"return {held}"))
    unnamed = (
        "[...document.querySelectorAll('[tabindex=\"0\"]:not(button)')].filter((e) => !e.getAttribute('aria-label'))"
    )
    assert screen.run(f"return {unnamed}.length") == 0


def test_axe_finds_no_serious_barrier_beside_applied_models(page: Path, screen: Any, axe: str) -> None:
    for width in (700, WIDE):
        open_at(screen, page, width)
        assert "Predicted by models from another plate" in screen.find("#potency").text
        screen.run("document.querySelectorAll('details:not(.data)').forEach((fold) => (fold.open = true))")
        screen.find(".plate-grid [data-well=A02]").click()
        screen.wait("document.querySelector('.well-panel').textContent.includes('outside of what it knows')")
        assert screen.accessibility(axe) == []
    assert screen.console() == []


@pytest.mark.parametrize("names", [(LONG,), AWKWARD], ids=["255 bytes", "quotes, HTML, emoji, newline"])
def test_awkward_names_are_shown_whole_and_leave_the_page_its_shape(
    names: tuple[str, ...], screen: Any, tmp_path: Path, make: Callable[..., Content]
) -> None:
    assert len(LONG.encode()) == 255
    name, long = names[0], names == (LONG,)
    wells = tuple(f"A{column:02d}" for column in range(1, 13))
    made = make(wells, (6.0, 12.0), (name, "f2"), name=name, label=name, models=long, pictures=1, scores=(name, "b"))
    platemap = {well: {name: names[i % len(names)], "potency": 7.0 + i} for i, well in enumerate(wells[:-1])}
    platemap[wells[-1]] = {name: "plain", "potency": 9.0}
    made = dataclasses.replace(made, plate=dataclasses.replace(made.plate, platemap=platemap))
    for width in (700, WIDE) if long else (700,):
        open_at(screen, write(tmp_path, made), width)
        assert screen.run("return document.documentElement.scrollWidth") <= screen.run("return innerWidth")
        chips = screen.run("return [...document.querySelectorAll('.chips button')].map((b) => b.textContent)")
        assert set(names) <= set(chips)
        for i, shown in enumerate(names):
            well = f".plate-grid [data-well={wells[i]}]"
            assert f"{name} {shown}" in screen.run(f"return document.querySelector('{well}').title")
            screen.find(well).click()
            terms = screen.run("return [...document.querySelectorAll('.well-panel dd')].map((e) => e.textContent)")
            assert shown in terms
        marks = "document.querySelectorAll('[data-chart=plate-explorer] svg [aria-label*=A02]')"
        assert screen.run(f"return {marks}.length") >= 1
        assert screen.run("return document.documentElement.dataset.problems || ''") == ""
        assert screen.run("return document.querySelectorAll('main b').length") == 0
    assert screen.console() == []
