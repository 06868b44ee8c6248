"""Scores of wells against numbers that were reckoned by hand, and ties that are no verdict."""

from __future__ import annotations

import numpy as np
import pytest
from phasewell.inference import pool_scores

FRAMES = np.array([[0.25, 0.75], [0.5, 0.5], [0.0, 1.0], [0.75, 0.25]])


def test_mean_sd_and_votes_by_hand() -> None:
    pooled = pool_scores(FRAMES)
    assert pooled.n_scored == 4
    assert pooled.mean.tolist() == [0.375, 0.625]
    assert pooled.sd.tolist() == pytest.approx([np.sqrt(0.3125 / 3)] * 2, abs=1e-15)
    assert pooled.votes.tolist() == [1, 2]  # the second frame finds both classes equally probable
    assert pooled.majority == 1


def test_the_order_of_frames_changes_no_bit() -> None:
    rng = np.random.default_rng(0)
    values = rng.dirichlet(np.ones(3), size=257)
    expected = pool_scores(values)
    for _ in range(5):
        found = pool_scores(rng.permutation(values))
        assert found.mean.tobytes() == expected.mean.tobytes()
        assert found.sd.tobytes() == expected.sd.tobytes()
        assert found.votes.tolist() == expected.votes.tolist()


def test_ties_and_wells_without_frames_have_no_majority() -> None:
    tie = pool_scores(np.array([[0.9, 0.1], [0.2, 0.8]]))
    assert (tie.votes.tolist(), tie.majority) == ([1, 1], None)
    none = pool_scores(np.zeros((0, 2)))
    assert (none.n_scored, none.votes.tolist(), none.majority) == (0, [0, 0], None)
    assert np.isnan(none.mean).all()
    one = pool_scores(FRAMES[:1])
    assert one.majority == 1
    assert np.isnan(one.sd).all()
    assert pool_scores(FRAMES[1:2]).majority is None
