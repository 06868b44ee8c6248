"""Potency models on a finished run: its profile joined with the plate map, fitted, validated and kept."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.durable import read_object, replace_file
from phasewell.potency import (
    Evaluation,
    FieldSums,
    draw_fields,
    evaluate_as_paper,
    evaluate_baselines,
    fit,
    learning_curve,
    noise_floor,
    permute_targets,
    rmse_difference,
    rmse_interval,
)
from phasewell.potency.estimators import LINEAR_KINDS
from phasewell.runs.finished.study import Edges, FitChoice, read_study, true_profile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from phasewell.potency import PotencyModel
    from phasewell.runs.finished.study import Study

COMPARISON_NAME = "comparison.json"
STUDY_DRAWS = {"forest": 3, "xgboost": 8}  # of the learning curve and the noise floor; other kinds take 20
SCORES = ("rmse", "baseline_rmse", "q2")


def fit_models(
    run: Path | str,
    kinds: Sequence[str] = (),
    target: str | None = None,
    group: str | None = None,
    *,
    window_h: tuple[float, float] | None = None,
    fields: int | None = None,
    shuffles: int = 0,
    seed: int | None = None,
    also: Sequence[Path] = (),
    edges: Edges = "as-measured",
    study: bool = False,
) -> list[dict[str, Any]]:
    """Fit and validate models on a run's profile and write each to RUN/models/<kind>.

    `target` and `group` name columns of the plate map; `window_h`, `fields` and `edges` choose the profile as in
    `profile`. What is left out is taken from the sections `model` and `profile` of the run's configuration. `also` are
    further runs whose wells are learned from as well; a group of the same name on two plates is one group.
    With `shuffles` the whole validation is repeated on that many shuffled targets (shuffle.json). On a simulated
    plate the same model is also validated on the true descriptors (evaluation_truth.json).
    Beside each model stand what its profile was made of (profile.json) and study.json: the interval of the RMSE over
    clones and, as a warning, what paper R's own procedure would report; with `study` also the learning curve over
    clones and the noise floor of the fields. Baselines and differences between models are in models/comparison.json.
    Returns one JSON-able account per kind: kind, folder, rmse, baseline_rmse, q2, verdict, sentence.
    Raises UsageError when the plate map lacks the columns and as `read_study` does.
    """
    material = read_study(Path(run), tuple(also), FitChoice(target, group, window_h, fields, seed, edges))
    chosen: Sequence[str] = kinds or material.config.model.kinds
    truth = true_profile(material)
    accounts = []
    for kind in dict.fromkeys(chosen):
        model = fit(material.profile, material.targets, material.groups, kind, seed=material.seed)  # type: ignore[arg-type]
        folder = model.save(material.run / "models" / kind)
        sentence = str(model.evaluation).partition(": ")[2]
        account: dict[str, Any] = {"kind": kind, "folder": str(folder), "sentence": sentence}
        account |= {key: getattr(model.evaluation, key) for key in (*SCORES, "verdict")}
        choice = material.describe()
        write_json(folder / "profile.json", choice)
        account |= choice
        if truth is not None:
            on_truth = fit(truth, material.targets, material.groups, kind, seed=material.seed).evaluation  # type: ignore[arg-type]
            write_json(folder / "evaluation_truth.json", on_truth.to_dict())
            account |= {f"truth_{key}": getattr(on_truth, key) for key in SCORES}
            account["sentence"] += f"; on the true descriptors RMSE {on_truth.rmse:.3f}, Q2 {on_truth.q2:.3f}"
        if shuffles:
            data = (material.profile, material.targets, material.groups)
            shuffled = permute_targets(*data, kind, n=shuffles, seed=material.seed)
            write_json(folder / "shuffle.json", shuffled.to_dict())
            account |= {"shuffle_median_ratio": shuffled.median, "shuffle_p": shuffled.p_value}
            account["sentence"] += f"; {shuffles} shuffles: median {shuffled.median:.2f} x the baseline"
        found = _study(material, model, study)
        write_json(folder / "study.json", found)
        account["study"] = found
        account["sentence"] += _say_study(found) + _say_left_out(model.evaluation, material)
        accounts.append(account)
    write_json(material.run / "models" / COMPARISON_NAME, _compare(material))
    return accounts


def _study(material: Study, model: PotencyModel, whole: bool) -> dict[str, Any]:
    """Return what stands beside an evaluation: its interval, the paper's procedure and, if `whole`, what takes long."""
    data, kind = (material.profile, material.targets, material.groups), model.kind
    document: dict[str, Any] = {"kind": kind, "interval": rmse_interval(model.evaluation)._asdict()}
    paper = evaluate_as_paper(*data, kind, material.seed) if kind in LINEAR_KINDS else None
    document["paper"] = paper and {name: getattr(paper, name) for name in ("validation", *SCORES)}
    if not whole:
        return document
    draws = STUDY_DRAWS.get(kind, 20)
    document["learning_curve"] = learning_curve(*data, kind, draws=draws, seed=material.seed).to_dict()
    if len(material.plates) > 1 or material.edges != "as-measured":
        return document | {"noise_floor": {"reason": "fields are drawn from one run with edges as measured"}}
    moments = material.field_moments()
    size = material.fields or len(moments.fields)
    taken = draw_fields(len(moments.fields), len(moments.wells), size, draws, material.draw)
    floor = noise_floor(FieldSums(moments).resampled(taken), *data[1:], kind, material.seed)
    median = float(np.median(list(floor.values())))
    return document | {"noise_floor": {"wells": floor, "median": median, "fields": size, "draws": draws}}


def _say_study(found: Mapping[str, Any]) -> str:
    low, high, level = (found["interval"][key] for key in ("low", "high", "level"))
    text = f"; RMSE {low:.2f} to {high:.2f} ({level:.0%} over clones)"
    if paper := found["paper"]:
        text += f"; the paper's own procedure would say {paper['rmse']:.3f} (optimistic)"
    if curve := found.get("learning_curve"):
        text += f"; {curve['sentence']}"
    if "median" in (floor := found.get("noise_floor", {})):
        text += f"; which fields were seen moves a prediction by {floor['median']:.2f} (median SD)"
    return text


def _say_left_out(evaluation: Evaluation, material: Study) -> str:
    if not evaluation.columns_left_out:
        return ""
    at = [(well, hour) for well, row in zip(material.profile.wells, material.profile.n_cells, strict=True)
          for hour, n in zip(material.profile.times_h, row, strict=True) if n == 0]  # fmt: skip
    total = len(evaluation.columns_left_out) + evaluation.n_parameters
    text = f"; {len(evaluation.columns_left_out)} of {total} columns left out, undefined in some well"
    if at:
        some = ", ".join(f"{well} at {hour:g} h" for well, hour in at[:3])
        text += f" (no cell: {some}{f' and {len(at) - 3} more' if len(at) > 3 else ''})"
    return text


def _compare(material: Study) -> dict[str, Any]:
    """Return the baselines, and RMSE differences of every two saved models that rest on the same wells and choice."""
    found = evaluate_baselines(material.profile, material.targets, material.groups)
    baselines = {name: e and {key: getattr(e, key) for key in SCORES} for name, e in found.items()}
    choice, evaluations = material.describe(), {}
    for path in sorted((material.run / "models").glob("*/profile.json")):
        if read_object(path, "fit the model again") == choice:
            document = read_object(path.with_name("evaluation.json"), "fit the model again")
            evaluation = Evaluation.from_dict(document)
            evaluations[evaluation.kind] = evaluation
    first_kind = next(iter(evaluations), None)
    differences = []
    for one, two in itertools.combinations(sorted(evaluations, key=_rank), 2):
        first, second = evaluations[one], evaluations[two]
        difference = first.rmse - second.rmse
        entry = {"first": one, "second": two, "difference": difference, **rmse_difference(first, second)._asdict()}
        differences.append(entry)
    mean = evaluations[first_kind].baseline_rmse if first_kind else None
    everyone = {"mean": None if mean is None else {"rmse": mean, "baseline_rmse": mean, "q2": 0.0}} | baselines
    return {"choice": choice, "baselines": everyone, "differences": differences}


def _rank(kind: str) -> int:
    return ("lasso", "forest", "xgboost", "elastic_net", "ridge").index(kind)


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write one JSON object durably."""
    text = json.dumps(document, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
    replace_file(path, (text + "\n").encode())
