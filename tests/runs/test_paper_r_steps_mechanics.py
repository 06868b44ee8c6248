"""Steps of a reproduction: the same documents with and without an executor, kept at once, never too many ahead."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from phasewell.runs.folder.step_ledger import StepLedger
from phasewell.runs.paper_r import stepping
from phasewell.runs.paper_r.stepping import Step, run_steps
from threadpoolctl import threadpool_info


def square(number: int) -> dict[str, Any]:
    if number < 0:
        raise ValueError("negative")
    return {"square": number * number}


def count_threads() -> dict[str, Any]:
    return {"threads": max(pool["num_threads"] for pool in threadpool_info())}


def make_steps(prefix: str, numbers: range | list[int]) -> list[Step]:
    return [Step(f"{prefix}{n}", f"{prefix} {n}", square, lambda n=n: (n,)) for n in numbers]


def run_all(folder: Path, executor: Any, anywhere: Any, check: Any = lambda: None) -> tuple[dict[str, Any], list[str]]:
    said: list[str] = []
    kept = StepLedger(folder, {"of": "squares"}, "code")
    return run_steps(make_steps("here", range(3)), anywhere, kept, executor, said.append, check), said


def test_an_executor_changes_neither_documents_nor_files(tmp_path: Path) -> None:
    steps = make_steps("any", range(40))
    alone, said = run_all(tmp_path / "alone", None, steps)
    with ThreadPoolExecutor(3) as executor:
        spread, told = run_all(tmp_path / "spread", executor, steps)
        again, retold = run_all(tmp_path / "spread", executor, [step._replace(make=None) for step in steps])
    assert alone == spread == again
    assert len(alone) == 43
    assert alone["any7"] == {"square": 49}
    assert sorted(said) == sorted(told)
    assert retold == ["here 0", "here 1", "here 2"], "what was done is read and not begun again"
    files = [
        {path.name: path.read_bytes() for path in (tmp_path / name).rglob("*.json")} for name in ("alone", "spread")
    ]
    assert files[0] == files[1]


def test_a_step_has_one_thread() -> None:
    """The bits of a product may depend on how many share it."""
    np.ones((2, 2)) @ np.ones((2, 2))
    assert Step("", "", count_threads, tuple).run() == {"threads": 1}


def test_profiles_are_made_when_there_is_room_for_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stepping, "AHEAD", 4)
    asked: list[int] = []
    ready: list[int] = []

    def arguments(number: int) -> tuple[int]:
        asked.append(number)
        assert len(asked) - len(ready) <= 4
        return (number,)

    class Kept(StepLedger):
        def once(self, name: str, make: Any) -> dict[str, Any]:
            document = super().once(name, make)
            ready.append(document["square"])
            return document

    steps = [Step(f"any{n}", "", square, lambda n=n: arguments(n)) for n in range(20)]
    with ThreadPoolExecutor(2) as executor:
        found = run_steps((), steps, Kept(tmp_path, {}, "code"), executor, lambda _: None, lambda: None)
    assert len(found) == len(asked) == 20


def test_a_step_that_fails_and_a_signal_keep_what_was_done(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as executor:
        with pytest.raises(ValueError, match="negative"):
            run_all(tmp_path / "failed", executor, make_steps("any", [1, 2, -1]))
        told = threading.Event()
        asked = iter([False] * 3 + [True])

        def check() -> None:
            if next(asked):
                told.set()
                raise KeyboardInterrupt

        slow = Step("any", "", lambda: {"told": told.wait(60)}, tuple)
        with pytest.raises(KeyboardInterrupt):
            run_all(tmp_path / "told", executor, [slow], check)
    kept = {name: {p.stem for p in (tmp_path / name / "steps").iterdir()} for name in ("failed", "told")}
    assert {"here0", "any1", "any2"} <= kept["failed"]
    assert kept["told"] == {"here0", "here1", "here2"}
