"""The house rules: imports point down, modules and functions stay small, no dumping-ground modules."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ENGINE = ROOT / "engine" / "phasewell"
RUNS = ENGINE / "runs"
VOCABULARY = {"errors", "lazy", "plate", "frames", "cells", "profiles", "manifest", "config", "names"}
PARTS = {
    "images",
    "tables",
    "quality",
    "segmentation",
    "descriptors",
    "inference",
    "learning",
    "potency",
    "simulation",
    "populations",
}
LAYER = dict.fromkeys(VOCABULARY, 0) | {"device": 1, "durable": 1, "background": 1.5} | dict.fromkeys(PARTS, 2)
LAYER |= {
    "large_file": 0.5,
    "state": 1,
    "device_facts": 0.5,
    "networks": 1.5,
    "runs": 3,
    "report": 3,
    "__init__": 4,
    "progress": 4,
    "doctor": 4.5,
    "console": 4,
    "plate_screen": 4,
    "demo": 4.5,
    "bench": 4.5,
    "serving_commands": 4.5,
    "learning_commands": 4.5,
    "potency_commands": 4.5,
    "report_commands": 4.5,
    "status_commands": 4.5,
    "results_commands": 4.5,
    "cli": 5,
    "__main__": 6,
}
# inside runs as inside the engine: the parts of a run, each importing only what stands before it
RUNS_ORDER = {
    "interruption": 0,
    "simulated_plates": 0,
    "folder": 1,
    "worker": 2,
    "planning": 3,
    "executors": 3,
    "watching": 4,
    "finished": 4,
    "learning": 4,
    "commit": 5,
    "paper_k": 5,
    "paper_r": 5,
    "driver": 6,
    "__init__": 7,
}
BANNED = {"utils", "util", "helpers", "common", "misc", "tools", "base", "core"}
# imports needed for types only are checked as well: a type is a dependency of the reader
MODULES = sorted([*ENGINE.rglob("*.py"), *(ROOT / "kernels").rglob("*.py")])


def unit_of(path: Path, root: Path = ENGINE) -> str:
    part = path.relative_to(root).parts[0]
    return part.removesuffix(".py")


def imported_modules(path: Path) -> set[tuple[str, ...]]:
    """Return what a module imports of the engine, as the parts of dotted names without the package's own."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        found |= {tuple(name.split(".")[1:]) for name in names if name.startswith("phasewell.")}
    return found


@pytest.mark.parametrize("path", sorted(ENGINE.rglob("*.py")), ids=lambda p: str(p.relative_to(ENGINE)))
def test_imports_point_down(path: Path) -> None:
    here = unit_of(path)
    for other in {module[0] for module in imported_modules(path)} & LAYER.keys() - {here}:
        allowed = LAYER[other] < LAYER[here] or LAYER[other] == LAYER[here] == 0
        assert allowed, f"{path.name} ({here}) imports {other}: imports must point down"


@pytest.mark.parametrize("path", sorted(RUNS.rglob("*.py")), ids=lambda p: str(p.relative_to(RUNS)))
def test_imports_of_runs_point_down(path: Path) -> None:
    here = unit_of(path, RUNS)
    inside = {module[1] for module in imported_modules(path) if module[0] == "runs" and len(module) > 1}
    for other in inside & RUNS_ORDER.keys() - {here}:
        assert RUNS_ORDER[other] < RUNS_ORDER[here], f"{path.name} ({here}) imports {other}: imports must point down"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_modules_and_functions_stay_small(path: Path) -> None:
    source = path.read_text()
    assert source.count("\n") <= 400, f"{path}: more than 400 lines"
    assert path.stem not in BANNED, f"{path}: name says nothing"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            size = (node.end_lineno or 0) - node.lineno + 1
            assert size <= 60, f"{path}:{node.lineno} {node.name} has {size} lines"


def test_every_module_has_a_layer() -> None:
    assert {unit_of(path) for path in ENGINE.rglob("*.py")} <= LAYER.keys()
    assert {unit_of(path, RUNS) for path in RUNS.rglob("*.py")} <= RUNS_ORDER.keys()
