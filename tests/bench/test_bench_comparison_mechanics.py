"""Two results side by side: ratios, what spread hides, conditions that differ, and a page that opens offline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from bench_samples import ABOUT, CONDITIONS, DIFFERENT, SPEED, document, measured
from phasewell.bench.comparison import Comparison, compare_documents
from phasewell.bench.documents import BenchDocument, read_document, write_document
from phasewell.bench.page import write_comparison_page
from phasewell.bench.rows import NETWORK, REQUIRED, RESIDENT, missing_row, speed_row
from phasewell.bench.text import describe_document
from phasewell.cli import main
from phasewell.errors import InputError

H200 = {"name": "cuda:0", "hardware": "NVIDIA H200", "memory_bytes": 141 << 30, "free_bytes": 2}


def two_machines(**conditions: Any) -> tuple[BenchDocument, BenchDocument]:
    one = document(
        measured(RESIDENT, 300.0), measured(RESIDENT, 350.0, batch_frames=64),
        measured(REQUIRED, 70.0), measured(NETWORK, 80.0),
    )  # fmt: skip
    two = document(
        measured(RESIDENT, 12_000.0, batch_frames=64), measured(REQUIRED, 4_200.0),
        missing_row({**ABOUT, "boundary": NETWORK}, "no torch", "install it"), hardware=H200, **conditions,
    )  # fmt: skip
    return one, two


def compared(**conditions: Any) -> Comparison:
    return compare_documents(*two_machines(**conditions), ("cpu", "h200"))


def test_ratios_are_second_over_first_by_boundary_and_batch() -> None:
    pairs = {(pair.boundary, pair.batch): pair for pair in compared().pairs}
    assert pairs[RESIDENT, "64"].ratio == pytest.approx(12_000 / 350)
    assert pairs[REQUIRED, "16"].ratio == pytest.approx(60.0)
    assert pairs[RESIDENT, "16"].ratio is None
    assert pairs[RESIDENT, "16"].second.parity == "not in this result"
    assert pairs[NETWORK, ""].second.parity == "not measured: no torch"


def test_the_picture_has_the_fastest_batch_of_each_side() -> None:
    best = {pair.boundary: pair for pair in compared().best}
    assert (best[RESIDENT].first.frames_per_s, best[RESIDENT].second.frames_per_s) == (350.0, 12_000.0)


@pytest.mark.parametrize(("rate", "clear"), [(109.0, False), (111.0, True), (92.0, False), (90.0, True)])
def test_a_difference_within_the_spread_is_marked(rate: float, clear: bool) -> None:
    (pair,) = compare_documents(document(measured(REQUIRED, 100.0)), document(measured(REQUIRED, rate))).pairs
    assert pair.clear is clear  # the spread of the sample is 10 %
    text = compare_documents(document(measured(REQUIRED, 100.0)), document(measured(REQUIRED, rate))).to_text()
    assert ("~" in text) is not clear


@pytest.mark.parametrize(
    ("change", "condition", "doubtful"),
    [
        ({"commit": "def5678"}, "commit", True),
        ({"versions": {"phasewell": "0.1.0", "numpy": "2.5.0"}}, "version of numpy", True),
        ({"versions": {"phasewell": "0.1.0"}}, "version of numpy", False),
        ({"frames_of_plate": 1000}, "frames_of_plate", True),
        ({"cores": 16, "load_average": 0.2}, "cores", False),
        ({"load_average": 7.0}, "others used the cores", True),
    ],
)
def test_conditions_that_differ_are_flagged(change: dict[str, Any], condition: str, doubtful: bool) -> None:
    found = {one.condition: one for one in compared(**change).differences}
    assert found[condition].doubtful is doubtful
    assert (f"CONDITIONS DIFFER, {condition}" in compared(**change).to_text()) is doubtful


def test_the_same_result_differs_in_nothing() -> None:
    one, _ = two_machines()
    same = compare_documents(one, one)
    assert same.differences == ()
    assert {pair.ratio for pair in same.pairs} == {1.0}
    assert len(set(same.names)) == 2


def test_hardware_is_what_is_compared_and_no_reason_to_doubt() -> None:
    found = {one.condition: one for one in compared().differences}
    assert not found["hardware"].doubtful
    assert (found["hardware"].first, found["hardware"].second) == ("AMD EPYC, 2 cores", "NVIDIA H200")
    assert "free_bytes" not in found


def test_a_document_survives_its_file(tmp_path: Path) -> None:
    one, _ = two_machines()
    write_document(one, tmp_path / "new" / "a.json")
    assert read_document(tmp_path / "new" / "a.json") == one


def spoil_rate(text: dict[str, Any]) -> None:
    text["rows"][0]["p95_ms"] = None


def spoil_parity(text: dict[str, Any]) -> None:
    text["rows"][0]["parity"]["equal"]["cells"] = False


def spoil_name(text: dict[str, Any]) -> None:
    text["schema_name"] = "phasewell-bench-99"


@pytest.mark.parametrize(
    ("spoil", "said"), [(spoil_rate, "p95_ms"), (spoil_parity, "without parity"), (spoil_name, "schema_name")]
)
def test_a_document_with_a_hole_is_not_compared(spoil: Any, said: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    text = two_machines()[0].to_dict()
    spoil(text)
    path.write_text(json.dumps(text))
    with pytest.raises(InputError, match=said):
        read_document(path)


def test_the_verb_compares_two_files_and_writes_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [tmp_path / name for name in ("cpu.json", "h200.json")]
    for one, path in zip(two_machines(), paths, strict=True):
        write_document(one, path)
    page = tmp_path / "compare.html"
    assert main(["bench", "compare", *map(str, paths), "--output", str(page), "--json"]) == 0
    told = capsys.readouterr()
    found = json.loads(told.out)
    assert found["page"] == str(page)
    assert found["names"] == ["cpu", "h200"]
    assert "h200 / cpu" in told.err
    assert main(["bench", "compare", str(paths[0]), str(tmp_path / "absent.json")]) == 65
    assert "absent.json" in capsys.readouterr().err


def test_the_page_shows_names_safely_and_fetches_nothing(tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script>"
    one, two = two_machines(commit=hostile)
    text = write_comparison_page(compare_documents(one, two, (hostile, "b")), tmp_path / "page.html").read_text()
    assert hostile not in text
    assert "&lt;script&gt;" in text
    assert "default-src &#39;none&#39;" in text
    assert "12,000.0" in text


def test_text_ends_with_the_verdict_and_says_that_others_used_the_machine() -> None:
    busy = document(
        measured(REQUIRED, 70.0), speed_row({**ABOUT, "boundary": NETWORK}, SPEED, DIFFERENT), load_average=9.0
    )
    text = describe_document(busy)
    assert text.splitlines()[-1] == busy.verdict.sentence
    assert "the machine was busy: load 9" in text
    assert "refused, network: the results are not those of the CPU" in text
    assert "busy" not in describe_document(document(measured(REQUIRED, 70.0), load_average=CONDITIONS["load_average"]))
