"""The compiled homotopy: optimal at every lambda from rows and from the Gram matrix, and the same bits in any company.

Not compared bit by bit: rows and Gram matrix, whose roundings differ.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phasewell.errors import UsageError
from phasewell.potency.lasso import LassoLeaveGroupOut, choose_candidate
from phasewell.potency.lasso_paths import REASONS, TrainingSets
from phasewell_kernels import cpu
from potency_samples import factor_table
from sklearn.linear_model import enet_path


def make_sets(
    seed: int, rows: int, columns: int, factors: int = 0, sets: int = 4, targets: int = 1, by_gram: bool | None = None
) -> TrainingSets:
    """Return training sets of different sizes; columns of different size and place, driven by factors where any."""
    rng = np.random.default_rng([seed, rows, columns])
    values = rng.normal(size=(rows, columns))
    if factors:
        values = rng.normal(size=(rows, factors)) @ rng.normal(size=(factors, columns)) + 0.3 * values
    values = 20.0 + values * np.geomspace(0.01, 100, columns)
    train = rng.random((sets, rows)) < 0.8
    train[:, :3] = True
    target = 10.0 + rng.normal(size=(targets, rows))
    return TrainingSets(values, train, target if targets > 1 else target[0], by_gram=by_gram)


def fall(sets: TrainingSets, n: int = 25, to: float = 0.01) -> np.ndarray:
    """Return alphas from the largest down."""
    return sets.largest_alpha[..., None] * np.geomspace(1.0, to, n)


def standardised(sets: TrainingSets, which: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows a set learns from on its own scale, and its target less the mean."""
    own = sets.train[which]
    return ((sets._rows + sets._middle - sets.mean[which]) / sets.scale[which])[own], sets._centred[0, which, own]


@settings(max_examples=40)
@given(
    seed=st.integers(0, 10_000),
    rows=st.integers(4, 45),
    columns=st.integers(1, 60),
    factors=st.integers(0, 4),
    by_gram=st.booleans(),
)
def test_the_conditions_of_the_optimum_hold_along_the_path(
    seed: int, rows: int, columns: int, factors: int, by_gram: bool
) -> None:
    """|Z'r| / n is alpha with the coefficient's sign where it is not 0, and at most alpha elsewhere: to 1e-9."""
    sets = make_sets(seed, rows, columns, factors, by_gram=by_gram)
    alphas = fall(sets)
    solutions = sets.solve(alphas)
    assert solutions.reasons == {}
    for which in range(len(sets.train)):
        table, target = standardised(sets, which)
        coefficients = solutions.coefficients(which)
        slopes = table.T @ (target[:, None] - table @ coefficients) / len(target)
        tolerance = 1e-9 * sets.largest_alpha[which]
        assert (np.abs(slopes) <= alphas[which] + tolerance).all()
        here = coefficients != 0
        np.testing.assert_allclose(slopes[here], (alphas[which] * np.sign(coefficients))[here], atol=tolerance)
        fitted = sets.intercept[which] + table @ coefficients
        np.testing.assert_allclose(solutions.fitted[which][:, sets.train[which]], fitted.T, atol=1e-9)


@pytest.mark.parametrize(("rows", "columns"), [(15, 120), (40, 40), (120, 30)])
@pytest.mark.parametrize("factors", [0, 3])
def test_rows_and_gram_matrix_say_the_same(rows: int, columns: int, factors: int) -> None:
    for seed in range(3):
        by_rows, by_gram = (make_sets(seed, rows, columns, factors, by_gram=form) for form in (False, True))
        first, second = (sets.solve(fall(sets)) for sets in (by_rows, by_gram))
        np.testing.assert_array_equal(by_rows.largest_alpha, by_gram.largest_alpha)
        np.testing.assert_allclose(first.fitted, second.fitted, atol=1e-9)
        for which in range(4):
            np.testing.assert_allclose(first.coefficients(which), second.coefficients(which), atol=1e-9)


@pytest.mark.parametrize("by_gram", [False, True])
def test_columns_that_leave_and_come_back_are_followed(by_gram: bool) -> None:
    """Along a fine grid coefficients reach 0 again, some turn their sign later, and the optimum is kept throughout."""
    left = turned = 0
    for seed in range(6):
        sets = make_sets(seed, 24, 20, factors=2, sets=1, by_gram=by_gram)
        alphas = fall(sets, 400, 0.001)
        found = sets.solve(alphas).coefficients(0)
        signs = np.sign(found)
        left += int(((signs[:, :-1] != 0) & (signs[:, 1:] == 0)).sum())
        turned += int(
            (np.abs(np.diff(signs)) == 2).sum() + ((signs == 1).any(axis=1) & (signs == -1).any(axis=1)).sum()
        )
        table, target = standardised(sets, 0)
        slopes = table.T @ (target[:, None] - table @ found) / len(target)
        assert (np.abs(slopes) <= alphas[0] * (1 + 1e-9)).all()
    assert left >= 5
    assert turned >= 1


def test_field_bootstraps_equal_coordinate_descent() -> None:
    """15 clones x 50 draws, 360 columns: from the Gram matrix, against enet_path at a gap of 1e-10."""
    rng = np.random.default_rng(3)
    group = np.repeat(np.arange(15), 50)
    centres = rng.normal(size=(15, 4)) @ rng.normal(size=(4, 360)) + 0.4 * rng.normal(size=(15, 360))
    values, target = centres[group] + 0.3 * rng.normal(size=(750, 360)), rng.normal(size=15)[group]
    sets = TrainingSets(values, (group != np.array([[0], [7]])), target)
    assert sets.by_gram
    alphas = fall(sets, 30, 0.05)
    solutions = sets.solve(alphas)
    table, centred = standardised(sets, 1)
    theirs = enet_path(np.asfortranarray(table), centred, l1_ratio=1.0, alphas=alphas[1], tol=1e-10, max_iter=10**6)[1]
    np.testing.assert_allclose(solutions.coefficients(1), theirs, atol=1e-6)
    assert solutions.descended == ()


@pytest.mark.parametrize("shape", [(15, 200), (60, 24)])
def test_company_changes_no_bit(shape: tuple[int, int]) -> None:
    """A path alone, among others, in another order, with other targets: the same numbers."""
    sets = make_sets(1, *shape, factors=3, sets=6, targets=3)
    values, targets = sets._rows + sets._middle, np.array([7.0 * np.sin(np.arange(shape[0]) * k) for k in (1, 2, 3)])
    together = TrainingSets(values, sets.train, targets)
    fitted = together.solve(fall(together)).fitted
    order = np.array([4, 0, 5, 2, 1, 3])
    shuffled = TrainingSets(values, sets.train[order], targets[::-1].copy())
    np.testing.assert_array_equal(shuffled.solve(fall(shuffled)).fitted[::-1], fitted[:, order])
    for target in range(3):
        for which in (0, 5):
            alone = TrainingSets(values, sets.train[[which]], targets[target])
            np.testing.assert_array_equal(alone.solve(fall(alone)).fitted[0], fitted[target, which])


@pytest.mark.parametrize(("shape", "by_gram"), [((15, 200), False), ((60, 24), True)])
def test_threads_and_instruction_sets_change_no_bit(shape: tuple[int, int], by_gram: bool) -> None:
    sets = make_sets(2, *shape, factors=3, sets=5)
    train, columns = sets.train.view(np.uint8), shape[1]
    alphas = fall(sets)[None]
    results = []
    for instructions in cpu.instruction_sets():
        for threads in (1, 3):
            means, scales, steepest = np.empty((5, columns)), np.empty((5, columns)), np.empty((1, 5))
            table = (sets._rows, sets._middle, train, sets._centred)
            cpu.measure_lasso_sets(*table, True, means, scales, steepest, threads, instructions)
            coefficients, reasons = np.empty((1, 5, alphas.shape[2], columns)), np.full((1, 5), -1, np.int32)
            asked = (*table, means, scales, alphas, steepest)
            cpu.solve_lasso_paths(*asked, coefficients, reasons, by_gram, threads, instructions)
            assert not reasons.any()
            results.append((means, scales, steepest, coefficients))
    for other in results[1:]:
        for first, second in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("by_gram", [False, True])
@pytest.mark.parametrize("near", [1e-3, 1e-5, 1e-7, 1e-8])
def test_near_copies_are_followed(by_gram: bool, near: float) -> None:
    """Pairs of columns that differ by `near` of their SD: the Gram matrix of both has no digit left, the path has."""
    for seed in range(5):
        rng = np.random.default_rng(seed)
        values, target = rng.normal(size=(12, 8)), rng.normal(size=12)
        values[:, 4:] = values[:, :4] * (1 + near * rng.normal(size=(12, 4)))
        sets = TrainingSets(values, np.ones((1, 12), bool), target, by_gram=by_gram)
        alphas = fall(sets, 10, 0.001)
        assert sets.solve(alphas).descended == ()
        assert_optimal(sets, alphas, 1e-10)


@pytest.mark.parametrize("by_gram", [False, True])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_path_that_breaks_a_condition_goes_to_coordinate_descent_with_its_reason(by_gram: bool) -> None:
    """Eight columns of two factors and 1e-6 of their SD: coefficients of millions leave no digit to check."""
    rng = np.random.default_rng(2)
    values = rng.normal(size=(12, 2)) @ rng.normal(size=(2, 8)) + 1e-6 * rng.normal(size=(12, 8))
    sets = TrainingSets(values, np.ones((1, 12), bool), rng.normal(size=12), by_gram=by_gram)
    alphas = fall(sets, 10, 0.001)
    solutions = sets.solve(alphas)
    assert solutions.descended == (0,)
    assert solutions.reasons == {(0, 0): REASONS[1]}
    assert_optimal(sets, alphas, 1e-4)


def assert_optimal(sets: TrainingSets, alphas: np.ndarray, tolerance: float) -> None:
    table, centred = standardised(sets, 0)
    slopes = table.T @ (centred[:, None] - table @ sets.solve(alphas).coefficients(0)) / len(centred)
    assert (np.abs(slopes) <= alphas[0] + tolerance * sets.largest_alpha[0]).all()


def test_many_targets_at_once_choose_as_each_alone() -> None:
    profile, target, groups = factor_table(48, seed=4, noise=0.8)
    targets = np.array([target, target[::-1], np.roll(target, 4)])
    for estimator in (LassoLeaveGroupOut(n_alphas=20), LassoLeaveGroupOut(n_alphas=20, folds=5)):
        together = estimator.predict_left_out(profile.values, targets, groups)
        for own, found in zip(targets, together, strict=True):
            np.testing.assert_array_equal(estimator.predict_left_out(profile.values, own, groups), found)


def test_candidates_of_many_tables_are_chosen_as_each_alone() -> None:
    errors = np.random.default_rng(1).random((3, 4, 14, 61))
    chosen = choose_candidate(errors, 0.5)
    assert chosen.shape == (3, 4)
    assert [[int(choose_candidate(own, 0.5)) for own in some] for some in errors] == chosen.tolist()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"rows": np.full((6, 2), np.nan)}, "rows has values that are not finite"),
        ({"target": np.array([1.0, 2.0, np.inf, 1.0, 2.0, 3.0])}, "centred has values that are not finite"),
        ({"train": np.zeros((2, 6), bool)}, "set 0 learns from no row"),
        ({"train": np.ones((2, 5), bool)}, r"train \(2, 5\).*expected \(n, columns\)"),
        ({"target": np.ones(5)}, r"target \(5,\)"),
        ({"rows": np.ones((6, 0))}, "at least one row and one column"),
    ],
)
def test_what_does_not_fit_is_refused(changed: dict[str, np.ndarray], message: str) -> None:
    good = {"rows": np.eye(6)[:, :2], "train": np.ones((2, 6), bool), "target": np.arange(6.0)}
    with pytest.raises(UsageError, match=message):
        TrainingSets(**(good | changed))


@pytest.mark.parametrize("alphas", [np.array([[0.1, 0.2]]), np.array([[0.1, -0.2]]), np.array([[np.nan, 0.1]])])
def test_alphas_fall_and_are_not_negative(alphas: np.ndarray) -> None:
    sets = TrainingSets(np.eye(6)[:, :2], np.ones((1, 6), bool), np.arange(6.0))
    with pytest.raises(UsageError, match="alphas must fall"):
        _ = sets.solve(alphas).fitted
    with pytest.raises(UsageError, match=r"alphas \(2, 1\)"):
        sets.solve(np.ones((2, 1)))
