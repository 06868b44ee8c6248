"""The verbs `fit` and `predict`: parse, call one function, print."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from phasewell.console import Json, Quiet, RunFolder, show
from phasewell.errors import EXIT_DONE, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from phasewell.runs import FitChoice


Kinds = Annotated[
    tuple[Literal["lasso", "forest", "xgboost", "elastic_net", "ridge"], ...],
    Parameter(help="Which model; may be repeated. Left out: those of the run's configuration."),
]
Seed = Annotated[int | None, Parameter(help="Of fields, folds, draws and shuffles. Left out: the configuration's.")]


@Parameter(name="*")
@dataclass(frozen=True)
class GridOptions:
    """The grid of windows and numbers of fields."""

    grid: Annotated[bool, Parameter(negative="")] = False
    "How few fields and how early: validate every window and number of fields instead of fitting one model."
    grid_fields: Annotated[tuple[int, ...], Parameter(consume_multiple=True, negative="")] = ()
    "Numbers of fields. Left out: about twelve up to all."
    draws: int = 10
    "How often fields are drawn."
    margin: float = 0.1
    "Good enough is an RMSE within this share of that of the full plate ..."
    confidence: float = 0.8
    "... in this share of the draws."
    workers: int = 1
    "Processes for the grid; 0 = one per core."


def fit(
    run: RunFolder,
    *,
    kind: Kinds = (),
    target: str | None = None,
    group: str | None = None,
    window_h: tuple[float, float] | None = None,
    fields: int | None = None,
    shuffles: int = 0,
    seed: Seed = None,
    also: Annotated[tuple[Path, ...], Parameter(negative="")] = (),
    edges: Literal["as-measured", "weighted"] = "as-measured",
    study: Annotated[bool, Parameter(negative="")] = False,
    grid: GridOptions = GridOptions(),
    quiet: Quiet = False,
    json: Json = False,
) -> int:
    """Fit potency models on a finished run, validated by leaving one clone out, beside their baselines.

    What is left out is taken from the run's configuration. Every RMSE comes with that of the mean of the other clones.

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
        Repeat everything on this many shuffles of the target over the groups, to show what chance gives.
    also
        A further run to learn from. A group of the same name on two plates is one group. May be repeated.
    edges
        weighted: large cells count for what the edge of the frame takes away (Horvitz-Thompson); reads every cell.
    study
        Also the learning curve over clones and the noise floor of the fields; takes minutes for a forest.
    """
    if grid.grid:
        if also or study:
            raise UsageError("fit: --grid goes without --also and --study")
        from phasewell.runs import FitChoice

        return _fit_grid(
            run, kind, FitChoice(target, group, window_h, fields, seed, edges), shuffles, grid, quiet, json
        )
    from phasewell.durable import read_object
    from phasewell.runs import fit_models

    fitted = fit_models(
        run, kind, target, group, window_h=window_h, fields=fields, shuffles=shuffles, seed=seed, also=also,
        edges=edges, study=study,
    )  # fmt: skip
    comparison = read_object(run / "models" / "comparison.json", "fit again")
    lines = [f"{f['kind']}: {f['sentence']}".replace("; ", "\n  ") for f in fitted] + describe_comparison(comparison)
    show({"models": fitted, "comparison": comparison}, "\n".join(lines), json)
    return EXIT_DONE


def _fit_grid(
    run: Path, kinds: tuple[str, ...], choice: FitChoice, deals: int, grid: GridOptions, quiet: bool, json: bool
) -> int:
    from phasewell.progress import bar, no_bar
    from phasewell.runs import fit_model_grid

    documents: dict[str, Any] = {}
    lines = []
    for kind in kinds or ("lasso",):
        with no_bar() if quiet else bar(f"grid {kind}", "draws x field counts") as progress:
            found = fit_model_grid(
                run, kind, choice, fields=grid.grid_fields, draws=grid.draws, deals=deals, margin=grid.margin,
                confidence=grid.confidence, workers=grid.workers, progress=progress,
            )  # fmt: skip
        documents[kind] = found
        best = found["selected"]
        text = (
            f"{kind}: {found['economy']['sentence']}; selected, the best of all cells: {best['fields']} fields until "
        )
        text += f"{best['last_h']:g} h, RMSE {best['rmse']:.3f}, baseline {best['baseline_rmse']:.3f}, "
        p_value = best["p_family"]
        lines.append(text + f"Q2 {best['q2']:.3f}" + ("" if p_value is None else f", p over all cells {p_value:.3f}"))
    show({"grids": documents}, "\n".join(lines), json)
    return EXIT_DONE


def predict(run: RunFolder, model: Path, *, level: float = 0.9, keep: bool = True, json: Json = False) -> int:
    """Predict potency of every well of a run with a fitted model, or score its frames with a network's model folder.

    Parameters
    ----------
    model
        Folder of a fitted model, such as RUN/models/lasso, or of a network.
    level
        Share of new clones that the jackknife+ interval aims to cover.
    keep
        Keep what the model says in RUN/predictions, for report, exports and databases.
    """
    from phasewell.runs import predict_wells
    from phasewell.runs.finished.applying import kept_path

    predictions = predict_wells(run, model, level, keep)
    kept = kept_path(run, model) if keep else None
    lines = [f"{row['well']}: {describe_prediction(row)}" for row in predictions]
    if predictions and "interval" in predictions[0]:
        lines.append(predictions[0]["interval"])
    if kept is not None:
        lines.append(f"kept in {kept}")
    document = {"model": str(model), "predictions": predictions, "kept": None if kept is None else str(kept)}
    show(document, "\n".join(lines), json)
    return EXIT_DONE


def describe_comparison(comparison: Mapping[str, Any]) -> list[str]:
    """Return the lines of baselines and differences between models."""
    lines = []
    for name, scores in comparison["baselines"].items():
        text = "undefined in some well"
        if scores is not None:
            text = f"RMSE {scores['rmse']:.3f}, baseline {scores['baseline_rmse']:.3f}, Q2 {scores['q2']:.3f}"
        lines.append(f"{'mean of the other clones' if name == 'mean' else f'only {name}'}: {text}")
    for row in comparison["differences"]:
        text = f"RMSE of {row['first']} - {row['second']}: {row['difference']:+.3f}, "
        lines.append(f"{text}{row['low']:+.3f} to {row['high']:+.3f} ({row['level']:.0%} over clones)")
    return lines


def describe_prediction(row: Mapping[str, Any]) -> str:
    """Return the words for one well of `predict_wells`: a predicted target, or what a network's frames say."""
    if "votes" not in row:
        value = row["predicted"]
        if value is None:
            return "undefined: the profile lacks a value the model uses"
        text = f"{value:.2f}"
        if "low" in row:
            ends = ["infinite" if end is None else f"{end:.2f}" for end in (row["low"], row["high"])]
            text += f" ({ends[0]} to {ends[1]})"
        if row.get("learned_from"):
            text += ", a training well: its held-out prediction is in the evaluation"
        return text if row.get("inside", True) else f"{text}, outside training: {'; '.join(row['reasons'])}"
    means = [f"{name} {'undefined' if v is None else f'{v:.3f}'}" for name, v in row["probabilities"].items()]
    frames = f"{row['n_scored']} of {row['n_expected']} frames"
    return f"{row['predicted'] or 'no majority'} (mean {', '.join(means)}; {frames})"
