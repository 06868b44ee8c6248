"""The batched paths equal scikit-learn's Lasso, LassoCV and ElasticNet to 1e-6, and one fit a fold.

Not compared: coefficients of columns that are copies of each other, whose split between the copies is free.
"""

from __future__ import annotations

import numpy as np
import pytest
from phasewell.errors import UsageError
from phasewell.potency import lasso
from phasewell.potency.lasso import ElasticNetLeaveGroupOut, LassoLeaveGroupOut
from phasewell.potency.lasso_paths import TrainingSets
from potency_samples import POTENCY, factor_table
from sklearn.base import clone
from sklearn.linear_model import ElasticNet, Lasso, LassoCV, lasso_path
from sklearn.model_selection import LeaveOneGroupOut
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def make_table(kind: str, seed: int, rows: int = 15, columns: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Return columns of very different size and a target: independent noise, or columns driven by three factors."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(rows, columns))
    if kind == "factors":
        values = rng.normal(size=(rows, 3)) @ rng.normal(size=(3, columns)) + 0.4 * values
    target = rng.permutation(POTENCY)[:rows] if rows <= len(POTENCY) else rng.normal(size=rows)
    return 300.0 + values * np.geomspace(1e-3, 1e3, columns), target


def leave_some_out(rows: int, seed: int, sets: int = 8) -> np.ndarray:
    """Return training sets of different sizes."""
    rng = np.random.default_rng(seed)
    train = rng.random((sets, rows)) < 0.8
    train[:, :4] = True
    train[0] = True
    return train


@pytest.mark.parametrize("kind", ["noise", "factors"])
@pytest.mark.parametrize(("rows", "columns"), [(15, 60), (9, 3), (40, 12)])
def test_coefficients_and_predictions_equal_lasso(kind: str, rows: int, columns: int) -> None:
    for seed in range(2):
        values, target = make_table(kind, seed, rows, columns)
        sets = TrainingSets(values, leave_some_out(rows, seed), target)
        alphas = sets.largest_alpha[:, None] * np.geomspace(1.0, 0.01, 20)
        solutions = sets.solve(alphas)
        assert solutions.descended == ()
        for which, own in enumerate(sets.train > 0):
            scaler = StandardScaler().fit(values[own])
            mean = target[own].mean()
            table = np.asfortranarray(scaler.transform(values[own]))
            theirs = lasso_path(table, target[own] - mean, alphas=alphas[which], tol=1e-11, max_iter=1_000_000)[1]
            np.testing.assert_allclose(solutions.coefficients(which), theirs, atol=1e-6)
            predicted = mean + scaler.transform(values) @ theirs
            np.testing.assert_allclose(solutions.fitted[which], predicted.T, atol=1e-6)


def test_one_alpha_equals_the_estimator_lasso() -> None:
    values, target = make_table("factors", 7)
    values = StandardScaler().fit_transform(values)
    sets = TrainingSets(values, np.ones((1, 15), bool), target, standardise=False)
    alpha = 0.1 * sets.largest_alpha[0]
    theirs = Lasso(alpha=alpha, tol=1e-12, max_iter=1_000_000).fit(values, target)
    solutions = sets.solve(np.array([[alpha]]))
    np.testing.assert_allclose(solutions.coefficients(0)[:, 0], theirs.coef_, atol=1e-7)
    np.testing.assert_allclose(solutions.fitted[0, 0], theirs.predict(values), atol=1e-7)


@pytest.mark.parametrize("seed", range(2))
def test_five_folds_equal_lasso_cv(seed: int) -> None:
    """LassoCV centres in every fold and does not scale; folds i mod 5."""
    values, target = make_table(("noise", "factors")[seed], seed)
    values = StandardScaler().fit_transform(values)
    fold = np.arange(15) % 5
    splits = [(np.flatnonzero(fold != f), np.flatnonzero(fold == f)) for f in range(5)]
    theirs = LassoCV(alphas=60, eps=5e-3, cv=splits, tol=1e-10, max_iter=1_000_000).fit(values, target)
    train = np.array([np.ones(15, bool)] + [fold != f for f in range(5)])
    sets = TrainingSets(values, train, target, standardise=False)
    alphas = sets.largest_alpha[0] * np.geomspace(1.0, 5e-3, 60)
    np.testing.assert_allclose(alphas, theirs.alphas_, rtol=1e-10)
    solutions = sets.solve(np.tile(alphas, (6, 1)))
    mse = np.array([((solutions.fitted[1 + f][:, fold == f] - target[fold == f]) ** 2).mean(axis=1) for f in range(5)])
    np.testing.assert_allclose(mse.T, theirs.mse_path_, atol=1e-6)
    best = int(mse.mean(axis=0).argmin())
    assert alphas[best] == pytest.approx(theirs.alpha_, rel=1e-10)
    np.testing.assert_allclose(solutions.coefficients(0)[:, best], theirs.coef_, atol=1e-6)


@pytest.mark.parametrize("kind", ["noise", "factors"])
def test_nested_predictions_equal_scikit_learn_leave_one_group_out(kind: str) -> None:
    """Scaling and lambda inside every fold, by StandardScaler, lasso_path at tol 1e-10 and LeaveOneGroupOut."""
    values, target = make_table(kind, 3, columns=40)
    groups = np.arange(15)
    ours = LassoLeaveGroupOut(n_alphas=20, alpha_ratio=0.03, se_factor=0.0, folds=5)
    theirs = np.empty(15)
    for train, held in LeaveOneGroupOut().split(values, target, groups):
        scaler = StandardScaler().fit(values[train])
        first = np.abs(scaler.transform(values[train]).T @ (target[train] - target[train].mean())).max() / len(train)
        alphas = first * np.geomspace(1.0, 0.03, 20)
        errors = np.empty((len(train), 21))
        for f in range(5):
            inner, out = train[np.arange(14) % 5 != f], train[np.arange(14) % 5 == f]
            errors[np.arange(14) % 5 == f] = (
                predict_by_descent(values, target, inner, out, alphas) - target[out, None]
            ) ** 2
        best = int(errors.mean(axis=0).argmin())
        theirs[held] = predict_by_descent(values, target, train, held, alphas)[:, best]
    np.testing.assert_allclose(ours.predict_left_out(values, target, groups), theirs, atol=1e-6)


def predict_by_descent(
    values: np.ndarray, target: np.ndarray, train: np.ndarray, held: np.ndarray, alphas: np.ndarray
) -> np.ndarray:
    """Return the predictions (held, 1 + alphas): of the mean alone, then of every lambda."""
    scaler, mean = StandardScaler().fit(values[train]), target[train].mean()
    table = np.asfortranarray(scaler.transform(values[train]))
    found = lasso_path(table, target[train] - mean, alphas=alphas, tol=1e-10, max_iter=1_000_000)[1]
    return mean + np.column_stack([np.zeros(len(held)), scaler.transform(values[held]) @ found])


@pytest.mark.parametrize("folds", [None, 4])
@pytest.mark.parametrize("block", [1, 30_000, 4_000_000])
def test_left_out_predictions_are_those_of_one_fit_a_group(
    folds: int | None, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lasso, "MOST_FITTED", block)
    profile, target, _ = factor_table(48, seed=2, noise=0.8)
    groups = np.array(list("aabbccdefghijkl"))
    estimator = LassoLeaveGroupOut(n_alphas=20, folds=folds)
    each = np.empty(15)
    for group in np.unique(groups):
        held = groups == group
        fitted = clone(estimator).fit(profile.values[~held], target[~held], groups[~held])
        each[held] = fitted.predict(profile.values[held])
    np.testing.assert_allclose(estimator.predict_left_out(profile.values, target, groups), each, atol=1e-9)


@pytest.mark.parametrize("ties", ["copies", "opposites", "constant", "sums", "digits"])
def test_columns_that_tie_keep_the_optimality_conditions(ties: str) -> None:
    values, target = make_table("factors", 11, columns=30)
    values = (values - values.mean(axis=0)) / values.std(axis=0)
    if ties == "copies":
        values[:, 10:20] = values[:, :10]
    elif ties == "opposites":
        values[:, 10:20] = -values[:, :10]
    elif ties == "constant":
        values[:, 10:20] = 7.0
        values[:3, 12] = 8.0  # constant in the training sets that leave these rows out
    elif ties == "sums":
        values[:, 10:20] = values[:, :10] + values[:, 20:]
    else:
        values = np.round(values)
    train = np.ones((3, 15), bool)
    train[1, :3], train[2, 9:] = False, False
    sets = TrainingSets(values, train, target)
    alphas = sets.largest_alpha[:, None] * np.geomspace(1.0, 0.01, 12)
    solutions = sets.solve(alphas)
    for which, own in enumerate(train):
        spread = values[own].std(axis=0)
        table = (values[own] - values[own].mean(axis=0)) / np.where(spread > 1e-12, spread, np.inf)
        slopes = table.T @ (target[own, None] - solutions.fitted[which][:, own].T) / own.sum()
        coefficients = solutions.coefficients(which)
        tolerance = 1e-4 * sets.largest_alpha[which]  # what a fallback to coordinate descent is accurate to
        assert (np.abs(slopes) <= alphas[which] + tolerance).all()
        here = coefficients != 0
        np.testing.assert_allclose(slopes[here], (alphas[which] * np.sign(coefficients))[here], atol=tolerance)


def test_many_rows_and_few_columns_agree() -> None:
    values, target = make_table("noise", 5, 120, 10)
    train = np.ones((2, len(values)), bool)
    train[1, 30:] = False
    sets = TrainingSets(values, train, target)
    alphas = sets.largest_alpha[:, None] * np.geomspace(1.0, 0.05, 8)
    solutions = sets.solve(alphas)
    assert sets.by_gram
    assert solutions.descended == ()
    scaled = StandardScaler().fit_transform(values)
    for place, alpha in enumerate(alphas[0]):
        theirs = Lasso(alpha=alpha, tol=1e-12, max_iter=100_000).fit(scaled, target)
        np.testing.assert_allclose(solutions.coefficients(0)[:, place], theirs.coef_, atol=1e-7)


def test_elastic_net_equals_scikit_learn() -> None:
    profile, target, groups = factor_table(24, seed=1)
    ours = ElasticNetLeaveGroupOut(n_alphas=20, l1_ratio=0.4).fit(profile.values, target, groups)
    theirs = make_pipeline(StandardScaler(), ElasticNet(alpha=ours.alpha_, l1_ratio=0.4, tol=1e-12, max_iter=10**6))
    theirs.fit(profile.values, target)
    np.testing.assert_allclose(ours.predict(profile.values), theirs.predict(profile.values), atol=1e-4)
    with pytest.raises(UsageError, match="l1_ratio 0; expected above 0"):
        ElasticNetLeaveGroupOut(l1_ratio=0.0).fit(profile.values, target, groups)


def test_groups_and_folds_are_checked() -> None:
    profile, target, groups = factor_table(24, seed=1)
    with pytest.raises(UsageError, match="groups is missing"):
        LassoLeaveGroupOut().predict_left_out(profile.values, target, None)
    with pytest.raises(UsageError, match="two groups only; expected at least 3"):
        LassoLeaveGroupOut().predict_left_out(profile.values, target, ["a"] * 7 + ["b"] * 8)
    with pytest.raises(UsageError, match="one group only; expected at least 2"):
        LassoLeaveGroupOut().fit(profile.values, target, ["a"] * 15)
    with pytest.raises(UsageError, match="folds is 1"):
        LassoLeaveGroupOut(folds=1).fit(profile.values, target, groups)
