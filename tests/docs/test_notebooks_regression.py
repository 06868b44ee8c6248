"""The notebooks run from top to bottom, and print what the site shows."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import nbformat
import pytest

DOCS = Path(__file__).parents[2] / "docs"
NOTEBOOKS = sorted(path.name for path in (DOCS / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def runner() -> ModuleType:
    spec = importlib.util.spec_from_file_location("run_notebooks", DOCS / "run_notebooks.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_prints_what_it_holds(name: str, tmp_path: Path, runner: ModuleType) -> None:
    path = DOCS / "notebooks" / name
    made = runner.run_notebook(path, tmp_path)
    assert runner.outputs_of(made) == runner.outputs_of(nbformat.read(path, as_version=4))


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_small_and_says_nothing_of_the_machine_that_made_it(name: str) -> None:
    text = (DOCS / "notebooks" / name).read_text()
    assert len(text) < 300_000
    assert "/tmp/" not in text
    assert "Traceback" not in text
    assert set(nbformat.reads(text, as_version=4).metadata) == {"kernelspec"}


def test_there_are_the_three_that_the_site_names() -> None:
    assert [name.removesuffix(".ipynb") for name in NOTEBOOKS] == ["first_plate", "potency", "throughput"]
