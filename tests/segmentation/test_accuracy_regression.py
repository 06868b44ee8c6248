"""Accuracy on the sixteen hand-drawn real fields: one preset, one window. Fitted on these fields: no forecast."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hand_fields import PIXEL_SIZE_UM, read_chambers, read_field
from phasewell.config import SegmentationConfig
from phasewell.frames import FrameBatch
from phasewell.segmentation import Agreement, measure_agreement, segment
from phasewell.segmentation.components import number_per_frame, remove_frame_touching

Scores = dict[str, tuple[str, Agreement]]


def score(data: Path, config: SegmentationConfig, names: tuple[str, ...] | None = None) -> Scores:
    scores = {}
    for name, chamber in read_chambers(data).items():
        if names is None or name in names:
            pixels, hand = read_field(data, name)
            batch = FrameBatch(pixels[None], PIXEL_SIZE_UM)
            kept = segment(batch, "cpu", config.model_copy(update={"remove_frame_touching": False}))
            after = number_per_frame(np, remove_frame_touching(np, kept, int(kept.max())), int(kept.max()))
            scores[name] = (chamber, measure_agreement(kept[0], after[0], hand))
    return scores


def mean(scores: Scores, measure: str, chamber: str | None = None) -> float:
    return float(np.mean([getattr(found, measure) for where, found in scores.values() if chamber in (None, where)]))


@pytest.fixture(scope="module")
def phase(data: Path) -> Scores:
    return score(data, SegmentationConfig())


def test_there_are_sixteen_fields_in_three_chambers(phase: Scores) -> None:
    chambers = [chamber for chamber, _ in phase.values()]
    assert [chambers.count(name) for name in "ABC"] == [7, 7, 2]


@pytest.mark.parametrize(("measure", "least"), [("k", 0.66), ("r", 0.63), ("f1_kept", 0.62), ("f1", 0.60)])
def test_mean_over_all_fields(phase: Scores, measure: str, least: float) -> None:
    assert mean(phase, measure) >= least


@pytest.mark.parametrize(("chamber", "least"), [("A", 0.73), ("B", 0.60), ("C", 0.57)])
def test_foreground_per_chamber(phase: Scores, chamber: str, least: float) -> None:
    assert mean(phase, "k", chamber) >= least


def test_walls_are_removed_in_the_two_fields_that_show_one(data: Path, phase: Scores) -> None:
    names = ("set03", "set04", "set18", "set30")
    with_walls = score(data, SegmentationConfig(wall_depth_um=0), names)
    moved = {name for name in names if phase[name][1].k > with_walls[name][1].k}
    assert moved == {"set04", "set30"}
    assert all(phase[name] == with_walls[name] for name in set(names) - moved)


def test_the_pure_eight_steps_without_split(data: Path) -> None:
    scores = score(data, SegmentationConfig(preset="paper-r"), ("set01", "set13", "set19"))
    assert mean(scores, "k") >= 0.60
    assert mean(scores, "r") >= 0.38


@pytest.mark.parametrize("window", [(0, 65_535), (16_000, 54_000)])
def test_other_windows_keep_the_foreground(data: Path, window: tuple[int, int]) -> None:
    values = []
    for name in ("set13", "set17", "set19"):
        pixels, hand = read_field(data, name, window)
        kept = segment(FrameBatch(pixels[None], PIXEL_SIZE_UM), "cpu", SegmentationConfig(remove_frame_touching=False))
        values.append(measure_agreement(kept[0], kept[0], hand).k)
    assert np.mean(values) >= 0.63
