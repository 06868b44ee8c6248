"""The page as text: self-contained, escaped, and never an RMSE without its baseline and Q2."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser

import numpy as np
import pytest
from phasewell.report.content import Content
from phasewell.report.document import render, script_json
from phasewell.report.pages import compose
from phasewell.report.theme import to_spec

HOSTILE = "</script><img src=x onerror=alert(1)>\"'🧫`${1}` {{ 7*7 }} \u2028"


class Elements(HTMLParser):
    """Collects elements with their attributes, the text outside scripts and the text of each script and style."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.raw: list[tuple[str, str]] = []
        self.inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self.inside = tag
            self.raw.append((tag, ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == self.inside:
            self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside:
            tag, before = self.raw[-1]
            self.raw[-1] = (tag, before + data)
        else:
            self.text.append(data)


def parse(page: str) -> Elements:
    parser = Elements()
    parser.feed(page)
    return parser


@pytest.fixture(scope="module")
def screen(make: Callable[..., Content]) -> str:
    wells = tuple(f"{row}{column:02d}" for row in "AB" for column in range(1, 7))
    return render(compose(make(wells, (6.0, 12.0), ("f1", "f2"), simulated=True, models=True, pictures=2)))


def test_nothing_points_outside_the_page(screen: str) -> None:
    parsed = parse(screen)
    for tag, attributes in parsed.elements:
        assert tag not in ("link", "iframe", "object", "embed", "base", "form")
        for name, value in attributes.items():
            assert not name.startswith("on"), f"{tag} {name}"
            if name in ("src", "href", "action", "data", "srcset", "poster", "xlink:href"):
                assert str(value).startswith(("data:image/", "#")), f"{tag} {name}={value}"
            if name != "content":
                assert "://" not in str(value)
    assert "url(" not in next(text for tag, text in parsed.raw if tag == "style")
    data = next(json.loads(text) for tag, text in parsed.raw if tag == "script" and text.startswith("{"))
    assert not re.search(r"https?://", json.dumps(data)), "no chart names a schema or data on the web"


def test_the_policy_allows_exactly_the_scripts_and_style_of_the_page(screen: str) -> None:
    parsed = parse(screen)
    policy = next(a["content"] for tag, a in parsed.elements if a.get("http-equiv") == "Content-Security-Policy")
    rules = dict(rule.strip().split(" ", 1) for rule in str(policy).split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    assert "unsafe" not in str(policy)
    scripts = [text for tag, text in parsed.raw if tag == "script" and not text.startswith("{")]
    assert len(scripts) == 2
    for text, rule in [*((s, "script-src") for s in scripts), (parsed.raw[0][1], "style-src")]:
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in rules[rule]


def test_hostile_names_are_text_everywhere(make: Callable[..., Content]) -> None:
    made = make(
        ("A01", "A02"),
        (0.0, 6.0),
        (HOSTILE, "f2"),
        name=HOSTILE,
        label=HOSTILE,
        reason=HOSTILE,
        models=True,
        pictures=2,
    )
    parsed = parse(render(compose(made)))
    text = "".join(parsed.text)
    assert text.count(HOSTILE) >= 8, "title, heading, table heads, reasons, captions"
    assert "{{ 7*7 }}" in text, "a name is no template"
    assert all(str(a.get("src")).startswith("data:image/") for tag, a in parsed.elements if tag == "img")
    assert sum(tag == "script" for tag, _ in parsed.elements) == 3


def test_json_in_a_script_cannot_end_it_and_reads_back_the_same() -> None:
    document = {"name": HOSTILE, "nested": ["<!--", "&amp;", "]]>", "\u2028\u2029"]}
    text = script_json(document)
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == document
    with pytest.raises(ValueError, match="JSON"):
        script_json({"value": float("nan")})


def test_every_rmse_stands_beside_its_baseline_and_q2(screen: str) -> None:
    parsed = parse(screen)
    text = re.sub(r"\s+", " ", " ".join(parsed.text))
    head = re.search(r"Model RMSE \(potency\) Baseline RMSE \(potency\) RMSE / baseline Q²", text)
    assert head is not None
    data = next(json.loads(text) for tag, text in parsed.raw if tag == "script" and text.startswith("{"))
    titles = re.findall(r'"subtitle": "([^"]*)"', json.dumps(data["charts"]["predictions"], ensure_ascii=False))
    assert len(titles) == 3
    assert all(re.fullmatch(r"RMSE [\d.]+, baseline [\d.]+, Q² -?[\d.]+", title) for title in titles)
    assert text.count("than the baseline (RMSE is") == 3, "each model has its verdict"


def test_a_simulated_plate_says_so_above_and_in_every_section(make: Callable[..., Content], screen: str) -> None:
    parsed = parse(screen)
    sections = [a for tag, a in parsed.elements if tag == "section" and a.get("id")]
    marks = [a for tag, a in parsed.elements if a.get("class") == "simulated-mark"]
    assert len(marks) == len(sections) == 10
    assert "SIMULATED" in "".join(parsed.text)
    real = parse(render(compose(make())))
    assert "simulated" not in "".join(real.text).lower()


def test_the_banner_tells_the_settings_of_the_simulation(make: Callable[..., Content]) -> None:
    plate = make(simulated=True).plate
    assert plate.simulated == "These frames were made by a program (seed 0); no cell was imaged."
    document = json.dumps({"clones": 15, "seed": 3, "frame_shape": [1000, 1000]})
    told = dataclasses.replace(plate, provenance={"simulated": document}).simulated
    assert told == "These frames were made by a program (clones 15, seed 3); no cell was imaged."


def test_pictures_have_words_for_those_who_cannot_see_them(screen: str) -> None:
    parsed = parse(screen)
    pictures = [a for tag, a in parsed.elements if tag == "img"]
    assert len(pictures) == 16
    assert all(a.get("alt") for a in pictures)
    data = next(json.loads(text) for tag, text in parsed.raw if tag == "script" and text.startswith("{"))
    assert all(len(spec["description"]) > 20 for spec in data["charts"].values())


def test_the_same_run_gives_the_same_bytes(make: Callable[..., Content], screen: str) -> None:
    wells = tuple(f"{row}{column:02d}" for row in "AB" for column in range(1, 7))
    again = make(wells, (6.0, 12.0), ("f1", "f2"), simulated=True, models=True, pictures=2)
    assert render(compose(again)) == screen


@pytest.mark.parametrize(
    ("wells", "times", "fields", "options"),
    [
        ((), (), (), {}),
        (("A01",), (0.0,), ("f",), {"empty": True}),
        (("A01",), (0.0,), ("f",), {"lost_share": 0.0}),
        (("A01", "P24"), (0.0, 1.5), ("f",), {"models": True}),
        (("AF48",), (0.0, 6.0), ("f",), {}),
    ],
)
def test_runs_with_little_or_odd_content_have_all_sections(
    wells: tuple[str, ...],
    times: tuple[float, ...],
    fields: tuple[str, ...],
    options: dict[str, bool],
    make: Callable[..., Content],
) -> None:
    parsed = parse(render(compose(make(wells, times, fields, **options))))
    names = [a["id"] for tag, a in parsed.elements if tag == "section" and a.get("id")]
    assert names == [
        "summary", "plate", "gallery", "growth", "descriptors", "scores", "potency", "quality", "agreement",
        "provenance",
    ]  # fmt: skip


def test_a_plate_of_384_wells_stays_under_five_megabytes(make: Callable[..., Content]) -> None:
    wells = tuple(f"{row}{column:02d}" for row in "ABCDEFGHIJKLMNOP" for column in range(1, 25))
    page = render(compose(make(wells, tuple(6.0 * i for i in range(1, 16)), ("f1",), models=True)))
    assert len(page.encode()) < 5_000_000
    assert "15 hours are here" in page, "the page says which hours it leaves out"


def test_lost_frames_are_counted_in_full_where_the_list_is_cut(make: Callable[..., Content]) -> None:
    wells = tuple(f"A{column:02d}" for column in range(1, 13))
    made = make(wells, (0.0, 6.0, 12.0), tuple(f"f{i}" for i in range(20)), lost_share=0.7)
    text = re.sub(r"\s+", " ", " ".join(parse(render(compose(made))).text))
    counts = {status: int((made.frames["status"] == status).sum()) for status in ("missing", "quarantined")}
    assert f"The first 200 of {sum(counts.values())}" in text
    assert f"missing not in the source {counts['missing']} " in text
    assert f"quarantined decode_error: tile 3 ends early {counts['quarantined']} " in text


def test_charts_refuse_what_json_cannot_say(make: Callable[..., Content]) -> None:
    import altair as alt

    chart = alt.Chart(alt.InlineData(values=[{"x": float("inf")}])).mark_point().encode(x="x:Q")
    with pytest.raises(ValueError, match="JSON"):
        script_json(to_spec(chart, "a chart", 1))
    assert np.isnan(make(empty=True).measures["cells"].values).all()


def test_one_of_something_is_said_as_one(content: Callable[..., Content]) -> None:
    assert compose(content(("C03",), (0.0,), ("f1", "f2"))).subtitle.startswith(
        "phasewell report · 1 well, 2 fields, 1 hour"
    )
