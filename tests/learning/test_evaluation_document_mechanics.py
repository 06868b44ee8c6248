"""One evaluation document: strict JSON, every frame once, refusals that name the line."""

from __future__ import annotations

import json

import numpy as np
import pytest
from phasewell.errors import InputError, UsageError
from phasewell.learning import evaluate_frames

CLASSES = ("low", "high")


def scored(frames: int = 25, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    names = np.repeat([f"L{k}" for k in range(6)], frames)
    targets = np.repeat(np.arange(6) % 2, frames)
    scores = 1 / (1 + np.exp(-rng.normal(size=len(names)) * 2 - 2 * targets + 1))
    return targets, np.stack([1 - scores, scores], axis=1), names


def test_document_is_strict_json_and_counts_every_frame() -> None:
    targets, probabilities, lines = scored()
    folds = np.repeat([0, 0, 1, 1, 2, 2], 25)
    found = evaluate_frames(targets, probabilities, lines, CLASSES, folds)
    document = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert sum(document["confusion"].values()) == sum(map(sum, document["matrix"])) == 150
    assert sum(bin_["frames"] for bin_ in document["calibration"]["bins"]) == 150
    assert {name: sum(counts) for name, counts in document["softmax"].items()} == {"low": 75, "high": 75}
    assert [line["line"] for line in document["lines"]] == [f"L{k}" for k in range(6)]
    assert [line["fold"] for line in document["lines"]] == [0, 0, 1, 1, 2, 2]
    assert document["lines"][1]["mean_probability"] == pytest.approx(probabilities[25:50, 1].mean())
    assert document["folds"]["mean"]["accuracy"] == pytest.approx(document["metrics"]["accuracy"])  # equal folds
    assert document["folds"]["mean"]["auc"] != document["metrics"]["auc"]
    assert document["permutation"]["labelings"] == 20 and document["permutation_within_folds"]["labelings"] == 8
    assert str(found).startswith("150 frames of 6 lines: AUC 0.")


def test_order_of_frames_does_not_matter() -> None:
    targets, probabilities, lines = scored()
    order = np.random.default_rng(1).permutation(len(targets))
    first = evaluate_frames(targets, probabilities, lines, CLASSES)
    second = evaluate_frames(targets[order], probabilities[order], lines[order], CLASSES)
    assert first.metrics == second.metrics and first.roc == second.roc and first.bootstrap == second.bootstrap
    assert first.permutation == second.permutation


def test_two_test_lines_prove_nothing_about_lines_and_say_so() -> None:
    targets, probabilities, lines = (values[:50] for values in scored())
    found = evaluate_frames(targets, probabilities, lines, CLASSES)
    assert found.permutation.least_p == 0.5
    assert found.bootstrap.reason is not None and found.temperature.reason is not None
    assert found.folds is None and found.permutation_within_folds is None


def test_three_classes_are_one_against_the_others() -> None:
    rng = np.random.default_rng(2)
    targets = np.repeat([0, 1, 2, 0, 1, 2], 20)
    lines = np.repeat([f"L{k}" for k in range(6)], 20)
    weights = rng.random((120, 3)) + 2 * (targets[:, None] == np.arange(3))
    probabilities = weights / weights.sum(axis=1, keepdims=True)
    found = evaluate_frames(targets, probabilities, lines, ("a", "b", "c"), positive=2)
    assert found.positive == "c" and found.confusion["tp"] + found.confusion["fn"] == 40
    assert len(found.matrix) == 3 and found.matrix[0][0] == 40


def test_refusals_name_what_is_wrong() -> None:
    targets, probabilities, lines = scored()
    bad = probabilities.copy()
    bad[30] = (np.nan, 0.5)
    with pytest.raises(InputError, match="line L1, frame 30"):
        evaluate_frames(targets, bad, lines, CLASSES)
    with pytest.raises(InputError, match="add up to 1"):
        evaluate_frames(targets, probabilities * 0.9, lines, CLASSES)
    with pytest.raises(InputError, match=r"probabilities \(150,\)"):
        evaluate_frames(targets, probabilities[:, 1], lines, CLASSES)
    mixed = targets.copy()
    mixed[3] = 1
    with pytest.raises(InputError, match="line L0: frames of two classes"):
        evaluate_frames(mixed, probabilities, lines, CLASSES)
    with pytest.raises(InputError, match="line L0: frames of two folds"):
        evaluate_frames(targets, probabilities, lines, CLASSES, folds=np.arange(150) % 2)
    with pytest.raises(UsageError, match="positive class 2"):
        evaluate_frames(targets, probabilities, lines, CLASSES, positive=2)
    with pytest.raises(InputError, match="0 targets"):
        evaluate_frames(targets[:0], probabilities[:0], lines[:0], CLASSES)
