"""The verbs `fit` and `predict`: parse, call one function, print."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from phasewell.console import Json, show
from phasewell.errors import EXIT_DONE

if TYPE_CHECKING:
    from collections.abc import Mapping


def fit(
    run: Path,
    *,
    kind: tuple[Literal["lasso", "forest", "xgboost", "elastic_net", "ridge"], ...] = (),
    target: str | None = None,
    group: str | None = None,
    window_h: tuple[float, float] | None = None,
    fields: int | None = None,
    shuffles: int = 0,
    seed: int | None = None,
    json: Json = False,
) -> int:
    """Fit potency models on a finished run, validated by leaving one clone out.

    What is left out is taken from the run's configuration.

    Parameters
    ----------
    target
        Column of the plate map that holds what to predict.
    group
        Column of the plate map that says which wells belong together; they never part in validation.
    window_h
        First and last hour of the profile, both inclusive.
    fields
        How many random fields per well, the same at every hour.
    shuffles
        Also fit this many shuffles of the target over the groups, to show what chance gives.
    """
    from phasewell.runs import fit_models

    fitted = fit_models(run, kind, target, group, window_h=window_h, fields=fields, shuffles=shuffles, seed=seed)
    lines = [f"{f['kind']}: {f['sentence']}" for f in fitted]
    show({"models": fitted}, "\n".join(lines), json)
    return EXIT_DONE


def predict(run: Path, model: Path, *, json: Json = False) -> int:
    """Predict potency of every well of a run with a fitted model, or score its frames with a network's model folder."""
    from phasewell.runs import predict_wells

    predictions = predict_wells(run, model)
    lines = [f"{row['well']}: {describe_prediction(row)}" for row in predictions]
    show({"model": str(model), "predictions": predictions}, "\n".join(lines), json)
    return EXIT_DONE


def describe_prediction(row: Mapping[str, Any]) -> str:
    """Return the words for one well of `predict_wells`: a predicted target, or what a network's frames say."""
    if "votes" not in row:
        value = row["predicted"]
        return "undefined: the profile lacks a value the model uses" if value is None else f"{value:.2f}"
    means = [f"{name} {'undefined' if v is None else f'{v:.3f}'}" for name, v in row["probabilities"].items()]
    frames = f"{row['n_scored']} of {row['n_expected']} frames"
    return f"{row['predicted'] or 'no majority'} (mean {', '.join(means)}; {frames})"
