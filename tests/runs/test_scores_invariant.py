"""The stage `scores` beside `cells`: parts of its own, keys of its own, and the same bytes whatever happens."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from phasewell import runs
from phasewell.config import Config, InferenceConfig, QualityConfig
from phasewell.device import Device
from phasewell.errors import InputError, UsageError
from phasewell.images import open_plate
from phasewell.inference import backends, make_untrained_model, prepare_frames, scale_images
from phasewell.inference.model_file import read_model
from phasewell.inference.session import Session
from phasewell.inference.torch_backend import load_network
from phasewell.runs.planning.run_plan import plan_plate
from phasewell.runs.worker import scoring
from phasewell.runs.worker.receipts import TaskContext
from phasewell.runs.worker.task import process_unit
from phasewell.tables.parts import find_parts, read_part

Make = Callable[..., Config]
Digests = Callable[[Path], dict[str, str]]
# a run that dies where it would commit the scores of its n-th unit
KILLED = """
import os, signal, sys
from pathlib import Path
from phasewell import runs
from phasewell.config import Config
from phasewell.runs.worker import task

write, left = task.write_part, [int(sys.argv[2])]

def deadly(folder, *arguments):
    left[0] -= folder.name == "scores"
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return write(folder, *arguments)

task.write_part = deadly
runs.run(Config.model_validate_json(Path(sys.argv[1]).read_text()))
"""
CLASSES = ("low", "middle", "high")


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_untrained_model(
        tmp_path_factory.mktemp("models") / "one", "densenet13", 1, CLASSES, frame_px=(128, 144)
    ).folder


@pytest.fixture
def make_scored(make_config: Make, model_folder: Path) -> Make:
    """Like make_config, with the model; `inference` goes to its section."""

    def make(output: str = "run", inference: dict[str, Any] | None = None, **settings: Any) -> Config:
        section = InferenceConfig(**{"model": model_folder, "precision": "f32", **(inference or {})})
        return make_config(output, **settings).model_copy(update={"inference": section})

    return make


def files(folder: Path, stage: str) -> dict[str, float]:
    """Return the parts of a stage with their times of change."""
    return {part.path.name: part.path.stat().st_mtime_ns for part in find_parts(folder / "parts" / stage)}


def score_rows(folder: Path) -> dict[tuple[str, int, str], dict[str, Any]]:
    parts = find_parts(folder / "parts" / "scores")
    return {(row["well"], row["time"], row["field"]): row for part in parts for row in read_part(part).to_pylist()}


def alter_card(config: Config, folder: Path, **facts: Any) -> Path:
    """Return a copy of the model with other facts on its card: another model, as far as a run can know."""
    shutil.copytree(config.inference.model or "", folder)
    card = json.loads((folder / "model.json").read_bytes())
    (folder / "model.json").write_text(json.dumps({**card, **facts}))
    return folder


def test_scores_are_torchs(make_scored: Make, make_config: Make, model_folder: Path) -> None:
    """Every frame against torch in float32 on the specified picture; cells are those of a run without a model."""
    result = runs.run(make_scored())
    rows, plate = score_rows(result.folder), open_plate(make_scored().plate.store)
    network, card = load_network(read_model(model_folder)), read_model(model_folder).card
    assert len(rows) == 18
    for unit in plate.units():
        for record in plate.records(unit.well, unit.time):
            row = rows[unit.well, unit.time, record.key.field]
            if record.status == "missing":
                assert (row["status"], row["reason"], row["logits"]) == ("missing", "missing", None)
                continue
            pixels = plate.frames(unit.well, unit.time, (record.key.field,)).pixels
            assert row["mean_v"] == pixels.mean()
            if pixels.mean() > 230:
                assert (row["status"], row["reason"], row["too_bright"]) == ("quarantined", "too_bright", True)
                continue
            prepared = prepare_frames(pixels, "offset", Device("cpu", "arrays"))
            with torch.no_grad():
                expected = network(torch.from_numpy(scale_images(prepared.images, card.mean, card.std, "cpu")))[0]
            np.testing.assert_allclose(row["logits"], expected.numpy(), atol=1e-4)
            np.testing.assert_allclose(row["probabilities"], expected.softmax(0).numpy(), atol=1e-4)
            assert row["adjustment"] == prepared.adjustments[0]
            assert row["clipped_share"] == prepared.clipped_share[0]
            assert row["frame_sha256"] == record.sha256
    assert sum(row["reason"] == "too_bright" for row in rows.values()) == 1
    plain = runs.run(make_config("plain"))
    assert files(plain.folder, "cells").keys() == files(result.folder, "cells").keys()
    assert not (plain.folder / "parts" / "scores").exists()
    assert (result.n_processed, result.n_cells) == (plain.n_processed, plain.n_cells)
    assert result.run_id != plain.run_id


@pytest.mark.parametrize("lost", ["scores", "cells"])
def test_only_what_is_due_is_computed(
    lost: str, make_scored: Make, digests: Digests, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make_scored()
    folder = runs.run(config).folder
    expected = digests(folder)
    victim = next(find_parts(folder / "parts" / lost))
    victim.path.unlink()
    (unit,) = runs.plan(config).remaining
    assert (unit.address, unit.due) == ((victim.well, victim.time), (lost,))
    stamps = {stage: files(folder, stage) for stage in ("cells", "scores")}
    if lost == "scores":
        monkeypatch.setattr("phasewell.runs.worker.lanes.measure_frames", None)  # would fail if it were called
    else:
        monkeypatch.setattr(Session, "scores", None)
    seen: list[tuple[int, int]] = []
    result = runs.run(config, progress=lambda done, total: seen.append((done, total)))
    assert (result.n_processed, result.n_quarantined, result.n_missing) == (15, 2, 1)
    assert seen[-1] == (18, 18)
    assert digests(folder) == expected
    for stage, before in stamps.items():
        after = files(folder, stage)
        assert all(after[name] == stamp for name, stamp in before.items())


def test_a_new_model_recomputes_scores_alone(
    make_scored: Make, make_config: Make, digests: Digests, tmp_path: Path
) -> None:
    config = make_scored()
    folder = runs.run(config).folder
    first, cells, scores = digests(folder), files(folder, "cells"), files(folder, "scores")
    other = alter_card(config, tmp_path / "other", origin="trained by somebody")
    changed = make_scored(inference={"model": other})
    assert {unit.due for unit in runs.plan(changed).remaining} == {("scores",)}
    runs.run(changed)
    assert files(folder, "cells") == cells
    assert not files(folder, "scores").keys() & scores.keys()
    assert {part.path.name for part in find_parts(folder / "superseded" / "scores")} == scores.keys()
    for setting in ({"mode": "gain"}, {"precision": "bf16", "backend": "torch"}):
        assert {unit.due for unit in runs.plan(make_scored(inference=setting)).remaining} == {("scores",)}
    moved = Path(shutil.copytree(config.inference.model or "", tmp_path / "elsewhere"))
    assert not runs.plan(make_scored(inference={"model": moved})).remaining  # a folder is not part of a model
    stricter = config.model_copy(update={"quality": QualityConfig(reject_blank=False)})
    assert {unit.due for unit in runs.plan(stricter).remaining} == {("cells",)}
    runs.run(make_config())  # nobody scores: the manifest names no scores, and none lie where it would look
    assert files(folder, "scores") == {}
    runs.run(config)
    assert digests(folder) == first


def test_a_flipped_bit_costs_one_unit_its_scores(make_scored: Make, digests: Digests) -> None:
    config = make_scored()
    folder = runs.run(config).folder
    expected = digests(folder)
    victim = next(find_parts(folder / "parts" / "scores"))
    data = bytearray(victim.path.read_bytes())
    data[len(data) // 2] ^= 8
    victim.path.write_bytes(data)
    assert [(unit.address, unit.due) for unit in runs.plan(config).remaining] == [
        ((victim.well, victim.time), ("scores",))
    ]
    runs.run(config)
    assert digests(folder) == expected


def test_a_kill_between_the_two_commits(make_scored: Make, digests: Digests, tmp_path: Path) -> None:
    expected = digests(runs.run(make_scored("whole")).folder)
    for number in (1, 4):
        config = make_scored(f"killed-{number}")
        path = tmp_path / "config.json"
        path.write_text(config.model_dump_json())
        program = subprocess.run([sys.executable, "-c", KILLED, str(path), str(number)], check=False)
        assert program.returncode == -signal.SIGKILL
        dues = [unit.due for unit in runs.plan(config).remaining]
        assert ("scores",) in dues  # cells of the unit were committed, its scores were not
        assert ("cells",) not in dues
        runs.run(config)
        assert digests(config.run.output) == expected


def test_one_by_one_gives_the_same_bytes(make_scored: Make, digests: Digests) -> None:
    expected = digests(runs.run(make_scored("whole")).folder)
    config = make_scored("single", labels="none")
    (config.run.output / "parts").mkdir(parents=True)
    plate = open_plate(config.plate.store)
    planned = plan_plate(plate, config)
    context = TaskContext(
        config, config.run.output, planned.plate_digest, planned.code_version, "cpu", 1, scoring=planned.scoring
    )
    for unit in planned.remaining:
        receipt = process_unit(context, unit, enter=lambda _: None)
        name = f"parts/scores/{unit.well}-t{unit.time:03d}.{unit.scores_key[:32]}.{receipt.scores_sha256}.parquet"
        assert expected[name] == receipt.scores_sha256


def test_a_frame_that_the_network_fails_on_costs_itself(make_scored: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = score_rows(runs.run(make_scored("whole")).folder)
    rejected = whole["A01", 1, "2"]["logits"]
    run_pictures = Session.scores

    def fail(self: Session, images: Any) -> Any:
        logits = run_pictures(self, images)
        if any(row.tolist() == rejected for row in logits):
            raise RuntimeError("a picture that the network cannot take")
        return logits

    monkeypatch.setattr(Session, "scores", fail)
    config = make_scored()
    rows = score_rows(runs.run(config).folder)
    assert rows["A01", 1, "2"]["reason"] == "error:RuntimeError"
    assert {key for key, row in rows.items() if row != whole[key]} == {("A01", 1, "2")}
    assert "a picture that the network cannot take" in (config.run.output / "events.jsonl").read_text()
    monkeypatch.setattr(Session, "scores", run_pictures)
    assert {(unit.address, unit.due) for unit in runs.plan(config).remaining} == {(("A01", 1), ("scores",))}
    runs.run(config)
    assert score_rows(config.run.output) == whole


def test_scores_of_two_kinds_of_hosts_are_never_mixed(make_scored: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    config = make_scored()
    planned = plan_plate(open_plate(config.plate.store), config)
    assert planned.scoring is not None
    monkeypatch.setattr(backends, "describe_hardware", lambda _: "another_set")
    scoring._session.cache_clear()
    with pytest.raises(UsageError, match="scores of two kinds are never mixed"):
        scoring.Scorer(planned.scoring, Device("cpu", threads=planned.sizes.threads))
    assert {unit.due for unit in plan_plate(open_plate(config.plate.store), config).remaining} == {("cells", "scores")}


def test_refusals(make_scored: Make, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no model\.json"):
        runs.plan(make_scored(inference={"model": tmp_path}))
    large = alter_card(make_scored(), tmp_path / "large", frame_px=[904, 1224])
    with pytest.raises(UsageError, match="made for frames of 904 x 1224 px, the plate has 128 x 144 px"):
        runs.run(make_scored(inference={"model": large}))


def test_a_session_is_in_the_projected_memory(make_scored: Make, make_config: Make) -> None:
    with_model, without = (runs.plan(make()).projected_task_bytes for make in (make_scored, make_config))
    assert with_model - without > 400_000_000


def test_who_scores_is_said_everywhere(make_scored: Make) -> None:
    config = make_scored(inference={"precision": "auto"})
    planned = runs.plan(config)
    assert planned.scoring is not None
    document = planned.scoring.session_document()
    assert planned.to_dict()["scores_by"] == document
    assert planned.to_dict()["units_to_score"] == 6
    assert f"scores: {planned.scoring.identity}; to do: 6 units" in planned.to_text()
    result = runs.run(config)
    assert document["precision"] in ("bf16", "f32")
    manifest = result.manifest.read_text()
    assert str(config.inference.model) not in manifest
    assert f'"precision":"{document["precision"]}"' in manifest
    assert document["backend"] in (result.folder / "events.jsonl").read_text()
    assert runs.status(result.folder)["scores_parts"] == 6
