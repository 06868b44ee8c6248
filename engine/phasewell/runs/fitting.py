"""Potency models on a finished run: its profile joined with the plate map, fitted, validated and kept."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phasewell.errors import UsageError
from phasewell.inference.model_file import CARD_NAME
from phasewell.potency import fit, load_model, permute_targets
from phasewell.runs.origin import config_of, plate_of
from phasewell.runs.run_profile import profile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from phasewell.plate import Plate
    from phasewell.profiles import FieldMoments, Profile


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
) -> list[dict[str, Any]]:
    """Fit and validate models on a run's profile and write each to RUN/models/<kind>.

    `target` and `group` name columns of the plate map; `window_h` and `fields` choose the profile as in `profile`.
    What is left out is taken from the sections `model` and `profile` of the run's configuration.
    With `shuffles` the whole validation is repeated on that many shuffled targets (shuffle.json). On a simulated
    plate the same model is also validated on the true descriptors (evaluation_truth.json).
    What the profile was made of stands beside the model (profile.json).
    Returns one JSON-able account per kind: kind, folder, rmse, baseline_rmse, q2, verdict, sentence.
    Raises UsageError when the plate map lacks the columns.
    """
    run = Path(run)
    config, plate = config_of(run), plate_of(run)
    window_h, fields = window_h or config.profile.window_h, fields or config.profile.fields
    draw = config.profile.seed if seed is None else seed  # of the fields
    seed = config.model.seed if seed is None else seed
    measured = profile(run, window_h, fields, draw, config.profile.min_fields)
    targets, groups = _column(plate, target or config.model.target), _column(plate, group or config.model.group)
    truth = _true_profile(plate, config.plate.store, measured, fields, draw)
    accounts = []
    for kind in kinds or config.model.kinds:
        model = fit(measured, targets, groups, kind, seed=seed)  # type: ignore[arg-type]
        folder = model.save(run / "models" / kind)
        sentence = str(model.evaluation).partition(": ")[2]
        account: dict[str, Any] = {"kind": kind, "folder": str(folder), "sentence": sentence}
        account |= {key: getattr(model.evaluation, key) for key in ("rmse", "baseline_rmse", "q2", "verdict")}
        choice = {"window_h": [measured.times_h[0], measured.times_h[-1]], "fields": fields, "seed": draw}
        _write_json(folder / "profile.json", choice)
        account |= choice
        if truth is not None:
            on_truth = fit(truth, targets, groups, kind, seed=seed).evaluation  # type: ignore[arg-type]
            _write_json(folder / "evaluation_truth.json", on_truth.to_dict())
            account |= {f"truth_{key}": getattr(on_truth, key) for key in ("rmse", "baseline_rmse", "q2")}
            account["sentence"] += f"; on the true descriptors RMSE {on_truth.rmse:.3f}, Q2 {on_truth.q2:.3f}"
        if shuffles:
            shuffled = permute_targets(measured, targets, groups, kind, n=shuffles, seed=seed)
            _write_json(folder / "shuffle.json", shuffled.to_dict())
            account |= {"shuffle_median_ratio": shuffled.median, "shuffle_p": shuffled.p_value}
            account["sentence"] += f"; {shuffles} shuffles: median {shuffled.median:.2f} x the baseline"
        accounts.append(account)
    return accounts


def predict_wells(run: Path | str, model: Path | str) -> list[dict[str, Any]]:
    """Predict the target of every well of a run with a saved model; None where the profile lacks a used value.

    The profile is made over the model's own hours. A network's model folder scores the frames of the run's plate
    instead (see `score_wells`). Raises UsageError when definitions, pixel size or hours differ.
    """
    if (Path(model) / CARD_NAME).exists():
        from phasewell.runs.network_prediction import score_wells

        return score_wells(run, model)
    loaded = load_model(model)
    hours = [column.time_h for column in loaded.profile_columns]
    measured = profile(Path(run), window_h=(min(hours), max(hours)))
    predicted = loaded.predict(measured)
    return [
        {"well": well, "predicted": None if value != value else float(value)}  # noqa: PLR0124 - NaN is not itself
        for well, value in zip(measured.wells, predicted, strict=True)
    ]


def _column(plate: Plate, name: str) -> Mapping[str, Any]:
    found = {well: row[name] for well, row in plate.platemap.items() if row.get(name) is not None}
    if not found:
        columns = sorted({key for row in plate.platemap.values() for key in row})
        raise UsageError(
            f"plate {plate.name}: its plate map has no column {name!r}; it has {', '.join(columns) or 'no columns'}. "
            "Give a plate map at ingest, or name another column"
        )
    return found


def _true_profile(plate: Plate, store: Path, measured: Profile, fields: int | None, seed: int) -> Profile | None:
    """Return the profile of a simulated plate's true label images, over the same hours and fields."""
    if "simulated" not in plate.provenance:
        return None
    from phasewell.descriptors import build_profile

    window_h = (measured.times_h[0], measured.times_h[-1])
    return build_profile(_true_moments(store, window_h), window_h, fields, seed=seed)


@functools.lru_cache(maxsize=1)  # minutes of work for a large plate, and several fits follow each other
def _true_moments(store: Path, window_h: tuple[float, float]) -> FieldMoments:
    from phasewell.runs.simulated_plates import measure_truth

    return measure_truth(store, window_h)


def _write_json(path: Path, document: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=2, sort_keys=True, allow_nan=False) + "\n", encoding="utf-8")
