"""The report as an application, in a driven Chromium: clicks and keys do what they say, and nothing leaves the page."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from phasewell.report.content import Content
from phasewell.report.document import render
from phasewell.report.pages import compose

pytestmark = pytest.mark.browser

HOSTILE = (
    "=1+1</script><img src=x onerror=document.documentElement.dataset.hacked='yes'>\"';DROP TABLE wells;--🧫\n`${1}`"
)
READY = "document.documentElement.dataset.chartsDrawn === document.documentElement.dataset.charts"


def write(folder: Path, content: Content) -> Path:
    path = folder / "report.html"
    path.write_text(render(compose(content)), encoding="utf-8")
    return path


def downloaded(screen: Any, seconds: float = 20) -> Path:
    """Return the file that a click saved, when it is whole."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        files = [p for p in screen.downloads.glob("*") if not p.name.endswith((".crdownload", ".tmp"))]
        if files and not list(screen.downloads.glob("*.crdownload")):
            return Path(files[0])
        time.sleep(0.05)
    pytest.fail("nothing was saved")


def test_every_chart_gives_its_numbers_with_units_as_table_and_file(
    tmp_path: Path, screen: Any, content: Callable[..., Content]
) -> None:
    made = content(("A01", "A02", "B01"), label=HOSTILE, models=True, pictures=1)
    screen.open(write(tmp_path, made))
    screen.wait(READY)
    charts = screen.run("return [...document.querySelectorAll('[data-chart]')].map((e) => e.dataset.chart)")
    folds = screen.run("return [...document.querySelectorAll('details.data')].map((e) => e.dataset.for)")
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
