"""status.html of a run of 96 wells in a real browser: nothing is fetched, nobody is shut out, and death shows."""

from __future__ import annotations

import datetime
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from phasewell import runs
from phasewell.config import ComputeConfig, Config, PlateConfig, QualityConfig, RunConfig
from phasewell.images import open_plate
from phasewell.runs.watching import observation

pytestmark = pytest.mark.browser
HOSTILE = "</title></main><img src=x onerror=document.documentElement.dataset.hacked='yes'>\"'🧫"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return the page of a run in the middle of its work, and the one after its end."""
    folder = tmp_path_factory.mktemp("night")
    store, output, middle = folder / "plate.zarr", folder / "run", folder / "middle.html"
    runs.simulate_lines(store, lines=48, wells=2, fields=2, times=3, frame_shape=(96, 96))
    plate = open_plate(store)
    means = [plate.frames(well, time).pixels.mean(axis=(1, 2)) for well in plate.wells[:40] for time in range(3)]
    config = Config(
        plate=PlateConfig(store=store),
        run=RunConfig(output=output, labels="none"),
        compute=ComputeConfig(device="cpu"),
        quality=QualityConfig(reject_mean_v_above=float(np.quantile(np.concatenate(means), 0.97))),
    )

    def look(done: int, total: int) -> None:
        if 2 * done > total and not middle.exists():
            (output / "status.html").unlink(missing_ok=True)
            while not (output / "status.html").exists() or "in work" not in (output / "status.html").read_text():
                pass
            shutil.copy(output / "status.html", middle)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(observation, "BEAT_S", 0.02)
        patched.setattr("phasewell.runs.driver.Observer", every_beat)
        runs.run(config, progress=look)
    return middle, output / "status.html"


def every_beat(folder: Path, progress: Any, watch: Any, stall_s: float) -> observation.Observer:
    """Return an observer that writes the page at every beat, which no configuration allows."""
    return observation.Observer(folder, progress, watch.model_copy(update={"page_every_s": 0.01}), stall_s)


def test_the_page_of_a_running_plate(pages: tuple[Path, Path], screen: Any, tmp_path: Path) -> None:
    page = tmp_path / "status.html"
    now = datetime.datetime.now(datetime.UTC)
    text = pages[0].read_text().replace('data-reload-s="5"', 'data-reload-s="30"').replace("every 0.01 s", "every 30 s")
    page.write_text(text)
    screen.log()
    screen.open(page)
    screen.wait("document.getElementById('age').textContent.includes('ago')")
    marks = screen.run("return [...document.querySelectorAll('table.plate td.well')].map((cell) => cell.textContent)")
    assert len(marks) == 96
    assert any(mark == "✓3/3" for mark in marks)
    assert any(mark.startswith("▸") for mark in marks)
    assert any(mark.startswith("!") for mark in marks)
    assert any(mark == "0/3" for mark in marks)
    assert "too_bright" in screen.find("dl").text
    assert "frames/s" in screen.find("dl").text
    assert screen.run("return document.getElementById('silent').hidden")
    assert screen.console() == []
    assert screen.log() == []
    screen.run("document.documentElement.style.overflow = 'hidden'")
    screen.picture(tmp_path / "status.png", 1240, 1010)
    page.write_text(
        text.replace('data-written="', f'data-written="{int(now.timestamp() * 1000) - 9_000_000}" data-was="')
    )
    screen.open(page)
    screen.wait("!document.getElementById('silent').hidden")
    assert "3 h ago" in screen.find("#age").text or "2 h ago" in screen.find("#age").text


def test_the_page_loads_itself_again_unless_it_is_held(pages: tuple[Path, Path], screen: Any, tmp_path: Path) -> None:
    page = tmp_path / "status.html"
    page.write_text(pages[0].read_text().replace('data-reload-s="5"', 'data-reload-s="1"'))
    screen.open(page)
    screen.run("document.title = 'held'; document.getElementById('again').click()")
    screen.wait("(window.started ??= Date.now()) && Date.now() - window.started > 2500")
    assert screen.driver.title == "held"
    screen.find("#again").click()
    screen.wait("document.title.includes('running')")


def test_the_page_shuts_nobody_out(pages: tuple[Path, Path], screen: Any, axe: str) -> None:
    for page in pages:
        screen.open(page)
        assert screen.accessibility(axe) == []


def test_a_plate_of_96_wells_fits_a_narrow_window_whatever_its_name(
    pages: tuple[Path, Path], screen: Any, tmp_path: Path
) -> None:
    from phasewell.runs.watching.status_page import render_status

    page, name = tmp_path / "status.html", "Ω" * 127 + "x"
    page.write_text(render_status({**runs.status(pages[1].parent), "plate": name}, 30), encoding="utf-8")
    screen.driver.set_window_size(700, 900)
    screen.open(page)
    assert screen.find("h1").text.startswith(name)
    assert screen.run("return document.documentElement.scrollWidth") <= screen.run("return innerWidth")
    plate = "document.querySelector('table.plate')"
    assert screen.run("return document.querySelectorAll('td.well').length") == 96
    assert screen.run(f"return {plate}.scrollWidth <= {plate}.parentElement.clientWidth")


def test_a_plate_of_a_hostile_name_is_text(pages: tuple[Path, Path], screen: Any, tmp_path: Path) -> None:
    from phasewell.runs.watching.status_page import render_status

    page = tmp_path / "status.html"
    page.write_text(render_status({**runs.status(pages[1].parent), "plate": HOSTILE, "message": HOSTILE}, 30))
    screen.open(page)
    assert screen.find("h1").text.startswith(HOSTILE)
    assert screen.run("return document.documentElement.dataset.hacked || ''") == ""
    assert screen.run("return document.querySelectorAll('img').length") == 0
