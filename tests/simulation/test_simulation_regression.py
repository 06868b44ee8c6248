"""The bytes of a small simulated plate, so that no seed ever changes its plate unnoticed."""

from __future__ import annotations

import hashlib

from phasewell.frames import FrameBatch
from phasewell.segmentation import segment
from phasewell.simulation import drop_frame_touching, plan_lines, plan_plate, render_unit
from phasewell.simulation.truth import SIMULATION_VERSION

# raise SIMULATION_VERSION with every change of these
DIGEST = "f565515fccb248028b2942476be1cec48a630e26f500e67add88525f10d906c9"
LINES_DIGEST = "a71e1f868b42c1376327fcae9f5259ef37709e8dc66ad61d2e016a77779ce9c9"
LINE_CLASSES = ["high", "low", "high", "low"]
POTENCIES = (8, 12, 7, 11, 7, 10, 10, 9, 12, 11, 9, 11, 12, 12, 8)


def test_a_seed_gives_the_same_bytes_for_ever() -> None:
    plan = plan_plate(clones=3, fields=3, times=15, seed=20, frame_shape=(160, 200))
    digest = hashlib.sha256()
    for well, time in (("A01", 0), ("A02", 7), ("A03", 14)):
        for array in render_unit(plan, well, time):
            digest.update(array.tobytes())
    assert SIMULATION_VERSION == 1
    assert digest.hexdigest() == DIGEST


def test_a_seed_gives_the_same_potencies_for_ever() -> None:
    assert tuple(clone.potency for clone in plan_plate(seed=0).clones) == POTENCIES


def test_the_phase_preset_finds_simulated_cells() -> None:
    """Measured 0.75 to 0.77 with recall 0.95; a gap would mean that the frames stopped looking like phase contrast."""
    plan = plan_plate(fields=1)
    pixels, labels = render_unit(plan, "A02", 0)
    found, true = segment(FrameBatch(pixels, 0.87), device="cpu") > 0, drop_frame_touching(labels) > 0
    counted = ~((labels > 0) & ~true)  # as in the agreement with hand masks: cells cut by the frame do not count
    assert (found & true).sum() / ((found | true) & counted).sum() > 0.7
    assert (found & true).sum() / true.sum() > 0.9


def test_a_seed_gives_the_same_lines_for_ever() -> None:
    plan = plan_lines(lines=4, wells=2, fields=2, times=3, seed=20, frame_shape=(160, 200))
    assert [line.line_class for line in plan.lines[::2]] == LINE_CLASSES
    digest = hashlib.sha256()
    for well, time in (("A01", 0), ("A04", 2)):
        for array in render_unit(plan, well, time):
            digest.update(array.tobytes())
    assert digest.hexdigest() == LINES_DIGEST
