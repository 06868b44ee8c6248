"""The page in a real browser: charts are drawn, nothing is fetched, nothing from the data runs."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from phasewell.report.content import Content
from phasewell.report.document import render
from phasewell.report.pages import compose

pytestmark = pytest.mark.browser

HOSTILE = "</script><img src=x onerror=document.documentElement.dataset.hacked='yes'>\"'🧫`${1}`"


class Marks(HTMLParser):
    """Counts drawn marks inside each chart."""

    def __init__(self) -> None:
        super().__init__()
        self.chart, self.depth = "", 0
        self.marks: dict[str, int] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if named.get("data-chart"):
            self.chart = str(named["data-chart"])
            self.marks[self.chart] = 0
        elif tag == "figcaption":
            self.chart = ""
        elif self.chart and (tag == "canvas" or (tag == "path" and named.get("d")) or tag == "text"):
            self.marks[self.chart] += 1


def write(folder: Path, content: Content) -> Path:
    path = folder / "report.html"
    path.write_text(render(compose(content)), encoding="utf-8")
    return path


def marks(document: str) -> dict[str, int]:
    parser = Marks()
    parser.feed(document)
    return parser.marks


def attribute(document: str, name: str) -> str | None:
    root = re.search(r"<html[^>]*>", document)
    assert root is not None
    found = re.search(rf'{name}="([^"]*)"', root[0])
    return found[1] if found else None


def test_all_charts_of_a_screen_are_drawn_without_network_or_error(
    tmp_path: Path, browser: Any, content: Callable[..., Content]
) -> None:
    wells = tuple(f"{row}{column:02d}" for row in "ABC" for column in range(1, 6))
    made = content(wells, tuple(6.0 * i for i in range(1, 16)), ("f1", "f2"), simulated=True, models=True, pictures=2,
                   scores=("low", "high"))  # fmt: skip
    document, console, asked = browser.open(write(tmp_path, made))
    assert attribute(document, "data-problems") is None
    assert console == []
    assert asked == []
    drawn = marks(document)
    expected = {"plate-maps", "plate-explorer", "growth", "distributions", "profile", "components"}
    assert drawn.keys() == expected | {"predictions", "columns-lasso", "quality", "score-maps", "score-histogram"}
    assert attribute(document, "data-charts") == attribute(document, "data-charts-drawn") == str(len(drawn))
    assert drawn["profile"] >= 1, "the 5,400 cells of the profile are on a canvas"
    few = {name: n for name, n in drawn.items() if n < 15 and name != "profile"}
    assert not few, "a chart with so few marks has only axes"


def test_the_browser_would_tell_of_an_error_and_of_a_fetch(tmp_path: Path, browser: Any) -> None:
    page = tmp_path / "bad.html"
    page.write_text("<script>undefined_name()</script><img src='http://plate.invalid/a.png'>", encoding="utf-8")
    _, console, asked = browser.open(page)
    assert len(console) >= 1
    assert asked[0] == "http://plate.invalid/a.png"


def test_names_from_the_data_are_shown_and_do_not_run(
    tmp_path: Path, browser: Any, content: Callable[..., Content]
) -> None:
    made = content(
        ("A01", "B02"),
        (0.0, 6.0),
        (HOSTILE, "f2"),
        name=HOSTILE,
        label=HOSTILE,
        reason=HOSTILE,
        models=True,
        pictures=2,
        scores=(HOSTILE, "middle", "high"),
    )
    document, console, asked = browser.open(write(tmp_path, made))
    assert attribute(document, "data-hacked") is None
    assert attribute(document, "data-problems") is None
    assert (console, asked) == ([], [])
    assert attribute(document, "data-charts") == attribute(document, "data-charts-drawn")
    assert "&lt;/script&gt;&lt;img src=x onerror=" in document
    assert "<img src=x" not in document.replace("&lt;", "")


@pytest.mark.parametrize("case", ["empty", "one", "no_hour"])
def test_runs_with_little_in_them_have_a_page_too(
    case: str, tmp_path: Path, browser: Any, content: Callable[..., Content]
) -> None:
    made = {
        "empty": lambda: content(empty=True),
        "one": lambda: content(("C07",), (0.0,), ("f1",), lost_share=0.0, pictures=1),
        "no_hour": lambda: content((), (), ()),
    }[case]()
    document, console, _ = browser.open(write(tmp_path, made))
    assert attribute(document, "data-problems") is None
    assert console == []
    assert attribute(document, "data-charts-drawn") == attribute(document, "data-charts")
